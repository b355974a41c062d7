internal import Foundation
internal import SemblanceNumerics

/// Rows weigh as much as the model is sure of them, and as the data says they are trusted (the reweighting of COSINE).
///
///     w[i] = weight[i] · ω[i] where ω[i] ≥ ξ, else 0
///     ω[i] = 1 − H(p[i]) / log n[i]
///
/// p[i] is the softmax of anchor i over its n[i] open candidates and H its entropy: ω is 1 where all probability is in one
/// place, and 0 where the model cannot tell candidates apart. weight[i] is the pair's own, 1 where the data has none. A
/// model knows nothing at first: until `warmup` the pairs' own weights count alone.
///
/// - Complexity: O(B) beside the kernel's; rows are scored twice.
/// - Note: Source: Yu et al. 2021, arXiv:2010.07835. There the model is first trained on the weak labels, and then on
///   pseudo-labels of its own with these weights; here the pairs stay. The threshold and the warm-up are ours.
public struct ConfidenceWeights: StandardMethod {
    /// The name in configurations.
    public static let name = "confidence-weights"
    /// ξ, the confidence below which a row weighs nothing. The default is 0.6.
    public var threshold = 0.6
    /// The share of all steps before confidence counts. The default is 0.3.
    public var warmup = 0.3

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        for (name, value) in [("threshold", threshold), ("warmup", warmup)] {
            try TrainingError.require(
                value >= 0 && value <= 1,
                "\(Self.name): \(name) is \(value): it must be 0 to 1"
            )
        }
    }

    /// The pairs' own weights times the model's confidence.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        if Double(step.number) < warmup * Double(step.total) { return step.weights }
        return step.weights.indices.map { row in
            // A row with one candidate is sure of it.
            let most = log(Double(losses.candidates[row]))
            let confidence = most > 0 ? 1 - losses.entropies[row] / most : 1
            return confidence >= threshold ? step.weights[row] * Float(confidence) : 0
        }
    }
}
