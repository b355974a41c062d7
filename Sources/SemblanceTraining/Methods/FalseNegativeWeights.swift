internal import SemblanceNumerics

/// Candidates that a complementary model finds very similar to the anchor are taken for false negatives and weigh nothing
/// (the instance weighting of DCLR).
///
///     weight of j in i's softmax = 0 where guide[i, j] ≥ φ, else 1
///
/// guide are cosines of the complementary model's embeddings. A weight of 0 is a mask; positives are never touched. The
/// noise vectors of the same paper are ``NoiseNegatives``.
///
/// - Complexity: every text is embedded by the model before the first step; O(B·N·D) a step for its cosines.
/// - Note: Source: Zhou et al. 2022, arXiv:2205.00656; the complementary model there is SimCSE. φ is tuned there; 0.9 is ours.
public struct FalseNegativeWeights: StandardMethod {
    /// The name in configurations.
    public static let name = "false-negative-weights"
    /// The folder of the complementary model. There is no default.
    public var guide: String?
    /// φ, the cosine from which a candidate is no negative. The default is 0.9.
    public var threshold: Float = 0.9

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            threshold > -1 && threshold <= 1,
            "\(Self.name): threshold is \(threshold): it is a cosine, above −1 and at most 1"
        )
    }

    /// Embeds all texts with the complementary model.
    ///
    /// - Throws: ``TrainingError`` where there is none, or what opening it throws.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.guideState(from: guide, for: Self.name)
    }

    /// Closes what weighs nothing.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let guided = TextCosines(of: block, in: step, state) else { return }
        block.close(guided.above(MatrixExpression(threshold.nextDown)))
    }
}
