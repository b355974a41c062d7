internal import SemblanceNumerics

/// Cross-batch memory: the documents of the last batches, as they were embedded then, are candidates too.
///
///     loss[i] = −log exp(s[i, i]) / (Σ over documents j of the batch of exp(s[i, j]) + Σ over m of exp(aᵢ · mₖ / τ))
///
/// Embeddings drift slowly, so those of the last steps stand in for what the model would give now; no gradient flows to
/// them. The memory is a queue: the oldest go first. Entries that are known to be relevant to the anchor are masked as
/// in the batch. The paper adds a pair loss over the memory to the batch's; in a softmax both are one partition.
///
/// Time grows by `size` candidates an anchor, memory by `size` · D floats, in checkpoints too.
///
/// - Note: Source: Wang et al. 2020, arXiv:1912.06798, §3.2. Sizes there go from 1 to 100 % of the data; the default is
///   that of the authors' code. They begin after 1,000 of 35,000 steps.
public struct CrossBatchMemory: StandardMethod {
    /// The name in configurations.
    public static let name = "cross-batch-memory"
    /// How many documents are remembered. The default is 8192.
    public var size = 8192
    /// The share of all steps before the memory begins to fill. The default is 0.03.
    public var warmup = 0.03

    private static let queue = CandidateQueue("memory")

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            size >= 1 && size <= 1 << 24,
            "cross-batch-memory size is \(size): it must be 1 to 16777216"
        )
        try TrainingError.require(
            warmup >= 0 && warmup < 1,
            "cross-batch-memory warmup is \(warmup): it must be at least 0 and below 1, a share of all steps"
        )
    }

    /// An empty memory.
    public func start(_ training: MethodContext) -> MethodState {
        var state = MethodState()
        Self.queue.start(capacity: size, dimension: training.dimension, in: &state)
        return state
    }

    /// Adds what is remembered, then remembers this batch.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        guard Double(step.number) >= warmup * Double(step.total) else { return }
        if let remembered = Self.queue.candidates(in: state) { step.add(remembered) }
        Self.queue.append(step.documents.value, step.documentKeys, to: &state)
    }
}
