/// One training example: an anchor, what it should find, and what it should not.
///
/// As JSON: `{"anchor": "…", "positive": "…", "negatives": ["…"], "group": "…"}`; `positive` may be a list, and all after
/// it may be missing. Mining adds `negative_scores`, one for each negative. Some methods ask for `score`, `weight`, `task`,
/// or a teacher's `positive_scores` and `negative_scores`.
public struct TrainingPair: Hashable, Sendable {
    /// The query's text.
    public var anchor: String
    /// Texts relevant to the anchor; at least one.
    public var positives: [String]
    /// Hard negatives: texts chosen because they look relevant and are not.
    public var negatives: [String]
    /// Rows of one group are not each other's in-batch negatives, and may be each other's hard ones (siblings).
    ///
    /// Groups may be paths of a taxonomy, such as `science/physics/optics` (in JSON also a list): then rows of near
    /// branches are siblings too.
    public var group: String?
    /// The relevance of the positive, or the similarity of the two texts, where somebody judged it.
    public var score: Float?
    /// A teacher's score of each positive.
    public var positiveScores: [Float]?
    /// A teacher's score of each negative, or its similarity to the anchor where negatives were mined.
    public var negativeScores: [Float]?
    /// How far the pair is trusted; 1 unless given.
    public var weight: Float?
    /// The task, or source, the pair comes from.
    public var task: String?
    /// The row's own id, carried along.
    public var id: String?

    /// An example.
    public init(anchor: String, positives: [String], negatives: [String] = [], group: String? = nil) {
        self.anchor = anchor
        self.positives = positives
        self.negatives = negatives
        self.group = group
    }

    /// An example with one positive.
    public init(anchor: String, positive: String, negatives: [String] = [], group: String? = nil) {
        self.init(anchor: anchor, positives: [positive], negatives: negatives, group: group)
    }
}

extension TrainingPair: Codable {
    private enum CodingKeys: String, CodingKey {
        case anchor, positive, negatives, group, id, score, weight, task
        case positiveScores = "positive_scores"
        case negativeScores = "negative_scores"
    }

    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        anchor = try container.decode(String.self, forKey: .anchor)
        if let one = try? container.decode(String.self, forKey: .positive) {
            positives = [one]
        } else {
            positives = try container.decode([String].self, forKey: .positive)
        }
        negatives = try container.decodeIfPresent([String].self, forKey: .negatives) ?? []
        if let path = try? container.decode([String].self, forKey: .group) {
            group = path.joined(separator: "/")
        } else {
            group = try container.decodeIfPresent(String.self, forKey: .group)
        }
        score = try container.decodeIfPresent(Float.self, forKey: .score)
        weight = try container.decodeIfPresent(Float.self, forKey: .weight)
        task = try container.decodeIfPresent(String.self, forKey: .task)
        positiveScores = try container.decodeIfPresent([Float].self, forKey: .positiveScores)
        negativeScores = try container.decodeIfPresent([Float].self, forKey: .negativeScores)
        id = try container.decodeIfPresent(String.self, forKey: .id)
    }

    /// Writes the JSON form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(anchor, forKey: .anchor)
        if positives.count == 1 {
            try container.encode(positives[0], forKey: .positive)
        } else {
            try container.encode(positives, forKey: .positive)
        }
        if !negatives.isEmpty { try container.encode(negatives, forKey: .negatives) }
        try container.encodeIfPresent(group, forKey: .group)
        try container.encodeIfPresent(score, forKey: .score)
        try container.encodeIfPresent(weight, forKey: .weight)
        try container.encodeIfPresent(task, forKey: .task)
        try container.encodeIfPresent(positiveScores, forKey: .positiveScores)
        try container.encodeIfPresent(negativeScores, forKey: .negativeScores)
        try container.encodeIfPresent(id, forKey: .id)
    }
}
