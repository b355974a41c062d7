/// Why a tokenizer couldn't be read, made or written.
public struct TextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// A file can't be read: it is missing, not a plain file, too large, or not ours to open.
        public static let unreadableFile = Code(name: "unreadableFile")
        /// A file can't be written.
        public static let unwritableFile = Code(name: "unwritableFile")
        /// A file isn't what its name says: broken JSON, a field missing or of the wrong type.
        public static let malformedFile = Code(name: "malformedFile")
        /// A file asks for a part that isn't supported yet.
        public static let unsupported = Code(name: "unsupported")
        /// A vocabulary contradicts itself or lacks a token that is needed.
        public static let invalidVocabulary = Code(name: "invalidVocabulary")
        /// A setting is outside what it can be.
        public static let invalidConfiguration = Code(name: "invalidConfiguration")
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong, where, and what to do.
    public let message: String

    /// The message.
    public var description: String { message }

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
