internal import SemblanceEncoders
internal import SemblanceEvaluation
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// Evaluates embedders by exact search.
enum Evaluator {
    /// The metric by which the best model is told.
    static let selectionMetric = RetrievalMetric.ndcg(10)

    /// How well an embedder's cosines rank the documents of a set; equal cosines in the documents' order.
    static func evaluate(
        _ embedder: Embedder,
        on dataset: RetrievalDataset,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> RetrievalReport {
        func embed(_ texts: [String], as role: Role) throws -> Matrix {
            let options = Embedder.Options(normalizes: true)
            let result = try embedder.embed(
                texts,
                as: role,
                options: options,
                workers: workers,
                cancellation: cancellation
            )
            return result.embeddings
        }
        let found = ExactSearch.nearest(
            to: try embed(dataset.queries.map(\.text), as: .query),
            in: try embed(dataset.documents.map(\.content), as: .document),
            count: RetrievalMetric.hitsNeeded(),
            workers: workers
        )
        let rankings = dataset.queries.indices.map { query in
            found.rows[query * found.count..<(query + 1) * found.count].map { dataset.documents[Int($0)].id }
        }
        return RetrievalReport(rankings: rankings, of: dataset, workers: workers)
    }
}
