public import SemblanceNumerics

/// Fewer directions for the embeddings of a batch.
///
///     term = weight · log rank,    rank = (Σ λ[k])² / Σ λ[k]²
///
/// λ are the eigenvalues of Σ over texts of x xᵀ, x the unit embeddings of anchors and first positives: the rank is
/// between 1, where all are alike or opposite, and the smaller of texts and dimensions, where they fill all directions
/// evenly.
///
/// - Complexity: O(B²·D) time, O(B²) memory.
/// - Note: Source: Jung et al. 2024, arXiv:2405.11297 (representation-rank reduction), for the idea. This measure of
///   rank, which needs no decomposition since Σ λ² is the sum of the squared inner products, and the weight are ours.
public struct RankReduction: StandardMethod {
    /// `rank-reduction`.
    public static let name = "rank-reduction"

    /// The weight beside the softmax. The default is 0.1.
    public var weight: Float = 0.1

    /// The defaults.
    public init() {}

    /// The weight is a number, at least 0.
    public func validate() throws { try TrainingError.requireWeight(weight, of: Self.name) }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let x = MatrixExpression.stacked([step.anchors, step.firstPositives])
        let trace = x.rowDots(x).sum
        let squares = x.product(x, transposed: true).squared.sum
        return weight * (2 * trace.log - squares.log)
    }
}
