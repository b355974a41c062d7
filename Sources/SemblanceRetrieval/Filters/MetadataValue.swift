public import Foundation

/// What a field of a document's metadata says.
///
/// In JSON it is what one expects: a string, a number, `true` or `false`, or an array of these; a date is a string in
/// the form of ISO 8601. JSON has no dates, so **a string that reads as one is one** wherever values are compared:
/// `"2024-05-01"`, or a date, `T` or a blank, and a time `12:30`, `12:30:15` or `12:30:15.250`, then `Z`, an offset
/// such as `+02:00`, or nothing for UTC. So `"2024-05-01"` equals `"2024-05-01T02:00:00+02:00"` and is less than
/// `"2024-05-02"`, and it makes no difference whether a program gave a `Date` or a file its text.
///
/// Dates count in whole milliseconds, numbers are 64-bit floats: whole numbers above 2⁵³ are rounded, so long ids
/// belong in strings.
public enum MetadataValue: Hashable, Sendable {
    /// A text, compared as a whole, letter case and all.
    case string(String)
    /// A finite number.
    case number(Double)
    /// Yes or no.
    case boolean(Bool)
    /// A point in time, of the years 1 to 9999.
    case date(Date)
    /// Several values, none of them a list.
    case list([MetadataValue])

    /// The text of a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number.
    public var number: Double? { if case .number(let value) = self { value } else { nil } }
    /// The Boolean.
    public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    /// The values of a list.
    public var list: [MetadataValue]? { if case .list(let values) = self { values } else { nil } }

    /// The point in time of a date, or of a string that reads as one.
    public var date: Date? {
        switch self {
        case .date(let value): value
        case .string(let text): Milliseconds(reading: text)?.date
        default: nil
        }
    }
}

extension MetadataValue {
    /// The value that stands here after a way through JSON: the texts of dates are dates, in whole milliseconds.
    var normalized: MetadataValue {
        switch self {
        case .string(let text):
            if let date = Milliseconds(reading: text), date.text == text { .date(date.date) } else { self }
        case .date(let date): .date(Milliseconds(date)?.date ?? date)
        case .list(let values): .list(values.map(\.normalized))
        default: self
        }
    }
}

extension MetadataValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A number.
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A Boolean.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    /// A list.
    public init(arrayLiteral values: MetadataValue...) { self = .list(values) }
}

extension MetadataValue: Codable {
    /// Reads what JSON has; a string in exactly the form in which dates are written (`2024-05-01T00:00:00Z`) becomes a
    /// date again.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = Self.single(in: container) {
            self = value
        } else if let values = try? container.decode([Single].self) {
            self = .list(values.map(\.value))
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: Self.expected)
        }
    }

    static let expected = "metadata has strings, finite numbers, true and false, and lists of these"

    /// The value, if it is no list.
    private static func single(in container: any SingleValueDecodingContainer) -> MetadataValue? {
        if let text = try? container.decode(String.self) { return .string(text).normalized }
        if let number = try? container.decode(Double.self) { return .number(number) }
        return (try? container.decode(Bool.self)).map(MetadataValue.boolean)
    }

    /// An element of a list.
    private struct Single: Decodable {
        let value: MetadataValue

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            guard let value = MetadataValue.single(in: container) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: MetadataValue.expected)
            }
            self.value = value
        }
    }

    /// Writes what ``init(from:)`` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .boolean(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .date(let date):
            guard let text = Milliseconds(date)?.text else {
                throw EncodingError.invalidValue(
                    date,
                    .init(codingPath: encoder.codingPath, debugDescription: "the date isn't in the years 1 to 9999")
                )
            }
            try container.encode(text)
        }
    }
}
