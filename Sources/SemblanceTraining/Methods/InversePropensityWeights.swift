internal import Foundation
internal import SemblanceNumerics

/// Pairs weigh what they are worth over how easily they come up: inverse propensities against the biases of pairs that were
/// chosen by simple rules (after DebCSE).
///
///     negative j of i:  w[i, j] = (1 − guide[i, j]) / max(1 − surface[i, j], floor)   brought to 1 on average for i
///     positive of i:    w[i]    = guide[i, t]       / max(surface[i, t], floor)       brought to 1 on average
///
/// guide are cosines under a guide model: how alike texts are in meaning. surface are cosines of their words: how alike they
/// look. Documents drawn at random rarely look alike, so negatives that do, but mean something else, weigh more; positives
/// found by shared words come up easily, so those that mean the same in other words weigh more. w[i, j] stands in the
/// softmax, w[i] is the weight of anchor i's loss. A worth below 0.001 counts as that.
///
/// - Complexity: every text is embedded by the guide before the first step; O(B·N·D) a step for both cosines.
/// - Note: Source: Miao et al. 2023, arXiv:2309.07396: pairs are sampled there with such weights, by surface and meaning;
///   here a batch's pairs carry them instead, which on average is the same. The two ratios and the floor are ours.
public struct InversePropensityWeights: StandardMethod {
    /// The name in configurations.
    public static let name = "inverse-propensity-weights"
    /// The folder of the guide model. There is no default.
    public var guide: String?
    /// The lowest propensity: no ratio is above 1 / floor. The default is 0.2.
    public var floor: Float = 0.2

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            floor > 0 && floor <= 1,
            "\(Self.name): floor is \(floor): it must be above 0 and at most 1"
        )
    }

    /// Embeds all texts with the guide, and as what words they have.
    ///
    /// - Throws: ``TrainingError`` where there is no guide, or what opening it throws.
    public func start(_ training: MethodContext) throws -> MethodState {
        var state = try training.guideState(from: guide, for: Self.name)
        state.derived["words"] = SurfaceVectors.of(training.texts)
        return state
    }

    /// Weighs the negatives.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let meaning = TextCosines(of: block, in: step, state), let words = state.derived["words"] else { return }
        let surface = TextCosines(of: block, in: step, anchors: words, documents: words)
        let worth = (1 - meaning.cosines).atLeast(Self.leastWorth).log
        block.weighNegatives(byLog: worth - (1 - surface.cosines).atLeast(floor).log)
    }

    /// The positives' weights.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        guard let anchors = state.derived["guide anchors"], let documents = state.derived["guide documents"],
            let words = state.derived["words"]
        else { return nil }
        let texts = step.anchorTexts.map(Int.init)
        let positives = step.documentTexts.prefix(texts.count).map(Int.init)
        func cosines(_ left: Matrix, _ right: Matrix) -> MatrixExpression {
            MatrixExpression(left.gatheringRows(texts)).rowDots(MatrixExpression(right.gatheringRows(positives)))
        }
        let worth = cosines(anchors, documents).atLeast(Self.leastWorth)
        let ratios = worth / cosines(words, words).atLeast(floor)
        return (ratios / ratios.mean).value.elements
    }

    private static let leastWorth: Float = 0.001
}
