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

/// An index over the words of texts, searched by BM25.
///
///     score(query, text) = Σ over the query's terms of  ln(1 + (N − n + ½) / (n + ½)) · f / (f + k1 (1 − b + b l / m))
///
/// N texts, n of them with the term; f times in a text of l terms, where texts have m on average. A term that the query
/// repeats counts as often. Words are runs of two or more letters, numbers and underscores of any script, in lower
/// case; ``LexicalConfiguration/Language`` says what becomes of them.
///
/// A copy costs nothing and stays as it is, whatever happens to the original: any number of tasks may search one.
///
/// - Note: Source: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework", 2009, in Lucene's variant
///   (C. Kamphuis et al., ECIR 2020); stems: M. F. Porter, snowballstem.org, as of Snowball 3.
public struct LexicalIndex: Sendable {
    /// How texts are read and scored.
    public let configuration: LexicalConfiguration
    /// How many texts there are.
    public private(set) var count = 0
    /// How many terms they have, repeated ones counted.
    private var length: UInt64 = 0
    /// Where they are: O(log n) segments. Persist these, and give them to ``init(parts:configuration:)``.
    package private(set) var parts: [LexicalPart] = []

    /// Indexes texts, in parallel; the result doesn't depend on the number of threads.
    ///
    /// - Throws: ``LexicalError`` with code `.invalidConfiguration` or `.tooManyTexts`.
    /// - Complexity: O(bytes of all texts). 8 bytes stay for each different term of each text.
    public init(
        _ texts: [String],
        configuration: LexicalConfiguration = LexicalConfiguration(),
        workers: Workers = .shared()
    ) throws(LexicalError) {
        try self.init(configuration: configuration)
        try checkRoom(for: texts.count)
        try append(texts.indices.lazy.map { (UInt32($0), texts[$0]) }, workers)
    }

    /// An index without texts.
    ///
    /// - Throws: ``LexicalError`` with code `.invalidConfiguration`.
    package init(configuration: LexicalConfiguration) throws(LexicalError) {
        try configuration.validate()
        self.configuration = configuration
    }

    /// The index that had these parts.
    ///
    /// - Throws: ``LexicalError`` with code `.invalidConfiguration`, `.damagedSegment` or `.repeatedNumber`.
    package init(parts: [LexicalPart], configuration: LexicalConfiguration) throws(LexicalError) {
        try self.init(configuration: configuration)
        for part in parts where part.segment.language != configuration.language {
            throw LexicalError(
                .damagedSegment,
                "a segment was made for language \(part.segment.language.rawValue), the index is for "
                    + "\(configuration.language.rawValue): build it anew"
            )
        }
        let shareNumber = withExtendedLifetime(parts) {
            unsafe semblance_lexical_parts_share_number(parts.map { unsafe $0.pointers }, parts.count)
        }
        guard !shareNumber else {
            throw LexicalError(.repeatedNumber, "two of \(parts.count) segments hold one number: build the index anew")
        }
        self.parts = parts
        try checkRoom(for: parts.reduce(0) { $0 + $1.count })
        for part in parts { include(part) }
    }

    private mutating func include(_ part: LexicalPart) {
        count += part.count
        length += part.length
    }

    private func checkRoom(for more: Int) throws(LexicalError) {
        guard more < Int(UInt32.max) - count else {
            throw LexicalError(
                .tooManyTexts,
                "\(count) texts and \(more) more are too many for one index; make several"
            )
        }
    }

    // MARK: Changing

    /// Adds texts under numbers that are free.
    ///
    /// - Throws: ``LexicalError`` with code `.repeatedNumber` or `.tooManyTexts`; then nothing has changed.
    /// - Complexity: O(bytes of the texts), and amortised O(log n) for each term of each text.
    package mutating func insert(
        _ texts: [(number: UInt32, text: String)],
        workers: Workers = .shared()
    ) throws(LexicalError) {
        try checkRoom(for: texts.count)
        var texts = texts
        if !zip(texts, texts.dropFirst()).allSatisfy({ $0.number < $1.number }) { texts.sort { $0.number < $1.number } }
        var previous: UInt32?
        for (number, _) in texts {
            guard number != previous, !contains(number) else {
                throw LexicalError(.repeatedNumber, "\(number) already is a text's number: remove that text first")
            }
            previous = number
        }
        try append(texts, workers)
        try settle()
    }

    /// Removes texts; each is handed in as it was inserted, which takes it out of the statistics.
    ///
    /// - Throws: ``LexicalError`` with code `.unknownNumber` or `.otherText`; then nothing has changed.
    /// - Complexity: O(bytes of the texts), and O(texts + terms) of a segment where a copy of the index shares it.
    package mutating func remove(_ texts: [(number: UInt32, text: String)]) throws(LexicalError) {
        let counts = LexicalCounts(configuration.language)
        var places: [(part: Int, slot: Int)] = [], seen: Set<UInt32> = []
        for (place, entry) in texts.enumerated() {
            counts.add(entry.text)
            guard seen.insert(entry.number).inserted, let found = self.place(of: entry.number) else {
                throw LexicalError(.unknownNumber, "\(entry.number) is no text's number, or was given twice")
            }
            guard counts.match(place, slot: found.slot, of: parts[found.part].segment) else {
                throw LexicalError(.otherText, "\(entry.number) was inserted with another text: hand in that one")
            }
            places.append(found)
        }
        for (text, place) in places.enumerated() {
            length -= parts[place.part].segment.length(of: place.slot)
            parts[place.part].remove(place.slot, counts, text)
        }
        count -= texts.count
        try compact()
    }

    /// Whether a text has this number.
    package func contains(_ number: UInt32) -> Bool { place(of: number) != nil }

    private func place(of number: UInt32) -> (part: Int, slot: Int)? {
        for (part, held) in parts.enumerated() {
            if let slot = held.slot(of: number) { return (part, slot) }
        }
        return nil
    }

    /// Adds texts, whose numbers ascend and are free, as one more part.
    private mutating func append(
        _ texts: some RandomAccessCollection<(number: UInt32, text: String)>,
        _ workers: Workers
    ) throws(LexicalError) {
        let textsPerRun = 1024, language = configuration.language
        let starts = stride(from: 0, to: texts.count, by: textsPerRun).map {
            texts.index(texts.startIndex, offsetBy: $0)
        }
        var runs = [LexicalPart?](repeating: nil, count: starts.count)
        unsafe runs.withUnsafeMutableBufferPointer { runs in
            workers.forEach(starts.count) { run in
                let texts = texts[starts[run]...].prefix(textsPerRun)
                unsafe runs[run] = LexicalPart(LexicalSegment(texts, language: language))
            }
        }
        guard let part = try merged(runs.compactMap(\.self)) else { return }
        parts.append(part)
        include(part)
    }

    /// One part that holds what is left of some; nil if nothing is.
    private func merged(_ parts: [LexicalPart]) throws(LexicalError) -> LexicalPart? {
        if parts.count == 1, parts[0].removals == nil { return parts[0] }
        if parts.allSatisfy({ $0.count == 0 }) { return nil }
        return LexicalPart(try LexicalSegment(merging: parts, language: configuration.language))
    }

    /// Merges four parts of like size until there are no four: each text is merged O(log n) times.
    private mutating func settle() throws(LexicalError) {
        while let alike = alike() {
            let part = try merged(alike.map { parts[$0] })
            for place in alike.reversed() { parts.remove(at: place) }
            if let part { parts.append(part) }
        }
    }

    /// Four or more parts of one size, the smallest first.
    private func alike() -> [Int]? {
        let sizes = Dictionary(grouping: parts.indices) { parts[$0].segment.magnitude }
        return sizes.filter { $0.value.count > 3 }.min { $0.key < $1.key }?.value
    }

    /// Rewrites parts of which more than a third was removed.
    private mutating func compact() throws(LexicalError) {
        for place in parts.indices.reversed() where parts[place].count * 3 < parts[place].segment.count * 2 {
            let part = try merged([parts[place]])
            parts.remove(at: place)
            if let part { parts.append(part) }
        }
        try settle()
    }

    // MARK: Searching

    /// The texts that share a term with a query, best first, equal scores in the order of the texts; at most `count`.
    ///
    /// - Complexity: O(texts with one of the query's terms), each a few additions; 4,096 texts at a time.
    public func nearest(to query: String, count: Int) -> [LexicalHit] {
        search(query, count: count).map { LexicalHit(index: Int($0.number), score: $0.score) }
    }

    /// The hits of many queries, searched in parallel.
    package func nearest(to queries: [String], count: Int, workers: Workers) -> [[LexicalHit]] {
        precondition(count >= 0, "\(count) hits were asked for")
        let queriesPerRun = 64
        var hits = [[LexicalHit]](repeating: [], count: queries.count)
        unsafe hits.withUnsafeMutableBufferPointer { hits in
            workers.forEach((queries.count + queriesPerRun - 1) / queriesPerRun) { run in
                let search = LexicalSearch(self)
                for query in run * queriesPerRun..<min(queries.count, (run + 1) * queriesPerRun) {
                    unsafe hits[query] = search.hits(of: queries[query], count: min(count, self.count), allowed: nil)
                        .map { LexicalHit(index: Int($0.number), score: $0.score) }
                }
            }
        }
        return hits
    }

    /// The numbers whose texts share a term with a query, best first, equal scores by number; at most `count`.
    ///
    /// Scores are those of all texts, whatever is allowed.
    /// - Parameter allowed: a bit for each number, lowest first; numbers beyond it are not allowed. Nil allows all.
    package func search(
        _ query: String,
        count: Int,
        allowed: [UInt64]? = nil
    ) -> [(number: UInt32, score: Float)] {
        precondition(count >= 0, "\(count) hits were asked for")
        return LexicalSearch(self).hits(of: query, count: min(count, self.count), allowed: allowed)
    }

    fileprivate var statistics: semblance_lexical_statistics {
        semblance_lexical_statistics(
            texts: UInt64(count),
            length: length,
            k1: configuration.k1,
            b: configuration.b,
            english: configuration.language == .english
        )
    }
}

/// What one thread's searches need, kept from query to query.
@safe private final class LexicalSearch {
    private let handle: OpaquePointer
    private let index: LexicalIndex
    private let parts: [semblance_lexical_part]
    private var statistics: semblance_lexical_statistics

    init(_ index: LexicalIndex) {
        unsafe handle = semblance_lexical_search_create()
        self.index = index
        unsafe parts = index.parts.map { unsafe $0.pointers }
        statistics = index.statistics
    }

    deinit { unsafe semblance_lexical_search_destroy(handle) }

    func hits(of query: String, count: Int, allowed: [UInt64]?) -> [(number: UInt32, score: Float)] {
        guard count > 0, allowed?.isEmpty != true else { return [] }
        var query = query
        return unsafe withUnsafeTemporaryAllocation(of: semblance_lexical_hit.self, capacity: count) { hits in
            guard let first = hits.baseAddress else { return [] }
            let found = query.withUTF8 { query in
                func run(_ allowed: UnsafeBufferPointer<UInt64>?) -> Int {
                    unsafe semblance_lexical_search_run(
                        handle,
                        parts,
                        parts.count,
                        &statistics,
                        query.baseAddress,
                        query.count,
                        allowed?.baseAddress,
                        allowed?.count ?? 0,
                        count,
                        first
                    )
                }
                guard let allowed else { return run(nil) }
                return unsafe allowed.withUnsafeBufferPointer { unsafe run($0) }
            }
            return unsafe hits[..<found].map { ($0.number, $0.score) }
        }
    }
}
