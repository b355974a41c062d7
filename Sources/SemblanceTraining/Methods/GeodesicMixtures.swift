internal import SemblanceNumerics

/// Geodesic mixtures as hard negatives (m²-Mix): points between each anchor and its positive are candidates of the
/// other anchors.
///
///     m[j] = (sin(λ θ) aⱼ + sin((1 − λ) θ) dⱼ) / sin θ,  θ = ∠(aⱼ, dⱼ),  λ ~ Beta(α, α) once a step
///     loss[i] = −log exp(s[i, i]) / (Σ over j of exp(s[i, j]) + Σ over j ≠ i of exp(aᵢ · m[j] / τ))
///
/// Where queries and documents lie apart, a mixture lies between them and nearer to the anchors than any document: a
/// negative of the model's own making. It has unit length and is on the great circle through both; gradient flows to
/// both. The mixture of the anchor's own pair is hidden from it.
///
/// The paper adds a softmax over the mixtures alone, with a weight and a temperature to tune; here all candidates share
/// one.
///
/// Time grows by B candidates an anchor.
///
/// - Note: Source: Oh et al. 2023, arXiv:2203.03897, eq. 3 and 4; α = 0.5 as in the authors' scripts.
public struct GeodesicMixtures: StandardMethod {
    /// The name in configurations.
    public static let name = "geodesic-mixtures"
    /// α: of the beta distribution; below 1 prefers points near one of the two. The default is 0.5.
    public var alpha = 0.5

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            alpha.isFinite && alpha > 0,
            "geodesic-mixtures alpha is \(alpha): it must be a number above 0"
        )
    }

    /// Adds one mixture for each pair.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        var random = step.random()
        let share = Float(random.beta(alpha, alpha))
        let pairs = 0..<step.anchors.value.rows
        var mixtures = Candidates(
            Self.mixtures(of: step.anchors, step.documents.rows(pairs), share: share),
            texts: Array(step.documentTexts[pairs]),
            anchors: step.anchorTexts,
            groups: step.groups,
            owners: pairs.map(Int32.init)
        )
        mixtures.isHiddenFromOwner = true
        step.add(mixtures)
    }

    /// The points at `share` of the angle from each row of `y` to the same row of `x`, both unit rows.
    static func mixtures(of x: MatrixExpression, _ y: MatrixExpression, share: Float) -> MatrixExpression {
        // The division by sin θ is the scaling to unit length; below 0.0014 an angle stays there, or two equal rows would
        // have no mixture.
        let angles = (-(-x.rowDots(y)).atLeast(1e-6 - 1)).acos
        return ((angles * share).sin * x + (angles * (1 - share)).sin * y).unitRows
    }
}
