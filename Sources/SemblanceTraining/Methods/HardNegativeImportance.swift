internal import Foundation
public import SemblanceNumerics

/// Negatives are sampled by importance: hard ones count for several, easy ones for less than one (HN-NCE of DiHT).
///
///     w[i, j] = n[i] e^(β z[i, j]) / Σ over open negatives k of e^(β z[i, k])
///     loss    = −log( e^z[i, t] / (α e^z[i, t] + Σ over open negatives j of w[i, j] e^z[i, j]) )
///
/// n[i] negatives of anchor i are open, t is its positive: the weights of an anchor's negatives are 1 on average. With
/// α = 1 and β = 0 this is InfoNCE.
///
/// - Complexity: O(B·N) beside the kernel's.
/// - Note: Source: Radenovic et al. 2023, arXiv:2301.02280 (HN-NCE). α and β are tuned there; 1 and 0.25 are ours. Gradient
///   flows through the weights too, as in public implementations. The other direction is the configuration's to add.
public struct HardNegativeImportance: StandardMethod {
    /// The name in configurations.
    public static let name = "hard-negative-importance"
    /// α, how often the positive counts below the fraction. The default is 1.
    public var alpha: Float = 1
    /// β, how much harder negatives are preferred. The default is 0.25.
    public var beta: Float = 0.25

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            alpha > 0 && alpha <= 1,
            "\(Self.name): alpha is \(alpha): it must be above 0 and at most 1"
        )
        try TrainingError.require(
            beta.isFinite && beta >= 0,
            "\(Self.name): beta is \(beta): it must be a number, at least 0"
        )
    }

    /// Adds the logarithm of its weight to each negative's logit.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        block.weighNegatives(byLog: block.logits * beta)
        block.logits = block.logits + MatrixExpression(block.isTarget) * log(alpha)
    }

    /// log α: the positive counts α times below the fraction alone, and the logit stands above it too.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        MatrixExpression(log(alpha))
    }
}

extension CandidateBlock {
    /// Counts each open negative as often as its weight says, the logarithm of which is given up to a constant of its
    /// row: an anchor's weights are brought to 1 on average.
    mutating func weighNegatives(byLog weights: MatrixExpression) {
        let isTarget = MatrixExpression(isTarget)
        // Finite, so that a row without open negatives has no 0 · ∞.
        let open = MatrixExpression(mask).atLeast(-1e30) - isTarget * 1e30
        let level = open.logSumExpOfRows - (weights + open).logSumExpOfRows
        logits = logits + (1 - isTarget) * (weights + level)
    }
}
