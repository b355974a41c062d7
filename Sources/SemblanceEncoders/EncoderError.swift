/// Why a model could not be opened, written or used.
public struct EncoderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable {
        private let name: String
        /// A dimension outside the model's.
        public static let invalidDimension = Code(name: "invalidDimension")
        /// A setting is out of its range.
        public static let invalidConfiguration = Code(name: "invalidConfiguration")
        /// A file is missing or can't be read.
        public static let unreadableFile = Code(name: "unreadableFile")
        /// A file's content is not what it should be.
        public static let invalidFile = Code(name: "invalidFile")
        /// The model is of a kind that is not supported.
        public static let unsupportedModel = Code(name: "unsupportedModel")
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, with its value, and what to do.
    public let message: String
    /// The message.
    public var description: String { message }

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
