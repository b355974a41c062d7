// BM25: search by the words themselves.

internal import CSemblanceText
public import SemblanceNumerics

/// A text found by its words.
public struct LexicalHit: Hashable, Sendable {
    /// The text's place in the list that was indexed.
    public let index: Int
    /// The BM25 score, above 0; those of one query compare, those of different queries don't.
    public let score: Float
}

/// An index over the words of texts, searched by BM25; it never changes, so any number of tasks may search it.
///
///     score(query, text) = Σ over the query's terms of  ln(1 + (N − n + ½) / (n + ½)) · f / (f + k1 (1 − b + b l / m))
///
/// N texts, n of them with the term; f times in a text of l terms, where texts have m on average. A term that the query
/// repeats counts as often. Words are runs of two or more letters, numbers and underscores of any script, in lower
/// case; ``LexicalConfiguration/Language`` says what becomes of them.
///
/// - Note: Source: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework", 2009, in Lucene's variant
///   (C. Kamphuis et al., ECIR 2020); scores computed while indexing: X. H. Lù, arXiv:2407.03618; stems: M. F. Porter,
///   snowballstem.org, as of Snowball 3.
@safe public final class LexicalIndex: @unchecked Sendable {
    /// How many texts there are.
    public let count: Int
    /// How texts were read and are scored.
    public let configuration: LexicalConfiguration
    private let handle: OpaquePointer

    /// Indexes texts, in parallel; the result doesn't depend on the number of threads.
    ///
    /// - Throws: ``LexicalError`` with code `.invalidConfiguration` or `.tooManyTexts`.
    /// - Complexity: O(bytes of all texts). 8 bytes stay for each different term of each text.
    public init(
        _ texts: [String],
        configuration: LexicalConfiguration = LexicalConfiguration(),
        workers: Workers = .shared()
    ) throws(LexicalError) {
        try configuration.validate()
        guard texts.count < UInt32.max else {
            throw LexicalError(.tooManyTexts, "\(texts.count) texts are too many for one index; make several")
        }
        let textsPerRun = 1024
        let runs = (0..<(texts.count + textsPerRun - 1) / textsPerRun).map { _ in
            LexicalCounts(english: configuration.language == .english)
        }
        workers.forEach(runs.count) { run in
            for index in run * textsPerRun..<min(texts.count, (run + 1) * textsPerRun) { runs[run].add(texts[index]) }
        }
        unsafe handle = LexicalCounts.index(of: runs, configuration)
        count = texts.count
        self.configuration = configuration
    }

    deinit { unsafe semblance_lexical_index_destroy(handle) }

    /// The texts that share a term with a query, best first, equal scores in the order of the texts; at most `count`.
    ///
    /// - Complexity: O(texts with one of the query's terms), each a few additions; 4,096 texts at a time.
    public func nearest(to query: String, count: Int) -> [LexicalHit] {
        precondition(count >= 0, "\(count) hits were asked for")
        return unsafe LexicalSearch().hits(of: query, count: min(count, self.count), in: handle)
    }

    /// The hits of many queries, searched in parallel.
    package func nearest(to queries: [String], count: Int, workers: Workers) -> [[LexicalHit]] {
        precondition(count >= 0, "\(count) hits were asked for")
        let wanted = min(count, self.count), queriesPerRun = 64
        var hits = [[LexicalHit]](repeating: [], count: queries.count)
        unsafe hits.withUnsafeMutableBufferPointer { hits in
            workers.forEach((queries.count + queriesPerRun - 1) / queriesPerRun) { run in
                let search = LexicalSearch()
                for query in run * queriesPerRun..<min(queries.count, (run + 1) * queriesPerRun) {
                    unsafe hits[query] = search.hits(of: queries[query], count: wanted, in: handle)
                }
            }
        }
        return hits
    }
}

/// The terms of a run of texts, counted by one thread.
@safe private final class LexicalCounts {
    private let handle: OpaquePointer

    init(english: Bool) { unsafe handle = semblance_lexical_counts_create(english) }

    deinit { unsafe semblance_lexical_counts_destroy(handle) }

    func add(_ text: String) {
        var text = text
        text.withUTF8 { unsafe semblance_lexical_counts_add(handle, $0.baseAddress, $0.count) }
    }

    static func index(of runs: [LexicalCounts], _ configuration: LexicalConfiguration) -> OpaquePointer {
        let handles = unsafe runs.map { unsafe $0.handle }
        return unsafe withExtendedLifetime(runs) {
            unsafe semblance_lexical_index_create(
                handles,
                handles.count,
                configuration.language == .english,
                configuration.k1,
                configuration.b
            )
        }
    }
}

/// What one thread's searches need, kept from query to query.
@safe private final class LexicalSearch {
    private let handle: OpaquePointer

    init() { unsafe handle = semblance_lexical_search_create() }

    deinit { unsafe semblance_lexical_search_destroy(handle) }

    func hits(of query: String, count: Int, in index: OpaquePointer) -> [LexicalHit] {
        guard count > 0 else { return [] }
        var query = query
        return unsafe withUnsafeTemporaryAllocation(of: semblance_lexical_hit.self, capacity: count) { hits in
            guard let first = hits.baseAddress else { return [] }
            let found = query.withUTF8 {
                unsafe semblance_lexical_search_run(handle, index, $0.baseAddress, $0.count, count, first)
            }
            return unsafe hits[..<found].map { LexicalHit(index: Int($0.text), score: $0.score) }
        }
    }
}
