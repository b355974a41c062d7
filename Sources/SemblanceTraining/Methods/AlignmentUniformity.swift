public import SemblanceNumerics

/// Alignment and uniformity, measured and pulled at.
///
///     alignment  = mean over anchors i of ‖a[i] − p[i]‖²
///     uniformity = log mean over i ≠ j of exp(−t ‖x[i] − x[j]‖²), of anchors and of positives, averaged
///     term       = alignmentWeight · alignment + uniformityWeight · uniformity
///
/// a, p, x are unit rows. The paper trains on the two alone; here they are added to the softmax unless it is left out.
///
/// - Complexity: O(B²·D) time, O(B²) memory.
/// - Note: Source: Wang and Isola 2020, arXiv:2005.10242, §4.1 and §5 (α = 2, t = 2, weights 1 and 1).
public struct AlignmentUniformity: StandardMethod {
    /// `alignment-uniformity`.
    public static let name = "alignment-uniformity"

    /// The weight of alignment. The default is 1.
    public var alignmentWeight: Float = 1
    /// The weight of uniformity. The default is 1.
    public var uniformityWeight: Float = 1
    /// t, how far vectors push each other. The default is 2.
    public var spread: Float = 2
    /// Whether there is no softmax beside it. The default is no.
    public var isAlone = false

    /// The paper's settings.
    public init() {}

    /// Whether it is alone.
    public var replacesContrast: Bool { isAlone }

    /// Weights and spread are numbers, at least 0.
    public func validate() throws {
        for (name, value) in [
            ("alignmentWeight", alignmentWeight), ("uniformityWeight", uniformityWeight), ("spread", spread),
        ] {
            try TrainingError.require(
                value.isFinite && value >= 0,
                "\(Self.name): \(name) is \(value): it must be a number, at least 0"
            )
        }
    }

    /// Both, weighted.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let positives = step.firstPositives
        let alignment = (step.anchors - positives).squared.rowSums.mean
        let uniformity = (uniformity(of: step.anchors) + uniformity(of: positives)) / 2
        return alignmentWeight * alignment + uniformityWeight * uniformity
    }

    /// ‖x − y‖² of unit rows is 2 − 2 ⟨x, y⟩; the B pairs of a row with itself are left out.
    private func uniformity(of x: MatrixExpression) -> MatrixExpression {
        let count = x.value.rows
        guard count > 1 else { return MatrixExpression(0) }
        let cosines = x.product(x, transposed: true)
        let pairs = ((cosines - 1) * (2 * spread)).exp.sum - ((x.rowDots(x) - 1) * (2 * spread)).exp.sum
        return (pairs / Float(count * (count - 1))).log
    }
}
