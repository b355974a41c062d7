public import SemblanceRetrieval

/// What documents are searched by.
///
/// In words, as commands, services and JSON have it: `dense`, `lexical`, `hybrid`, or `hybrid:` and a ``RankFusion`` in
/// words, such as `hybrid:weighted-sum,weights=0.7/0.3`.
public enum SearchMode: Hashable, Sendable {
    /// Their meaning: scores are those of the index' metric.
    case dense
    /// Their words: scores are BM25's.
    case lexical
    /// Both, as one list: scores are the fusion's, of which the first list is the dense one.
    case hybrid(RankFusion)

    /// Both, by reciprocal ranks.
    public static var hybrid: SearchMode { .hybrid(RankFusion()) }

    /// A mode in words.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidArgument`.
    public init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts[0], parts.count) {
        case ("dense", 1): self = .dense
        case ("lexical", 1): self = .lexical
        case ("hybrid", 1): self = .hybrid
        case ("hybrid", 2):
            let fusion = try RankFusion(parsing: String(parts[1]))
            try fusion.validate(lists: 2)
            self = .hybrid(fusion)
        default:
            throw RetrievalError(
                code: .invalidArgument,
                message:
                    "the mode is \"\(text)\": it must be dense, lexical or hybrid, which may say how its lists are "
                    + "fused: hybrid:weighted-sum,weights=0.7/0.3"
            )
        }
    }
}

extension SearchMode: CustomStringConvertible {
    /// The mode in words.
    public var description: String {
        switch self {
        case .dense: "dense"
        case .lexical: "lexical"
        case .hybrid(let fusion): fusion == RankFusion() ? "hybrid" : "hybrid:\(fusion)"
        }
    }
}

extension SearchMode: Codable {
    /// Reads the words.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do { try self.init(parsing: container.decode(String.self)) } catch let error as RetrievalError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    /// Writes the words.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What a search of a ``SearchIndex`` may be told beside the text and the count.
public struct SearchOptions: Hashable, Sendable, Codable {
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
    /// How many documents each list of a hybrid or diverse search has; at least as many as are asked for.
    ///
    /// `nil`, the default, is five times the count, at least 100.
    public var candidates: Int?

    static let leastCandidates = 100

    /// The defaults.
    public init() {}

    /// The defaults but for the mode.
    public init(mode: SearchMode) { self.mode = mode }

    /// Throws ``RetrievalError`` with code `.invalidArgument` for a value out of its range.
    public func validate() throws(RetrievalError) {
        func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws(RetrievalError) {
            if !holds { throw RetrievalError(code: .invalidArgument, message: what()) }
        }
        try demand(effort ?? 1 > 0, "the effort of a search is \(effort ?? 1); it must be 1 or more")
        try demand(candidates ?? 1 > 0, "the candidates of a search are \(candidates ?? 1); they must be 1 or more")
        try demand(minimumScore?.isNaN != true, "the least score of a search is no number")
        try diversity?.validate()
        if case .hybrid(let fusion) = mode { try fusion.validate(lists: 2) }
    }
}
