/// The methods that come with the library.
public enum MethodRegistry {
    /// Their names, in order.
    public static var names: [String] { types.map { $0.name }.sorted() }

    static let types: [any StandardMethod.Type] = [
        AlignmentUniformity.self
    ]
}
