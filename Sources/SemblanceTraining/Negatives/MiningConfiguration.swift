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
        /// The most similar one, and random ones (arXiv:2407.15831).
        case topAndRandom = "top-and-random"
        /// The most similar ones for a share of the negatives, the model's competence, and for the others random texts
        /// of the corpus that are outside its rank range (APEX, arXiv:2410.18105).
        case balanced
    }

    /// What several sources give.
    public enum Mixture: String, Hashable, Sendable, Codable, CaseIterable {
        /// The first source fills a row as far as it can, then the next one.
        case inTurn = "in-turn"
        /// Each source gives one negative after the other, so that all have the same share where they can
        /// (arXiv:2206.08063; arXiv:2209.05987).
        case even
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
    /// What several sources give. The default is one after the other.
    public var mixture = Mixture.inTurn
    /// The share of hard negatives where the pick is balanced; `nil`, the default, is measured whenever negatives are
    /// mined: the share of rows whose positive the model ranks before every other document.
    public var competence: Double?
    /// Folders of the models that ``NegativeSource/guided`` asks.
    public var guides: [String] = []

    /// The defaults.
    public init() {}

    private init(maximumShareOfPositive: Float?) { self.maximumShareOfPositive = maximumShareOfPositive }

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
        if let competence {
            try TrainingError.require(
                competence >= 0 && competence <= 1,
                "mining.competence is \(competence): it must be 0 to 1"
            )
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

/// The methods of arXiv:2407.15831, §3, with the values it found best (§4).
extension MiningConfiguration {
    /// Naive top-k: the most similar documents.
    public static let topK = MiningConfiguration(maximumShareOfPositive: nil)
    /// Top-k shifted: the first `ranks` are passed over.
    public static func topKShifted(by ranks: Int = 10) -> MiningConfiguration {
        var configuration = topK
        configuration.rankFrom = ranks
        configuration.rankTo += ranks
        return configuration
    }
    /// TopK-Abs: a negative's score is at most this.
    public static func topKAbsolute(_ score: Float = 0.7) -> MiningConfiguration {
        var configuration = topK
        configuration.maximumScore = score
        return configuration
    }
    /// TopK-MarginPos: a negative's score is at most the positive's less this.
    public static func topKMarginOfPositive(_ margin: Float = 0.05) -> MiningConfiguration {
        var configuration = topK
        configuration.margin = margin
        return configuration
    }
    /// TopK-PercPos: a negative's score is at most this share of the positive's.
    public static func topKShareOfPositive(_ share: Float = 0.95) -> MiningConfiguration {
        MiningConfiguration(maximumShareOfPositive: share)
    }

    /// The methods by name.
    public static let named: [(name: String, configuration: MiningConfiguration)] = [
        ("topk", topK), ("topk-shifted", topKShifted()), ("topk-abs", topKAbsolute()),
        ("topk-marginpos", topKMarginOfPositive()), ("topk-percpos", topKShareOfPositive()),
    ]

    /// The method of this name.
    public init?(named name: String) {
        guard let found = Self.named.first(where: { $0.name == name }) else { return nil }
        self = found.configuration
    }
}
