public import SemblanceRetrieval

/// How a ``SearchIndex`` is made; what can't be changed later without building it anew.
public struct SearchConfiguration: Hashable, Sendable, Codable {
    /// How vectors are compared.
    ///
    /// The default is the cosine.
    public var metric = Metric.cosine
    /// How they are found.
    ///
    /// The default goes by their number.
    public var kind = IndexKind.automatic
    /// How long texts are cut into passages; `nil`, the default, embeds each text as a whole, as far as the model reads.
    public var passages: PassageConfiguration?
    /// How words are read and weighed.
    public var lexical = LexicalConfiguration()

    /// The defaults.
    public init() {}

    /// The defaults but for how vectors are compared and found.
    public init(metric: Metric = .cosine, kind: IndexKind = .automatic) {
        self.metric = metric
        self.kind = kind
    }

    func validate() throws {
        try passages?.validate()
        try lexical.validate()
    }
}

/// What documents are searched by.
public enum SearchMode: Hashable, Sendable {
    /// Their meaning: scores are those of the index' metric.
    case dense
    /// Their words: scores are BM25's.
    case lexical
    /// Both, as one list: scores are the fusion's, of which the first list is the dense one.
    case hybrid(RankFusion)

    /// Both, by reciprocal ranks.
    public static var hybrid: SearchMode { .hybrid(RankFusion()) }
}

/// What a search of a ``SearchIndex`` may be told beside the text and the count.
public struct SearchOptions: Hashable, Sendable {
    /// What documents are searched by.
    ///
    /// The default is their meaning.
    public var mode = SearchMode.dense
    /// Documents with a lower score are left out; `nil`, the default, leaves out none.
    public var minimumScore: Float?
    /// Picks documents that are unlike each other from the best; `nil`, the default, takes the best.
    public var diversity: MaximalMarginalRelevance?
    /// See ``VectorIndex/nearest(to:count:effort:where:)``.
    public var effort: Int?
    /// How many documents each list of a hybrid or diverse search has.
    ///
    /// `nil`, the default, is five times the count, at least 100.
    public var candidates: Int?

    static let leastCandidates = 100

    /// The defaults.
    public init() {}

    /// The defaults but for the mode.
    public init(mode: SearchMode) { self.mode = mode }
}
