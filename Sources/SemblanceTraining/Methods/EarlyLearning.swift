internal import Foundation
public import SemblanceNumerics

/// Rows are held to what the model believed of them early, before it learns noisy pairs by heart (ELR).
///
///     q[i]  = softmax probability of anchor i's positive; p = (q, 1 − q)
///     t[i]  ← β t[i] + (1 − β) p[i]                     a running mean for each training row, from 0
///     loss  = mean over i of −log q[i] + λ log(1 − ⟨p[i], t[i]⟩)
///
/// A row that the model never believed has a small t: the second term then takes the gradient of the first away. The
/// gradient of both is that of −log q times
///
///     w[i] = 1 + λ q (t₁ − t₂) / (1 − ⟨p, t⟩)
///
/// so the method is a weight. The paper has fixed classes; here candidates differ from batch to batch, and the classes are
/// two: the row's own positive, or any other. The authors' code clips probabilities to 10⁻⁴ … 1 − 10⁻⁴, which leaves the term
/// without a gradient beyond; with hundreds of candidates that is where noisy pairs are, so here nothing is clipped.
///
/// - Complexity: O(B); rows are scored twice. Two floats for each row of the training data, part of checkpoints.
/// - Note: Source: Liu et al. 2020, arXiv:2007.00151; λ = 3 and β = 0.7 as on CIFAR-10.
public struct EarlyLearning: StandardMethod {
    /// The name in configurations.
    public static let name = "early-learning"
    /// λ, the weight of the term. The default is 3.
    public var strength: Float = 3
    /// β, how slowly beliefs change. The default is 0.7.
    public var momentum: Float = 0.7

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            strength.isFinite && strength >= 0,
            "\(Self.name): strength is \(strength): it must be a number, at least 0"
        )
        try TrainingError.require(
            momentum >= 0 && momentum < 1,
            "\(Self.name): momentum is \(momentum): it must be at least 0 and below 1"
        )
    }

    /// Nothing is believed yet.
    public func start(_ training: MethodContext) throws -> MethodState {
        var state = MethodState()
        state.saved["beliefs"] = Matrix(rows: training.rows.count, columns: 2)
        return state
    }

    /// Renews the beliefs of the step's rows, and weighs the rows by them.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        guard var beliefs = state.saved.removeValue(forKey: "beliefs") else { return nil }
        var (weights, correction): ([Float], Double) = ([], 0)
        let (strength, momentum) = (Double(strength), Double(momentum))
        for (row, loss) in zip(step.rows, losses.losses) {
            let q = exp(-loss)
            let own = momentum * Double(beliefs[Int(row), 0]) + (1 - momentum) * q
            let other = momentum * Double(beliefs[Int(row), 1]) + (1 - momentum) * (1 - q)
            (beliefs[Int(row), 0], beliefs[Int(row), 1]) = (Float(own), Float(other))
            // Not 0, for running means from 0 sum to less than 1.
            let disagreement = max(1 - q * own - (1 - q) * other, 1e-12)
            let weight = 1 + strength * q * (own - other) / disagreement
            weights.append(Float(weight))
            correction += (1 - weight) * loss + strength * log(disagreement)
        }
        state.saved["beliefs"] = beliefs
        state.derived["correction"] = Matrix(
            rows: 1,
            columns: 1,
            repeating: Float(correction / Double(max(weights.count, 1)))
        )
        return weights
    }

    /// What the weighted losses lack to be the loss; it has no gradient.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        state.derived["correction"].map { MatrixExpression($0) }
    }
}
