public import SemblanceNumerics

/// Cosines in the order of the pairs' scores.
///
///     loss = log(1 + Σ over pairs with score[i] > score[j] of exp(scale (cosine[j] − cosine[i])))
///
/// Only the order of scores counts, so their unit doesn't matter. There is no softmax over candidates beside it; further
/// positives and negatives of a row take no part.
///
/// - Complexity: O(B²) time and memory beside the B cosines.
/// - Note: Source: Huang et al. 2024, "CoSENT: Consistent Sentence Embedding via Similarity Ranking", IEEE/ACM TASLP,
///   doi:10.1109/TASLP.2024.3402087, after Su 2022; scale 20.
public struct CoSENT: StandardMethod {
    /// `cosent`.
    public static let name = "cosent"

    /// How sharply cosines are compared. The default is 20.
    public var scale: Float = 20

    /// The paper's settings.
    public init() {}

    /// Yes.
    public var replacesContrast: Bool { true }

    /// The scale is above 0.
    public func validate() throws {
        try TrainingError.require(
            scale.isFinite && scale > 0,
            "\(Self.name): scale is \(scale): it must be above 0 (20 is usual)"
        )
    }

    /// Every pair has a score.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireScores(for: Self.name)
        return MethodState()
    }

    /// The loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        rankingLoss(scale * step.anchors.rowDots(step.firstPositives), labels: step.scores)
    }
}
