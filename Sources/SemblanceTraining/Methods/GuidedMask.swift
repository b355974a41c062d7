internal import SemblanceNumerics

/// A guide model closes candidates that it finds more relevant to the anchor than the positive (GISTEmbed).
///
///     closed: j with  guide[i, j] > threshold[i]
///     threshold[i] = guide[i, t] − m             absolute
///                    guide[i, t] − |guide[i, t]| m   relative
///
/// guide are cosines of the guide's embeddings, t is the positive (of several, their mean). Anchors among anchors, and
/// positives among documents, are held against the same threshold. Mined negatives are closed alike; positives never are.
///
/// - Complexity: every text is embedded by the guide before the first step; O(B·N·D) a step for its cosines.
/// - Note: Source: Solatorio 2024, arXiv:2402.16829 (margin 0, with anchor–anchor and positive–positive pairs: give the
///   configuration the directions queryToQuery and documentToDocument); margins as sentence-transformers' GISTEmbedLoss.
public struct GuidedMask: StandardMethod {
    /// What the margin is a share of.
    public enum MarginKind: String, Codable, Hashable, Sendable, CaseIterable {
        /// It is a cosine.
        case absolute
        /// It is a share of the positive's cosine.
        case relative
    }

    /// The name in configurations.
    public static let name = "guided-mask"
    /// The folder of the guide model. There is no default.
    public var guide: String?
    /// m. The default is 0.
    public var margin: Float = 0
    /// Whether m is a cosine or a share. The default is a cosine.
    public var marginKind = MarginKind.absolute

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            margin.isFinite && abs(margin) <= 2,
            "\(Self.name): margin is \(margin): it must be −2 to 2"
        )
    }

    /// Embeds all texts with the guide.
    ///
    /// - Throws: ``TrainingError`` where there is no guide, or what opening it throws.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.guideState(from: guide, for: Self.name)
    }

    /// Closes what the guide finds.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let guided = TextCosines(of: block, in: step, state) else { return }
        let positive = guided.ofTargets
        let slack = marginKind == .absolute ? MatrixExpression(margin) : positive.magnitude * margin
        block.close(guided.above(positive - slack))
    }
}
