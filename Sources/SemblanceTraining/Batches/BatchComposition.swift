/// Which rows come into a batch together, and so are each other's negatives.
public struct BatchComposition: Hashable, Sendable, Codable {
    /// The kinds of composition.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// Rows of all kinds.
        case mixed
        /// Rows of one task (``TrainingPair/task``), so that what sets tasks apart is no help: homogeneous batches
        /// (arXiv:2310.07554, §3; arXiv:2308.03281, §3).
        case tasks
        /// Rows whose anchors are near each other under the model as it stands, so that negatives are hard: the rows are
        /// put in the order of k-means clusters and cut into batches (after the graph's neighbourhoods of
        /// arXiv:2407.12703).
        case clusters
    }

    /// The kind. The default is mixed.
    public var kind = Kind.mixed
    /// How many clusters there are; `nil`, the default, is one for every four batches, at least 2. No paper says.
    public var clusters: Int?
    /// A task of n rows gives batches in proportion to nᵃ; a = 1, the default, takes every row once an epoch, less takes
    /// those of small tasks more often and of large ones less: the epoch has as many batches as with 1
    /// (arXiv:2308.03281, §3, takes 0.5).
    public var taskExponent = 1.0

    /// The defaults.
    public init() {}

    /// A kind with its defaults.
    public init(_ kind: Kind) { self.kind = kind }

    func validate() throws {
        if let clusters {
            try TrainingError.require(clusters >= 1, "batches.clusters is \(clusters): it must be at least 1")
        }
        try TrainingError.require(
            taskExponent >= 0 && taskExponent <= 1,
            "batches.taskExponent is \(taskExponent): it must be 0 to 1"
        )
    }
}
