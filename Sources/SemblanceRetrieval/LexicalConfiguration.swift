// How texts become terms, and how terms are weighed.

/// How a ``LexicalIndex`` reads texts and scores them.
public struct LexicalConfiguration: Codable, Hashable, Sendable {
    /// What is known of the texts' language.
    public enum Language: String, Codable, Hashable, Sendable, CaseIterable {
        /// English stop words are left out, and words are stemmed by Snowball's English algorithm.
        case english
        /// Words are taken as they are, in lower case.
        case none
    }

    /// How fast a repeated term stops counting for more (at 0 it counts once).
    ///
    /// The default is 0.9.
    public var k1 = 0.9

    /// How far a text's length is held against it, from 0 (not) to 1 (fully).
    ///
    /// The default is 0.4.
    public var b = 0.4

    /// The texts' language.
    ///
    /// The default is English.
    public var language = Language.english

    /// The defaults.
    public init() {}

    /// Throws ``LexicalError`` with code `.invalidConfiguration` for a value out of its range.
    public func validate() throws(LexicalError) {
        guard k1.isFinite, k1 >= 0 else {
            throw LexicalError(.invalidConfiguration, "k1 is \(k1); it must be a number from 0 on, such as 0.9")
        }
        guard b >= 0, b <= 1 else {
            throw LexicalError(.invalidConfiguration, "b is \(b); it must be a number from 0 to 1, such as 0.4")
        }
    }
}

/// What can go wrong with a ``LexicalIndex``.
public struct LexicalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: Hashable, Sendable {
        private enum Kind {
            case invalidConfiguration, tooManyTexts, repeatedNumber, unknownNumber, otherText, damagedSegment
        }

        private let kind: Kind

        /// A value of the configuration is out of its range.
        public static let invalidConfiguration = Code(kind: .invalidConfiguration)
        /// There are more texts than an index can number.
        public static let tooManyTexts = Code(kind: .tooManyTexts)
        /// A text is to be added under the number of another.
        public static let repeatedNumber = Code(kind: .repeatedNumber)
        /// A text is to be removed that is not there.
        public static let unknownNumber = Code(kind: .unknownNumber)
        /// A text is to be removed that was inserted with other words.
        public static let otherText = Code(kind: .otherText)
        /// Bytes are no part of an index, or not as they were written.
        public static let damagedSegment = Code(kind: .damagedSegment)
    }

    /// The kind of failure, for code.
    public let code: Code
    /// What is wrong and what to do, for people.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
