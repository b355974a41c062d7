/// A safetensors file that can't be read or written as asked.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// The file can't be opened or read, or became shorter while it was read.
        public static let unreadable = Code(name: "unreadable")
        /// The file isn't what the format says: a cut, damaged or foreign file.
        public static let malformed = Code(name: "malformed")
        /// The file holds no tensor of that name.
        public static let missingTensor = Code(name: "missingTensor")
        /// The tensor's numbers are of a type that isn't read here.
        public static let unsupportedType = Code(name: "unsupportedType")
        /// Two tensors to write have the same name, or a shape doesn't fit its values.
        public static let invalidTensor = Code(name: "invalidTensor")
    }

    /// What kind of failure it is.
    public let code: Code
    /// The file, the tensor and the numbers concerned, and what to do.
    public let message: String

    /// The message.
    public var description: String { message }

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
