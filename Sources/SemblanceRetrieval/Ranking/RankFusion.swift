/// How several lists of hits for one query become one.
///
/// - ``Method/reciprocalRank``: score(d) = Σ w / (k + rank of d), over the lists that have d; the best rank is 1. Scores
///   of the lists don't matter, so lists of any kind mix.
/// - ``Method/weightedSum``: score(d) = Σ w · (s − min) / (max − min), over the lists that have d; s its score there, min
///   and max those of the list. The last hit of a list counts 0 for it, as one that isn't there does; where all scores
///   of a list are equal, each counts 1.
///
/// - Note: Sources: G. V. Cormack, C. L. A. Clarke and S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and
///   individual Rank Learning Methods", SIGIR 2009 (with k = 60); min-max and sum: E. A. Fox and J. A. Shaw,
///   "Combination of Multiple Searches", TREC-2, 1994 (CombSUM).
public struct RankFusion: Codable, Hashable, Sendable {
    /// What counts of a list.
    public enum Method: String, Codable, Hashable, Sendable, CaseIterable {
        /// Ranks.
        case reciprocalRank = "reciprocal-rank"
        /// Scores, scaled to 0…1 in each list.
        case weightedSum = "weighted-sum"
    }

    /// What counts of a list.
    ///
    /// The default is its ranks.
    public var method = Method.reciprocalRank
    /// How little the first ranks stand out; for ``Method/reciprocalRank``.
    ///
    /// The default is 60.
    public var k = 60.0
    /// What each list weighs, in their order; `nil`, the default, is 1 for each.
    public var weights: [Double]?

    /// The defaults.
    public init() {}

    /// Fusion by weighted ranks, or by weighted scores.
    public init(_ method: Method, weights: [Double]? = nil) {
        self.method = method
        self.weights = weights
    }

    /// A fusion in words: a ``Method`` and settings, such as `reciprocal-rank,k=20` or `weighted-sum,weights=0.7/0.3`.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidArgument`.
    public init(parsing text: String) throws(RetrievalError) {
        func invalid(_ what: String) -> RetrievalError {
            RetrievalError(
                code: .invalidArgument,
                message: "the rank fusion \"\(text)\" \(what); it is reciprocal-rank or weighted-sum, then settings "
                    + "such as k=60 and weights=0.7/0.3, with commas between them"
            )
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard let method = Method(rawValue: String(parts[0])) else { throw invalid("has no known method") }
        self.method = method
        for part in parts.dropFirst() {
            let setting = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let numbers = (setting.count == 2 ? setting[1] : "").split(separator: "/", omittingEmptySubsequences: false)
                .map { Double($0) }
            let values = numbers.compactMap(\.self)
            guard values.count == numbers.count else { throw invalid("has no numbers in \"\(part)\"") }
            switch setting[0] {
            case "k" where values.count == 1: k = values[0]
            case "weights": weights = values
            default: throw invalid("has the setting \"\(part)\"")
            }
        }
    }

    /// Throws ``RetrievalError`` with code `.invalidArgument` for a value out of its range.
    public func validate(lists: Int) throws(RetrievalError) {
        guard k.isFinite, k >= 0 else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "k of the rank fusion is \(k); it must be a number from 0 on, such as 60"
            )
        }
        guard let weights else { return }
        guard weights.count == lists, weights.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "the weights of the rank fusion are \(weights); there must be \(lists) numbers from 0 on"
            )
        }
    }

    /// The best `count` of all hits, best first, equal scores by id.
    ///
    /// - Parameter lists: each best first. An id that stands twice in a list counts where it stands first; a score that
    ///   is NaN counts as the least of its list.
    /// - Throws: ``RetrievalError`` with code `.invalidArgument`, as ``validate(lists:)``.
    /// - Complexity: O(n log n) for n hits in all lists.
    public func fuse(_ lists: [[Hit]], count: Int = .max) throws(RetrievalError) -> [Hit] {
        try validate(lists: lists.count)
        var sums: [Int64: Double] = [:]
        for (number, list) in lists.enumerated() {
            let weight = weights?[number] ?? 1
            let scores = list.lazy.map(\.score).filter { !$0.isNaN }
            let (least, most) = (Double(scores.min() ?? 0), Double(scores.max() ?? 0))
            var seen: Set<Int64> = []
            for hit in list where seen.insert(hit.id).inserted {
                let share =
                    switch method {
                    case .reciprocalRank: 1 / (k + Double(seen.count))
                    case .weightedSum where most == least: 1.0
                    case .weightedSum: hit.score.isNaN ? 0 : Self.scale(Double(hit.score), from: least, to: most)
                    }
                sums[hit.id, default: 0] += weight * share
            }
        }
        let hits = sums.map { Hit(id: $0.key, score: Float($0.value)) }
            .sorted { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
        return Array(hits.prefix(max(count, 0)))
    }

    /// (score − least) / (most − least); an infinity is as far as the farthest.
    private static func scale(_ score: Double, from least: Double, to most: Double) -> Double {
        let share = (score - least) / (most - least)
        return share.isNaN ? (score == most ? 1 : 0) : share
    }
}

extension RankFusion: CustomStringConvertible {
    /// The fusion in words.
    public var description: String {
        var parts = [method.rawValue]
        if k != RankFusion().k { parts.append("k=\(k)") }
        if let weights { parts.append("weights=" + weights.map { "\($0)" }.joined(separator: "/")) }
        return parts.joined(separator: ",")
    }
}
