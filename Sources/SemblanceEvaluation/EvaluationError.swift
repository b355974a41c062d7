/// Why an evaluation can't be made.
public struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// No query has a relevant document: there is nothing to average over.
        public static let noJudgedQueries = Code(name: "noJudgedQueries")
        /// Two documents, or two queries, have the same id.
        public static let repeatedIdentifier = Code(name: "repeatedIdentifier")
        /// There are too few scored pairs, or their scores don't differ.
        public static let noScoredPairs = Code(name: "noScoredPairs")
        /// Two systems were not evaluated on the same queries with the same metrics.
        public static let notComparable = Code(name: "notComparable")
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
