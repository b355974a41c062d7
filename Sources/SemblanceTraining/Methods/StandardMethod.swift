// The methods that come with the library, by name.

/// A method that configurations can hold: its settings are values with defaults.
public protocol StandardMethod: ContrastiveMethod, Codable, Hashable {
    /// What configuration files and the command call it.
    static var name: String { get }
    /// The paper's settings.
    init()
    /// Throws ``TrainingError`` with the first value out of its range.
    func validate() throws
}

extension StandardMethod {
    /// Nothing can be wrong.
    public func validate() throws {}
}

/// One of the standard methods with its settings.
///
/// As JSON: the settings, with the name beside them, `{"name": "uniformity", "weight": 1}`.
public struct MethodChoice: Sendable {
    /// The method.
    public let method: any StandardMethod

    /// A method.
    public init(_ method: some StandardMethod) { self.method = method }

    /// A method by name, with its defaults.
    ///
    /// - Throws: ``TrainingError`` where there is none of that name.
    public init(named name: String) throws { method = try Self.type(named: name).init() }

    static func type(named name: String) throws -> any StandardMethod.Type {
        guard let type = MethodRegistry.types.first(where: { $0.name == name }) else {
            throw TrainingError(
                code: .invalidConfiguration,
                message: "there is no method \(name.debugDescription); there are "
                    + MethodRegistry.names.joined(separator: ", ")
            )
        }
        return type
    }
}

extension MethodChoice: Hashable {
    /// Whether both are the same method with the same settings.
    public static func == (left: MethodChoice, right: MethodChoice) -> Bool {
        AnyHashable(left.method) == AnyHashable(right.method)
    }

    /// Hashes the method.
    public func hash(into hasher: inout Hasher) { AnyHashable(method).hash(into: &hasher) }
}

extension MethodChoice: Codable {
    private enum Key: String, CodingKey { case name }

    /// Reads name and settings.
    public init(from decoder: any Decoder) throws {
        let name = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .name)
        method = try Self.type(named: name).init(from: decoder)
    }

    /// Writes name and settings.
    public func encode(to encoder: any Encoder) throws {
        try method.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Swift.type(of: method).name, forKey: .name)
    }
}
