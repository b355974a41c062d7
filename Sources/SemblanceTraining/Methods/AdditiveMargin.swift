internal import SemblanceNumerics

/// The positive has to win by a margin (additive margin softmax).
///
///     z[i, j] = (cosine[i, j] − m) / τ  for the targets of i,  cosine[i, j] / τ  for the others
///
/// - Complexity: O(B·N) beside the kernel's.
/// - Note: Source: Yang et al. 2019, arXiv:1902.08564; the margin 0.3 as in LaBSE, arXiv:2007.01852.
public struct AdditiveMargin: StandardMethod {
    /// The name in configurations.
    public static let name = "additive-margin"
    /// The margin m, a cosine. The default is 0.3.
    public var margin: Float = 0.3

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            margin.isFinite && margin >= 0 && margin < 2,
            "\(Self.name): margin is \(margin): it must be at least 0 and below 2, the distance of two cosines"
        )
    }

    /// Takes the margin off the targets' cosines.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        block.logits = block.logits - block.scale * margin * MatrixExpression(block.isTarget)
    }
}
