public import SemblanceNumerics

/// Embeddings spread as random directions are: cosines with mean 0 and second moment 1/D.
///
///     M₁ = mean over i ≠ j of cosine(x[i], x[j])        M₂ = mean over i ≠ j of cosine(x[i], x[j])²
///     term = meanWeight · M₁² + secondMomentWeight · max(0, M₂ − 1/D)
///
/// of the anchors and of the documents, averaged.
///
/// - Complexity: O(C²·D) time, O(C²) memory.
/// - Note: Source: Zhang et al. 2017, arXiv:1708.06320, §3.2, both weights 1; EmbeddingGemma (arXiv:2509.20354) takes the
///   second moment alone.
public struct GlobalOrthogonality: StandardMethod {
    /// `global-orthogonality`.
    public static let name = "global-orthogonality"

    /// The weight of the mean's part. The default is 1.
    public var meanWeight: Float = 1
    /// The weight of the second moment's part. The default is 1.
    public var secondMomentWeight: Float = 1

    /// The paper's settings.
    public init() {}

    /// The weights are numbers, at least 0.
    public func validate() throws {
        try TrainingError.requireWeight(meanWeight, of: Self.name)
        try TrainingError.requireWeight(secondMomentWeight, of: Self.name)
    }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        (excess(of: step.anchors) + excess(of: step.documents)) / 2
    }

    private func excess(of x: MatrixExpression) -> MatrixExpression {
        let count = x.value.rows
        guard count > 1 else { return MatrixExpression(0) }
        let pairs = Float(count * (count - 1))
        let isOther = MatrixExpression(1) - MatrixExpression(Matrix.identity(count))
        let cosines = x.product(x, transposed: true) * isOther
        let mean = cosines.sum / pairs
        let secondMoment = cosines.squared.sum / pairs
        return meanWeight * mean.squared
            + secondMomentWeight * (secondMoment - 1 / Float(x.value.columns)).relu
    }
}
