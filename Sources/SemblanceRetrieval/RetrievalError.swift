/// Why an index refused a call or a file.
public struct RetrievalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable {
        private let name: String
        /// An argument is out of its range.
        public static let invalidArgument = Code(name: "invalidArgument")
        /// A vector has another dimension than the index.
        public static let dimensionMismatch = Code(name: "dimensionMismatch")
        /// A vector holds a NaN or an infinity, or is too long for its scores to be finite.
        public static let unusableVector = Code(name: "unusableVector")
        /// An id is taken.
        public static let duplicateID = Code(name: "duplicateID")
        /// The kind of index is none that FAISS can make, or not for this dimension or metric.
        public static let invalidKind = Code(name: "invalidKind")
        /// There are too few vectors to learn the lists or codes of this kind of index from.
        public static let tooFewVectors = Code(name: "tooFewVectors")
        /// A field of a document's metadata can't be kept: a number that isn't finite, a text that is too long.
        public static let invalidMetadata = Code(name: "invalidMetadata")
        /// A filter isn't understood, or compares with what nothing can be compared with.
        public static let invalidFilter = Code(name: "invalidFilter")
        /// A file can't be read or written.
        public static let fileSystem = Code(name: "fileSystem")
        /// A file is not what was written, or was written by a later version.
        public static let damagedFile = Code(name: "damagedFile")
        /// The system has no memory left.
        public static let outOfMemory = Code(name: "outOfMemory")
        /// The index was opened for reading alone.
        public static let readOnly = Code(name: "readOnly")
        /// The search took longer than it was given.
        public static let deadlineExceeded = Code(name: "deadlineExceeded")
        /// FAISS refused, in its own words.
        public static let backend = Code(name: "backend")
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
