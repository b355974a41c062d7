internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics
public import SemblanceRetrieval
internal import Synchronization

extension SearchIndex {
    /// The documents that match a text best, best first.
    ///
    /// - Parameters:
    ///   - text: what to look for.
    ///   - count: how many; fewer come only where fewer may be found.
    ///   - filter: the fields of the documents that may be found; `nil`, the default, is all.
    ///   - options: by what documents are searched, and which are left out.
    /// - Throws: ``RetrievalError`` with code `.invalidArgument` for a filter or an option out of its range;
    ///   `.damagedFile`; `CancellationError`.
    public func search(
        _ text: String,
        count: Int = 10,
        where filter: Filter? = nil,
        options: SearchOptions = SearchOptions()
    ) async throws -> [SearchHit] {
        try await search([text], count: count, where: filter, options: options)[0]
    }

    /// The documents that match each of some texts, all in one state of the index.
    public func search(
        _ texts: [String],
        count: Int = 10,
        where filter: Filter? = nil,
        options: SearchOptions = SearchOptions()
    ) async throws -> [[SearchHit]] {
        try options.validate()
        let generation = current
        let needsVectors = options.mode != .lexical
        let queries =
            needsVectors
            ? try await generation.embedder.embed(texts, as: .query, options: .init(compute: compute))
            : Matrix(rows: 0, columns: generation.vectors.dimension)
        let workers = Workers.shared(threads: compute.threads)
        return try await workers.run { cancellation in
            try generation.search(
                texts,
                queries: queries,
                count: count,
                where: filter,
                options: options,
                workers: workers,
                cancellation: cancellation
            )
        }
    }

    /// How a search by meaning would go through the vectors, and how many documents the filter leaves.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidArgument` for a filter or an option out of its range.
    public func explain(
        count: Int = 10,
        where filter: Filter? = nil,
        options: SearchOptions = SearchOptions()
    ) throws -> SearchExplanation {
        try options.validate()
        return try current.explain(count: count, where: filter, options: options)
    }

    /// Where a text has the words of a query, as the index reads words.
    public func highlights(of query: String, in text: String) -> Highlights {
        Highlights(of: query, in: text, language: configuration.lexical.language)
    }
}

/// How a search goes through a ``SearchIndex``.
public struct SearchExplanation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Documents in the index.
    public var documents: Int
    /// How many of them were thought to match the filter, before looking; at most so many do.
    public var estimate: Int
    /// How many do.
    public var allowed: Int
    /// How the vectors are gone through.
    public var plan: SearchPlan

    /// Some lines.
    public var description: String {
        "\(documents) documents, at most \(estimate) by the filter, \(allowed) found\n\(plan)"
    }
}

extension Generation {
    private struct Snapshot {
        var vectors: IndexSnapshot
        var searchable: Searchable
        /// The documents that may be found; `nil`: all.
        var allowed: NumberSet?

        var rows: IDFilter? { allowed.map { IDFilter(numbers: $0, shift: PassageID.shift) } }
    }

    private func snapshot(_ filter: Filter?) throws -> Snapshot {
        try filter?.validate()
        let (state, searchable): (IndexSnapshot, Searchable) = vectors.snapshot { self.searchable.withLock { $0 } }
        return Snapshot(
            vectors: state,
            searchable: searchable,
            allowed: filter.map { searchable.metadata.evaluate($0) }
        )
    }

    func explain(count: Int, where filter: Filter?, options: SearchOptions) throws -> SearchExplanation {
        let snapshot = try snapshot(filter)
        let documents = snapshot.searchable.lexical.count
        return SearchExplanation(
            documents: documents,
            estimate: filter.map { snapshot.searchable.metadata.estimate($0) } ?? documents,
            allowed: snapshot.allowed?.count ?? documents,
            plan: vectors.explain(
                in: snapshot.vectors,
                count: count,
                effort: options.effort,
                where: snapshot.rows
            )
        )
    }

    func search(
        _ texts: [String],
        queries: Matrix,
        count: Int,
        where filter: Filter?,
        options: SearchOptions,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> [[SearchHit]] {
        let snapshot = try snapshot(filter)
        guard count > 0 else { return texts.map { _ in [] } }
        let candidates = max(count, options.candidates ?? max(SearchOptions.leastCandidates, min(count, 1 << 20) * 5))
        let isList = options.diversity != nil || options.mode != .dense && options.mode != .lexical
        let wanted = isList ? candidates : count

        let dense =
            options.mode == .lexical
            ? texts.map { _ in DenseHits() }
            : try nearest(to: queries, in: snapshot, count: wanted, effort: options.effort)
        let bits = snapshot.allowed?.words
        return try workers.map(texts.count) { place in
            try cancellation.check()
            var hits: [Hit]
            switch options.mode {
            case .dense: hits = dense[place].documents
            case .lexical:
                hits = lexical(texts[place], in: snapshot, count: wanted, allowed: bits)
            case .hybrid(let fusion):
                let words = lexical(texts[place], in: snapshot, count: wanted, allowed: bits)
                hits = try fusion.fuse([dense[place].documents, words], count: candidates)
            }
            if let least = options.minimumScore { hits.removeAll { !($0.score >= least) } }
            if let diversity = options.diversity {
                hits = try diverse(hits, diversity, count: count, in: snapshot, passages: dense[place].passages)
            }
            return try hits.prefix(count).compactMap { hit in
                try document(of: hit, in: snapshot, passage: dense[place].passages[hit.id])
            }
        }
    }

    /// The documents nearest to a query, and the passage of each that is.
    private struct DenseHits {
        /// Ids are documents' numbers.
        var documents: [Hit] = []
        var passages: [Int64: Int64] = [:]

        init() {}

        /// - Parameter rows: best first.
        init(_ rows: [Hit], count: Int) {
            for row in rows where documents.count < count {
                let number = Int64(PassageID(row: row.id).document)
                if passages[number] != nil { continue }
                passages[number] = row.id
                documents.append(Hit(id: number, score: row.score))
            }
        }
    }

    private func nearest(
        to queries: Matrix,
        in snapshot: Snapshot,
        count: Int,
        effort: Int?
    ) throws -> [DenseHits] {
        let rows = snapshot.rows
        func found(_ queries: Matrix, _ count: Int) throws -> [[Hit]] {
            try vectors.nearest(to: queries, in: snapshot.vectors, count: count, effort: effort, where: rows)
        }
        if splitter == nil { return try found(queries, count).map { DenseHits($0, count: count) } }
        // Several passages may be of one document: more of them, until there are enough documents.
        return try (0..<queries.rows).map { place in
            let query = queries.rows(place..<place + 1)
            var passages = min(count, 1 << 40) * 3
            while true {
                let hits = try found(query, passages)[0]
                let documents = DenseHits(hits, count: count)
                if documents.documents.count >= count || hits.count < passages { return documents }
                passages *= 4
            }
        }
    }

    private func lexical(_ text: String, in snapshot: Snapshot, count: Int, allowed: [UInt64]?) -> [Hit] {
        snapshot.searchable.lexical.search(text, count: count, allowed: allowed).map {
            Hit(id: Int64($0.number), score: $0.score)
        }
    }

    private func diverse(
        _ hits: [Hit],
        _ diversity: MaximalMarginalRelevance,
        count: Int,
        in snapshot: Snapshot,
        passages: [Int64: Int64]
    ) throws -> [Hit] {
        var rows = Matrix(rows: hits.count, columns: vectors.dimension)
        for (place, hit) in hits.enumerated() {
            let row = passages[hit.id] ?? PassageID(document: UInt32(hit.id), passage: 0).row
            if let vector = try snapshot.vectors.vector(of: row) { rows[row: place] = vector }
        }
        return try diversity.pick(count, scores: hits.map(\.score), vectors: rows).map { hits[$0] }
    }

    private func document(of hit: Hit, in snapshot: Snapshot, passage: Int64?) throws -> SearchHit? {
        let first = PassageID(document: UInt32(hit.id), passage: 0).row
        guard let bytes = try snapshot.vectors.payload(of: first) else { return nil }
        let record = try DocumentRecord(reading: bytes)
        let text = record.document.text
        var range = 0..<text.utf8.count
        if let passage {
            range = 0..<min(record.firstPassage, text.utf8.count)
            if passage != first, let bytes = try snapshot.vectors.payload(of: passage) {
                range = PassageRecord.range(reading: bytes, in: text)
            }
        }
        return SearchHit(document: record.document, score: hit.score, passage: range)
    }
}

extension NumberSet {
    /// A bit for each number.
    fileprivate var words: [UInt64] {
        var words = [UInt64](repeating: 0, count: last.map { Int($0) / 64 + 1 } ?? 0)
        unsafe words.withUnsafeMutableBytes { unsafe fill($0) }
        return words
    }
}
