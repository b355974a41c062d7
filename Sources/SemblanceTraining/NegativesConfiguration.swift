/// Where a row's hard negatives come from.
public enum NegativeSource: String, Hashable, Sendable, Codable, CaseIterable {
    /// The negatives the training data names.
    case rows
    /// The documents the model as it stands finds nearest to the anchor.
    case mined
    /// The documents that share the anchor's words (BM25).
    case lexical
    /// The positives of other rows of the same group.
    case siblings
}

/// How hard negatives are chosen among candidates.
///
/// Candidates are ranked by their similarity to the anchor under the model; the row's own positives, and those of other
/// rows with the same anchor, are no candidates. What passes rank range and limits is picked from.
///
/// - Note: Source of the positive-aware limits: arXiv:2407.15831, §3.
public struct MiningConfiguration: Hashable, Sendable, Codable {
    /// How those that pass are chosen.
    public enum Pick: String, Hashable, Sendable, Codable, CaseIterable {
        /// The most similar ones.
        case top
        /// Random ones.
        case random
    }

    /// The first rank considered, counted from 0. The default is 0.
    public var rankFrom = 0
    /// The rank before which to stop. The default is 100.
    public var rankTo = 100
    /// The highest similarity a negative may have. The default is no limit.
    public var maximumScore: Float?
    /// The lowest similarity a negative may have. The default is no limit.
    public var minimumScore: Float?
    /// How far a negative must stay below the positive: s ≤ positive − margin. The default is no limit.
    public var margin: Float?
    /// The same, as a share of the positive's score: s ≤ positive · (1 − relativeMargin). The default is no limit.
    public var relativeMargin: Float?
    /// The highest share of the positive's score: s ≤ share · positive. The default is 0.95.
    public var maximumShareOfPositive: Float? = 0.95
    /// How those that pass are chosen. The default is the most similar.
    public var pick = Pick.top

    /// The defaults.
    public init() {}

    func validate() throws {
        try TrainingError.require(
            rankFrom >= 0 && rankTo > rankFrom,
            "mining ranks are \(rankFrom) ..< \(rankTo): the first must be at least 0 and below the second"
        )
        for (name, value) in [
            ("maximumScore", maximumScore), ("minimumScore", minimumScore), ("margin", margin),
            ("relativeMargin", relativeMargin), ("maximumShareOfPositive", maximumShareOfPositive),
        ] {
            try TrainingError.require(value?.isFinite ?? true, "mining.\(name) is \(value ?? 0): it must be a number")
        }
    }

    /// Whether a candidate's score is within all limits, given the positive's.
    func allows(_ score: Float, positive: Float) -> Bool {
        if let maximumScore, score > maximumScore { return false }
        if let minimumScore, score < minimumScore { return false }
        return !isSuspect(score, positive: positive)
    }

    /// Whether a candidate is too close to the positive to be trusted as a negative.
    func isSuspect(_ score: Float, positive: Float) -> Bool {
        if let margin, score > positive - margin { return true }
        if let relativeMargin, score > positive - abs(positive) * relativeMargin { return true }
        if let maximumShareOfPositive, score > positive - abs(positive) * (1 - maximumShareOfPositive) { return true }
        return false
    }
}
