internal import SemblanceNumerics

/// Targets softened by feedback: a pair's score is the probability of its positive, the rest is spread evenly.
///
///     t[i, j] = score[i] / (positives of i)             where j is a positive of i
///             = (1 − score[i]) / (open others of i)     else
///
/// Scores lie within 0 … 1; 1 is the plain one-hot target. A row with no other open candidate keeps its one-hot target.
///
/// - Complexity: O(1) a score.
/// - Note: Source: Cheng et al. 2023, "Improving Contrastive Learning of Sentence Embeddings from AI Feedback" (CLAIF),
///   arXiv:2305.01918, §3.3 (soft labels of CLHAIF, its `smooth_all`). What the paper has a language model judge is any
///   `score` here; its CLAIF objective on scored pairs is ``CosineMSE``.
public struct SoftLabels: StandardMethod {
    /// `soft-labels`.
    public static let name = "soft-labels"

    /// The paper's settings: there are none.
    public init() {}

    /// Every pair has a score within 0 … 1.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireScores(for: Self.name, within: 0...1)
        return MethodState()
    }

    /// The targets.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        let isTarget = MatrixExpression(block.isTarget)
        let isOther = MatrixExpression(block.mask).exp * (1 - isTarget)
        let others = isOther.rowSums
        let spread =
            (1 - MatrixExpression(column: Array(step.scores[block.rows])))
            * MatrixExpression(others > MatrixExpression(0))
        let targets = isTarget * ((1 - spread) / isTarget.rowSums) + isOther * (spread / others.atLeast(1))
        block.targets = targets.value
    }
}
