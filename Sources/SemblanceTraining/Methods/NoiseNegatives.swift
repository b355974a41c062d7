internal import SemblanceNumerics

/// Noise as negatives (DCLR): random vectors, moved to where the embeddings crowd, are candidates of every anchor.
///
///     δ ~ N(0, σ²), k of them for each anchor
///     t times: δ ← δ + β g / ‖g‖,  g = ∂U/∂δ,  U = mean over i of −log exp(aᵢ · dᵢ / τᵤ) / Σ over δ of exp(cos(aᵢ, δ) / τᵤ)
///
/// Noise is far from any text, and pushing embeddings away from it spreads them; the ascent looks for the places where
/// they are least uniform. No gradient flows to the noise. The paper's weights on suspected false negatives are a method
/// of their own.
///
/// Time: (1 + t)·k·B²·D beside the batch's B²·D.
///
/// - Note: Source: Zhou et al. 2022, arXiv:2205.00656, §4.1. A k near 1 is best there (§6.5); σ, t, β and τᵤ are chosen
///   here.
public struct NoiseNegatives: StandardMethod {
    /// The name in configurations.
    public static let name = "noise-negatives"
    /// k: noise vectors for each anchor of the batch. The default is 1.
    public var perAnchor = 1.0
    /// σ: the standard deviation of an element. The default is 1.
    public var deviation: Float = 1
    /// t: steps of gradient ascent. The default is 4.
    public var steps = 4
    /// β: the length of a step. The default is 0.001.
    public var rate: Float = 1e-3
    /// τᵤ: the temperature of U. The default is 0.05.
    public var temperature: Float = 0.05

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            perAnchor >= 0 && perAnchor <= 1000,
            "noise-negatives perAnchor is \(perAnchor): it must be 0 to 1000 vectors for each anchor"
        )
        try TrainingError.require(
            deviation.isFinite && deviation > 0,
            "noise-negatives deviation is \(deviation): it must be a number above 0"
        )
        try TrainingError.require(
            steps >= 0 && steps <= 1000,
            "noise-negatives steps is \(steps): it must be 0 to 1000"
        )
        try TrainingError.require(rate.isFinite && rate >= 0, "noise-negatives rate is \(rate): it must be at least 0")
        try TrainingError.require(
            temperature.isFinite && temperature > 0,
            "noise-negatives temperature is \(temperature): it must be above 0 (0.05 is usual)"
        )
    }

    /// Adds the noise.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        let anchors = step.anchors.value
        let count = Int((perAnchor * Double(anchors.rows)).rounded())
        guard count > 0 else { return }
        var random = step.random()
        var noise = random.normal(rows: count, columns: anchors.columns, deviation: deviation)
        for _ in 0..<steps { noise.add(ascent(of: noise, among: anchors), times: rate) }
        step.add(Candidates(MatrixExpression(noise).unitRows))
    }

    /// g / ‖g‖ for each noise vector. The anchors' positives don't matter to it.
    private func ascent(of noise: Matrix, among anchors: Matrix) -> Matrix {
        let tape = Tape(Weights([]), isRecording: true)
        let input = tape.input(noise)
        let cosines = MatrixExpression(anchors).product(MatrixExpression(input, on: tape).unitRows, transposed: true)
        let uniformity = (cosines / temperature).logSumExpOfRows.mean
        let gradient = tape.gradients(
            of: [input],
            from: [(Matrix(rows: 1, columns: 1, repeating: 1), uniformity.variable)]
        )
        return UnitRows(gradient[0] ?? noise).output
    }
}
