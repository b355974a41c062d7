// The metrics of one ranking, by trec_eval's definitions. R relevant documents, k ranks looked at.

internal import Foundation

/// A measure, from 0 to 1, of how well a ranking finds the relevant documents among its first k.
///
/// A document is relevant if its judged grade is above 0; one without a judgement isn't. R is the number of all
/// relevant documents, also of those that the ranking or even the corpus lacks. Written as `ndcg@10`.
///
/// - Note: Source: trec_eval 9 (`ndcg_cut`, `recip_rank`, `map_cut`, `recall`, `P`); R-precision@k as in J.-J. Decorte
///   et al., arXiv:2209.05987. `mrr` looks at k ranks, where trec_eval's `recip_rank` looks at all.
public struct RetrievalMetric: Hashable, Sendable {
    enum Kind: String, CaseIterable {
        case ndcg, mrr, map, recall, precision
        case rPrecision = "r-precision"
    }

    let kind: Kind
    /// How many ranks are looked at.
    public let cut: Int

    private init(_ kind: Kind, _ cut: Int) {
        precondition(cut > 0, "\(kind.rawValue)@\(cut) was asked for; metrics look at one rank or more")
        self.kind = kind
        self.cut = cut
    }

    /// Discounted gain by the best possible: Σ gᵢ / log₂(i + 1) over ranks i ≤ k, by the same sum of the ideal ranking.
    ///
    /// gᵢ is the grade itself (linear gain), 0 for a document that isn't relevant. The ideal ranking has all relevant
    /// documents by falling grade.
    public static func ndcg(_ k: Int) -> RetrievalMetric { RetrievalMetric(.ndcg, k) }

    /// One by the rank of the first relevant document, 0 if none is among the first k; averaged over queries: MRR@k.
    public static func mrr(_ k: Int) -> RetrievalMetric { RetrievalMetric(.mrr, k) }

    /// The sum of precision@i over the ranks i ≤ k of relevant documents, by R; averaged over queries: MAP@k.
    public static func map(_ k: Int) -> RetrievalMetric { RetrievalMetric(.map, k) }

    /// Relevant documents among the first k, by R.
    public static func recall(_ k: Int) -> RetrievalMetric { RetrievalMetric(.recall, k) }

    /// Relevant documents among the first k, by k, also where fewer than k were found.
    public static func precision(_ k: Int) -> RetrievalMetric { RetrievalMetric(.precision, k) }

    /// Relevant documents among the first k, by as many as could be there: the lesser of k and R.
    public static func rPrecision(_ k: Int) -> RetrievalMetric { RetrievalMetric(.rPrecision, k) }

    /// nDCG@10, MRR@10, MAP@100, recall@1, @5, @10 and @100, and R-precision@5.
    public static let standard: [RetrievalMetric] = [
        .ndcg(10), .mrr(10), .map(100), .recall(1), .recall(5), .recall(10), .recall(100), .rPrecision(5),
    ]

    /// How many hits to ask for so that a query that is a document itself leaves enough: the greatest cut, and one more.
    public static func hitsNeeded(for metrics: [RetrievalMetric] = standard) -> Int {
        (metrics.map(\.cut).max() ?? 0) + 1
    }

    /// The metric's value for one query, `nil` where no document is relevant and the metric therefore has no meaning.
    ///
    /// - Parameters:
    ///   - ranking: ids, best first; equal scores are to be ordered by the caller. An id that comes again is skipped,
    ///     and takes no rank.
    ///   - grades: the judged documents.
    public func value<ID: Hashable>(of ranking: some Sequence<ID>, grades: [ID: Int]) -> Double? {
        GradedRanking(ranking, grades).map(value)
    }

    func value(of ranking: GradedRanking) -> Double {
        let found = ranking.grades.prefix(cut)
        let relevant = Double(ranking.ideal.count)
        switch kind {
        case .ndcg: return Self.gain(found) / Self.gain(ranking.ideal.prefix(cut))
        case .mrr: return found.firstIndex { $0 > 0 }.map { 1 / Double($0 + 1) } ?? 0
        case .map:
            var hits = 0.0, sum = 0.0
            for (index, grade) in found.enumerated() where grade > 0 {
                hits += 1
                sum += hits / Double(index + 1)
            }
            return sum / relevant
        case .recall: return Self.hits(found) / relevant
        case .precision: return Self.hits(found) / Double(cut)
        case .rPrecision: return Self.hits(found) / min(Double(cut), relevant)
        }
    }

    private static func hits(_ grades: ArraySlice<Int>) -> Double { Double(grades.count { $0 > 0 }) }

    private static func gain(_ grades: ArraySlice<Int>) -> Double {
        var sum = 0.0
        for (index, grade) in grades.enumerated() where grade > 0 { sum += Double(grade) / log2(Double(index + 2)) }
        return sum
    }
}

/// What all metrics of one query need of its ranking.
struct GradedRanking {
    /// The grade at each rank.
    let grades: [Int]
    /// The grades of the relevant documents, greatest first; at least one.
    let ideal: [Int]

    /// `nil` if no document is relevant.
    init?<ID: Hashable>(_ ranking: some Sequence<ID>, _ judged: [ID: Int]) {
        ideal = judged.values.filter { $0 > 0 }.sorted(by: >)
        if ideal.isEmpty { return nil }
        var seen: Set<ID> = []
        grades = ranking.compactMap { seen.insert($0).inserted ? judged[$0] ?? 0 : nil }
    }
}

extension RetrievalMetric: LosslessStringConvertible, Codable, CodingKeyRepresentable {
    /// The name, such as `ndcg@10`.
    public var description: String { "\(kind.rawValue)@\(cut)" }

    /// The metric of a name such as `ndcg@10`; `nil` if there is none.
    public init?(_ name: String) {
        let parts = name.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), let cut = Int(parts[1]), cut > 0 else {
            return nil
        }
        self.init(kind, cut)
    }

    /// The name as a key, so that dictionaries of metrics are JSON objects.
    public var codingKey: any CodingKey { MetricKey(stringValue: description) }

    /// The metric of a key.
    public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }

    /// Reads the name.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let metric = Self(name) else {
            let known = Kind.allCases.map { "\($0.rawValue)@10" }.joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "“\(name)” is no metric; there are \(known), with any cut"
            )
        }
        self = metric
    }

    /// Writes the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A key of a JSON object that holds metrics.
struct MetricKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
