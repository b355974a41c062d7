public import SemblanceNumerics

/// Angles in complex space in the order of the pairs' scores: as ``CoSENT``, where cosines would saturate.
///
///     loss = log(1 + Σ over pairs with score[i] > score[j] of exp(scale (angle[j] − angle[i])))
///     angle[i] = |Σ over k of Re(z[k] · conj(w[k])) + Im(z[k] · conj(w[k]))|
///
/// z and w are the two texts' unit vectors with the first half of the components as real parts and the second as
/// imaginary ones; an odd dimension gets a zero. The paper adds CoSENT to it: list both.
///
/// - Complexity: O(B²) time and memory beside the B similarities.
/// - Note: Source: Li and Li 2023, arXiv:2309.12871, §3.4. Its equation subtracts the other way round; this is the order
///   of the authors' code, in which a higher score is a larger value. Scale 20.
public struct AnglE: StandardMethod {
    /// `angle`.
    public static let name = "angle"

    /// How sharply angles are compared. The default is 20.
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
        let (x, y) = (step.anchors, step.firstPositives)
        // (a + bi)(c − di) = ac + bd + (bc − ad)i
        let dimension = x.value.columns
        let half = (dimension + 1) / 2
        let (real, imaginary) = (0..<dimension - half, half..<dimension)
        let sines =
            x.columns(imaginary).rowDots(y.columns(real)) - x.columns(real).rowDots(y.columns(imaginary))
        return rankingLoss(scale * (x.rowDots(y) + sines).magnitude, labels: step.scores)
    }
}
