internal import Foundation
internal import SemblanceNumerics

/// Attention moves from easy rows to hard ones as training goes on (after PEG).
///
///     w[i] = e^(γ D[i])  brought to 1 on average over the batch
///     γ    = α (2 s / S − 1)  in step s of S
///
/// D[i] = 1 − p[i] is how hard a row is now: the probability that its negatives take from the positive. At first rows that
/// the model knows weigh more, so that noise counts little; half-way all weigh the same; in the end hard rows weigh more.
///
/// - Complexity: O(B) beside the kernel's; rows are scored twice.
/// - Note: Source: Wu et al. 2023, arXiv:2311.11691: samples of a very large batch are weighted by how hard their negatives
///   are, and the weights change in the course of training. The form above, and α = 1, are ours.
public struct ProgressiveAttention: StandardMethod {
    /// The name in configurations.
    public static let name = "progressive-attention"
    /// α: the hardest row weighs up to e^α times the easiest, or the easiest the hardest. The default is 1.
    public var strength = 1.0

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            strength >= 0 && strength <= 50,
            "\(Self.name): strength is \(strength): it must be 0 to 50"
        )
    }

    /// What the step's rows weigh.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        let lean = strength * (2 * Double(step.number) / Double(step.total) - 1)
        let weights = losses.losses.map { exp(-lean * expm1(-$0)) }
        let mean = weights.reduce(0, +) / Double(max(weights.count, 1))
        return weights.map { Float($0 / mean) }
    }
}
