/// The fields of a document that filters ask for, by name: `["year": 2024, "tags": ["a", "b"], "draft": false]`.
///
/// In JSON an object. A field that is `null` there is one that the document doesn't have.
public struct Metadata: Hashable, Sendable {
    /// The fields by name.
    public var fields: [String: MetadataValue]

    /// Metadata of these fields, none by default.
    public init(_ fields: [String: MetadataValue] = [:]) { self.fields = fields }

    /// One field; nil if there is none of this name.
    public subscript(name: String) -> MetadataValue? {
        get { fields[name] }
        set { fields[name] = newValue }
    }

    /// The bounds of what a document may have.
    package enum Limit {
        /// Fields of a document.
        package static let fields = 1000
        /// UTF-8 bytes of a field's name.
        package static let name = 256
        /// UTF-8 bytes of a string.
        package static let text = 65_536
        /// Values of a list.
        package static let list = 10_000
    }

    /// Checks that an index can keep this: up to 1,000 fields, with names of 1 to 256 bytes, strings of up to 65,536
    /// bytes and lists of up to 10,000 values that are no lists; finite numbers; dates of the years 1 to 9999.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidMetadata`, naming the field.
    public func validate() throws(RetrievalError) {
        if fields.count > Limit.fields {
            throw RetrievalError(
                code: .invalidMetadata,
                message: "the metadata has \(fields.count) fields; up to \(Limit.fields) can be kept"
            )
        }
        for (name, value) in fields {
            if let problem = Self.problem(ofName: name) ?? value.problem {
                throw RetrievalError(
                    code: .invalidMetadata,
                    message: "the field '\(name.prefix(60))' of the metadata \(problem)"
                )
            }
        }
    }

    static func problem(ofName name: String) -> String? {
        let length = name.utf8.count
        return length >= 1 && length <= Limit.name
            ? nil : "has a name of \(length) bytes; give it one of 1 to \(Limit.name)"
    }
}

extension MetadataValue {
    /// What is wrong with a value, after "the field … of the metadata".
    fileprivate var problem: String? {
        guard case .list(let values) = self else { return problemOfSingle }
        if values.count > Metadata.Limit.list {
            return "is a list of \(values.count) values; up to \(Metadata.Limit.list) can be kept"
        }
        for (place, value) in values.enumerated() {
            if let problem = value.problemOfSingle {
                return "has at place \(place) of its list a value that \(problem)"
            }
        }
        return nil
    }

    /// What is wrong with a value that may not be a list.
    var problemOfSingle: String? {
        switch self {
        case .string(let text):
            let length = text.utf8.count
            return length <= Metadata.Limit.text
                ? nil : "is a string of \(length) bytes; up to \(Metadata.Limit.text) can be kept"
        case .number(let number): return number.isFinite ? nil : "is \(number); it must be finite"
        case .boolean: return nil
        case .date(let date): return Milliseconds(date) == nil ? "is a date outside the years 1 to 9999" : nil
        case .list: return "is a list in a list; only single values can be in one"
        }
    }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    /// Metadata of these fields; of a name that is given twice, the last value.
    public init(dictionaryLiteral fields: (String, MetadataValue)...) {
        self.fields = Dictionary(fields) { $1 }
    }
}

extension Metadata: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads an object.
    ///
    /// - Throws: `DecodingError` that names the field, also for what ``validate()`` refuses.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        fields = [:]
        for name in container.allKeys where try !container.decodeNil(forKey: name) {
            fields[name.stringValue] = try container.decode(MetadataValue.self, forKey: name)
        }
        do {
            try validate()
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.message))
        }
    }

    /// Writes an object.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for (name, value) in fields { try container.encode(value, forKey: Name(stringValue: name)) }
    }
}
