/// Why training could not begin or go on: a setting, the data or a checkpoint.
public struct TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable {
        private let name: String
        /// A setting is out of its range.
        public static let invalidConfiguration = Code(name: "invalidConfiguration")
        /// The training data can't be used.
        public static let invalidData = Code(name: "invalidData")
        /// The loss or a weight is no longer a number.
        public static let diverged = Code(name: "diverged")
        /// A checkpoint is missing, damaged, or of other settings or data.
        public static let unusableCheckpoint = Code(name: "unusableCheckpoint")
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, with its value, and what to do.
    public let message: String
    /// The message.
    public var description: String { message }

    static func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw TrainingError(code: .invalidConfiguration, message: message()) }
    }

    static func requireWeight(_ weight: Float, of method: String) throws {
        try require(
            weight.isFinite && weight >= 0,
            "\(method): a weight is \(weight): it must be a number, at least 0"
        )
    }

    /// Data that can't be used because of one pair.
    ///
    /// - Parameters:
    ///   - index: the pair's place, from 0.
    ///   - problem: goes on where the pair has been named.
    static func pair(_ index: Int, anchor: String, _ problem: String) -> TrainingError {
        TrainingError(
            code: .invalidData,
            message: "training pair \(index + 1) (anchor \(anchor.prefix(60).debugDescription))\(problem)"
        )
    }
}
