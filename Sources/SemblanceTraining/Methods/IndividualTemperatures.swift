internal import Foundation
internal import SemblanceNumerics

/// Every training row has a temperature of its own, learned: high where many candidates are close to the anchor, low where
/// few are (iSogCLR).
///
///     F[i](τ) = τ log mean over open negatives j of e^((cosine[i, j] − cosine[i, t]) / τ) + τ ρ
///     loss    = mean over i of F[i](τ[i]),  τ[i] minimises F[i]
///
/// It is a robust loss: the worst reweighting of an anchor's negatives within a Kullback–Leibler distance ρ of equal weights.
/// At its τ an anchor's softmax over negatives is at just that distance:  log n[i] − H(p[i]) = ρ. The positive is not part
/// of the softmax. With g the mean above, for the rows of a step:
///
///     s[i] ← (1 − γ) s[i] + γ g[i]                                       a running mean, for what the batch lacks
///     u[i] ← (1 − β) u[i] + β (log s[i] + ρ − g[i]/s[i] · Σ over j of p[i, j] (cosine[i, j] − cosine[i, t]) / τ[i])
///     τ[i] ← τ[i] − η u[i],  within bounds                               ∂F/∂τ is clipped to −5 … 5
///
/// and anchor i's loss weighs τ[i] g[i] / s[i]. The configuration's temperature is not used.
///
/// - Complexity: O(B·N) beside the kernel's; rows are scored twice. Three floats for each training row, part of checkpoints.
/// - Note: Source: Qiu et al. 2023, arXiv:2305.11965; γ = 0.8, β = 0.5, η = 0.01, bounds 0.005 … 1 and the
///   clipping as in the authors' code. ρ is tuned there; 2 nats and the start at 0.05 are ours.
public struct IndividualTemperatures: StandardMethod {
    /// The name in configurations.
    public static let name = "individual-temperatures"
    /// ρ, in nats. The default is 2.
    public var radius = 2.0
    /// What every temperature begins as. The default is 0.05.
    public var initial: Float = 0.05
    /// The lowest temperature. The default is 0.005.
    public var minimum: Float = 0.005
    /// The highest temperature. The default is 1.
    public var maximum: Float = 1
    /// η, the rate of the temperatures. The default is 0.01.
    public var rate = 0.01
    /// β, how much of a new gradient counts. The default is 0.5.
    public var gradientShare = 0.5
    /// γ, how much of a new batch counts in the running mean. The default is 0.8.
    public var batchShare = 0.8

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            minimum > 0 && initial >= minimum && maximum >= initial && maximum.isFinite,
            "\(Self.name): temperatures are \(minimum), \(initial) and \(maximum): minimum, initial and maximum must be "
                + "above 0 and in this order"
        )
        for (name, value) in [("radius", radius), ("rate", rate)] {
            try TrainingError.require(
                value.isFinite && value >= 0,
                "\(Self.name): \(name) is \(value): it must be a number, at least 0"
            )
        }
        for (name, value) in [("gradientShare", gradientShare), ("batchShare", batchShare)] {
            try TrainingError.require(
                value > 0 && value <= 1,
                "\(Self.name): \(name) is \(value): it must be above 0 and at most 1"
            )
        }
    }

    /// Temperatures begin equal.
    public func start(_ training: MethodContext) throws -> MethodState {
        var state = MethodState()
        state.saved["temperatures"] = Matrix(rows: training.rows.count, columns: 1, repeating: initial)
        state.saved["gradients"] = Matrix(rows: training.rows.count, columns: 1)
        state.saved["log means"] = Matrix(rows: training.rows.count, columns: 1, repeating: .nan)
        return state
    }

    /// Divides cosines by the rows' temperatures, and leaves the positive out of the softmax.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let temperatures = state.saved["temperatures"] else { return }
        let own = temperatures.gatheringRows(step.rows[block.rows].map { Int($0) })
        block.logits = block.similarities / MatrixExpression(own)
        block.leavesOutTargets = true
    }

    /// Moves the rows' temperatures, and weighs the rows.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        guard var temperatures = state.saved.removeValue(forKey: "temperatures"),
            var gradients = state.saved.removeValue(forKey: "gradients"),
            var means = state.saved.removeValue(forKey: "log means")
        else { return nil }
        var weights: [Float] = []
        for (place, number) in step.rows.enumerated() {
            let row = Int(number), loss = losses.losses[place], open = losses.candidates[place]
            let temperature = temperatures[row, 0]
            guard open > 0 else {
                weights.append(0)
                continue
            }
            let logMean = loss - log(Double(open))
            let old = Double(means[row, 0])
            let running = old.isNaN ? logMean : logOfMix(old, logMean, share: batchShare)
            let ratio = exp(logMean - running)
            // Σ p z of logits z over the positive's: loss − entropy.
            let slope = running + radius - ratio * (loss - losses.entropies[place])
            let kept = (1 - gradientShare) * Double(gradients[row, 0])
            let gradient = kept + gradientShare * min(max(slope, -5), 5)
            weights.append(temperature * Float(ratio))
            means[row, 0] = Float(running)
            gradients[row, 0] = Float(gradient)
            temperatures[row, 0] = min(max(temperature - Float(rate * gradient), minimum), maximum)
        }
        state.saved["temperatures"] = temperatures
        state.saved["gradients"] = gradients
        state.saved["log means"] = means
        return weights
    }

    /// log((1 − share) eˣ + share eʸ).
    private func logOfMix(_ x: Double, _ y: Double, share: Double) -> Double {
        let most = max(x, y)
        return most + log((1 - share) * exp(x - most) + share * exp(y - most))
    }
}
