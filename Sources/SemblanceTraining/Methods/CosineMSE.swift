public import SemblanceNumerics

/// Cosines brought to the pairs' scores.
///
///     loss = mean over pairs of (cosine[i] − score[i])²
///
/// Scores lie within −1 … 1; those of 0 … 5 are divided by 5 first. There is no softmax over candidates beside it.
///
/// - Complexity: O(B·D).
/// - Note: Source: Reimers and Gurevych 2019, arXiv:1908.10084, §3 (regression objective).
public struct CosineMSE: StandardMethod {
    /// `cosine-mse`.
    public static let name = "cosine-mse"

    /// The paper's settings: there are none.
    public init() {}

    /// Yes.
    public var replacesContrast: Bool { true }

    /// Every pair has a score within −1 … 1.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireScores(for: Self.name, within: -1...1)
        return MethodState()
    }

    /// The loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        (step.anchors.rowDots(step.firstPositives) - MatrixExpression(column: step.scores)).squared.mean
    }
}
