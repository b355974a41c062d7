public import SemblanceNumerics

/// A teacher's ranking of each row's documents, pair by pair, where the first places count most.
///
///     loss = mean over anchors of Σ over documents i, j: max(0, 1 / r[i] − 1 / r[j]) · log(1 + exp(s[j] − s[i]))
///
/// r is the rank among the row's documents by the teacher's score, from 1; s are cosines / τ with the objective's
/// temperature, held fixed here. The softmax over the batch stands beside it.
///
/// - Complexity: O(C·D + C²) time, O(C²) memory.
/// - Note: Source: Li et al. 2023, arXiv:2305.04320 (UDR), §3.2, after LambdaRank; ties share a rank.
public struct ListwiseRanking: StandardMethod {
    /// `listwise-ranking`.
    public static let name = "listwise-ranking"

    /// What it weighs beside the softmax over the batch. The default is 1.
    public var weight: Float = 1
    /// Whether there is no softmax over the batch beside it. The default is no.
    public var isAlone = false

    /// The paper's settings.
    public init() {}

    /// Whether it is alone.
    public var replacesContrast: Bool { isAlone }

    /// The weight is a number, at least 0.
    public func validate() throws { try TrainingError.requireWeight(weight, of: Self.name) }

    /// Every row has a teacher's scores, and a negative.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireTeacherScores(for: Self.name)
        return MethodState()
    }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let scored = TeacherScores(step)
        let logits = scored.similarities * step.scale
        let gains = MatrixExpression(column: scored.ranks.map { 1 / Float($0) })
        let weights = (gains - gains.asRow).relu * scored.haveSameOwner
        return weight / Float(step.anchorTexts.count) * (weights * (logits.asRow - logits).softplus).sum
    }
}
