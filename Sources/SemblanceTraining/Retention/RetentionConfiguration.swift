/// What a model keeps, while it is tuned on one task, of what it could do before.
///
/// The parts are independent. Replay and pull need data, which `Embedder.fit` is given; so do guards.
public struct RetentionConfiguration: Hashable, Sendable, Codable {
    /// The share of the tuned weights in those that are evaluated and returned; the rest is the starting weights'
    /// (WiSE-FT, ``SemblanceEncoders/Embedder/interpolated(with:by:)``). The default is 1: the tuned weights alone.
    public var interpolation: Float = 1
    /// Replayed pairs in a step for each of its own. The default is 0.25.
    public var replayRate: Float = 0.25
    /// What the distance of texts from where they began weighs beside the objective. The default is 1.
    public var pullWeight: Float = 1
    /// Texts in a step that are pulled. The default is 64.
    public var pullTexts = 64
    /// The most that nDCG@10, the mean over the queries of all guard sets, may fall below the start's. The default is 0.01.
    public var guardBound = 0.01

    /// The defaults.
    public init() {}

    func validate() throws {
        try TrainingError.require(
            interpolation >= 0 && interpolation <= 1,
            "retention.interpolation is \(interpolation): it must be 0 (the start) to 1 (the tuned weights)"
        )
        try TrainingError.require(
            replayRate > 0 && replayRate <= 100,
            "retention.replayRate is \(replayRate): it must be above 0 and at most 100 pairs a pair"
        )
        try TrainingError.require(
            pullWeight >= 0 && pullWeight.isFinite,
            "retention.pullWeight is \(pullWeight): it must be a number of at least 0"
        )
        try TrainingError.require(
            (1...1_048_576).contains(pullTexts),
            "retention.pullTexts is \(pullTexts): it must be 1 to 1048576"
        )
        try TrainingError.require(
            guardBound >= 0 && guardBound <= 1,
            "retention.guardBound is \(guardBound): it must be 0 to 1, as nDCG is"
        )
    }
}
