// Search indexes, evaluated as they are searched: by meaning, by words, by both.

internal import Foundation
public import SemblanceEncoders
public import SemblanceEvaluation
public import SemblanceNumerics
public import SemblanceTraining

extension Evaluator {
    /// How well an index finds the relevant documents of a set.
    ///
    /// The index holds the set's documents, and may hold others: those count as not relevant.
    ///
    /// - Parameters:
    ///   - index: what is searched.
    ///   - dataset: the queries, and which documents answer them.
    ///   - options: how it is searched. Where ``SearchOptions/candidates`` is `nil`, lists are fused that are as long as
    ///     in a search for ten hits.
    ///   - metrics: what to measure.
    /// - Throws: as ``SearchIndex/search(_:count:where:options:)-(String,_,_,_)``.
    public static func retrieval(
        _ index: SearchIndex,
        on dataset: RetrievalDataset,
        options: SearchOptions = SearchOptions(),
        metrics: [RetrievalMetric] = RetrievalMetric.standard
    ) async throws -> RetrievalReport {
        var options = options
        options.candidates = options.candidates ?? SearchOptions.leastCandidates
        let count = RetrievalMetric.hitsNeeded(for: metrics)
        var rankings: [[String]] = []
        for first in stride(from: 0, to: dataset.queries.count, by: 256) {
            try Task.checkCancellation()
            let texts = dataset.queries[first..<min(first + 256, dataset.queries.count)].map(\.text)
            let hits = try await index.search(texts, count: count, options: options)
            rankings += hits.map { $0.map(\.document.id) }
        }
        return RetrievalReport(rankings: rankings, of: dataset, metrics: metrics)
    }

    /// How well a model, words, or both find the relevant documents of a set, searched in each of some modes.
    ///
    /// The documents are put into an index in the system's temporary folder, which is removed afterwards.
    ///
    /// - Parameters:
    ///   - embedder: the model.
    ///   - dataset: documents, queries, and which answer which.
    ///   - modes: how the set is searched.
    ///   - configuration: how the index is made. The kind that is `automatic` goes by the number of documents.
    ///   - metrics: what to measure.
    ///   - compute: how the machine is used.
    /// - Returns: a report for each mode; ``RetrievalReport/pairedRandomizationTest(against:on:permutations:seed:workers:)``
    ///   says whether two differ.
    /// - Throws: ``SearchIndexError``, ``RetrievalError``, ``FileError``, `CancellationError`.
    public static func retrieval(
        _ embedder: Embedder,
        on dataset: RetrievalDataset,
        by modes: [SearchMode],
        configuration: SearchConfiguration = SearchConfiguration(),
        metrics: [RetrievalMetric] = RetrievalMetric.standard,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> [RetrievalReport] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "semblance-evaluation-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        // Equal scores fall by the order in which documents come: by id, as in the other evaluations.
        let documents = dataset.documents.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        let index = try await SearchIndex.build(
            documents.map { SearchDocument(id: $0.id, title: $0.title, text: $0.text) },
            with: embedder,
            at: folder,
            configuration: configuration,
            compute: compute
        )
        var reports: [RetrievalReport] = []
        for mode in modes {
            let options = SearchOptions(mode: mode)
            reports.append(try await retrieval(index, on: dataset, options: options, metrics: metrics))
        }
        try await index.close()
        return reports
    }
}
