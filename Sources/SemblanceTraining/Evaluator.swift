// Rankings of a data set's queries, by a model or by BM25, turned into metrics.

public import SemblanceEncoders
public import SemblanceEvaluation
public import SemblanceNumerics
public import SemblanceRetrieval

/// Evaluates what finds documents.
public enum Evaluator {
    /// The metric that decides which weights are best while training.
    static let selectionMetric = RetrievalMetric.ndcg(10)

    /// How well a model finds the relevant documents of a set.
    ///
    /// Documents are embedded as title and text joined by a blank, and ranked by cosine; equal scores fall by id.
    ///
    /// - Parameters:
    ///   - kind: the index searched. The default compares with every document.
    ///   - dimension: how many leading components are compared; `nil`, the default, is all.
    ///   - metrics: what to measure.
    /// - Throws: ``EncoderError`` for a dimension that the model lacks; ``RetrievalError`` where the kind can't be built for
    ///   this set; `CancellationError`.
    public static func retrieval(
        _ embedder: Embedder,
        on dataset: RetrievalDataset,
        through kind: IndexKind = .exact,
        dimension: Int? = nil,
        metrics: [RetrievalMetric] = RetrievalMetric.standard,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> RetrievalReport {
        let workers = Workers.shared(threads: compute.threads)
        return try await workers.run { cancellation in
            try evaluate(
                embedder,
                on: dataset,
                through: kind,
                dimension: dimension,
                metrics: metrics,
                precision: compute.precision,
                workers: workers,
                cancellation: cancellation
            )
        }
    }

    /// How well BM25 does on the same set: what a model has to beat.
    public static func lexical(
        on dataset: RetrievalDataset,
        configuration: LexicalConfiguration = LexicalConfiguration(),
        metrics: [RetrievalMetric] = RetrievalMetric.standard,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> RetrievalReport {
        let workers = Workers.shared(threads: compute.threads)
        return try await workers.run { _ in
            let documents = orderedByID(dataset)
            let index = try LexicalIndex(documents.map(\.content), configuration: configuration, workers: workers)
            let hits = index.nearest(
                to: dataset.queries.map(\.text),
                count: RetrievalMetric.hitsNeeded(for: metrics),
                workers: workers
            )
            return RetrievalReport(
                rankings: hits.map { $0.map { documents[$0.index].id } },
                of: dataset,
                metrics: metrics,
                workers: workers
            )
        }
    }

    /// How well a model's cosines agree with the scores of pairs.
    ///
    /// - Parameter dimension: how many leading components are compared; `nil`, the default, is all.
    /// - Throws: `CancellationError`, and `EncoderError` where a text can't be embedded or the model lacks the dimension.
    public static func similarity(
        _ embedder: Embedder,
        on dataset: SimilarityDataset,
        dimension: Int? = nil,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> SimilarityReport {
        let workers = Workers.shared(threads: compute.threads)
        return try await workers.run { cancellation in
            try evaluate(
                embedder,
                on: dataset,
                dimension: dimension,
                precision: compute.precision,
                workers: workers,
                cancellation: cancellation
            )
        }
    }

    /// As ``similarity(_:on:dimension:compute:)``, on the calling thread and its workers.
    package static func evaluate(
        _ embedder: Embedder,
        on dataset: SimilarityDataset,
        dimension: Int? = nil,
        precision: Precision = .float32,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> SimilarityReport {
        let embed = embedding(with: embedder, dimension, precision, workers, cancellation)
        let cosines = try MatrixExpression(embed(dataset.pairs.map(\.first), .query))
            .rowDots(MatrixExpression(embed(dataset.pairs.map(\.second), .document)))
        return SimilarityReport(similarities: cosines.value.elements.map(Double.init), of: dataset)
    }

    /// As ``retrieval(_:on:through:dimension:metrics:compute:)``, on the calling thread and its workers.
    package static func evaluate(
        _ embedder: Embedder,
        on dataset: RetrievalDataset,
        through kind: IndexKind = .exact,
        dimension: Int? = nil,
        metrics: [RetrievalMetric] = RetrievalMetric.standard,
        precision: Precision = .float32,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> RetrievalReport {
        let documents = orderedByID(dataset)
        let embed = embedding(with: embedder, dimension, precision, workers, cancellation)
        let corpus = try embed(documents.map(\.content), .document)
        let queries = try embed(dataset.queries.map(\.text), .query)
        let count = RetrievalMetric.hitsNeeded(for: metrics)
        let rankings: [[String]]
        if kind == .exact {
            let found = ExactSearch.nearest(to: queries, in: corpus, count: count, workers: workers)
            rankings = (0..<queries.rows).map { query in
                found.rows[query * found.count..<(query + 1) * found.count].map { documents[Int($0)].id }
            }
        } else {
            let index = try VectorIndex(
                of: corpus,
                ids: Array(0..<Int64(corpus.rows)),
                kind: kind,
                options: ComputeOptions(threads: workers.threads)
            )
            try cancellation.check()
            rankings = try index.nearestNow(to: queries, count: count).map { $0.map { documents[Int($0.id)].id } }
        }
        return RetrievalReport(rankings: rankings, of: dataset, metrics: metrics, workers: workers)
    }

    /// How a model does on a development set.
    static func evaluate(
        _ embedder: Embedder,
        on set: DevelopmentSet,
        precision: Precision,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> DevelopmentReport {
        switch set {
        case .retrieval(let dataset):
            .retrieval(
                try evaluate(
                    embedder,
                    on: dataset,
                    precision: precision,
                    workers: workers,
                    cancellation: cancellation
                )
            )
        case .similarity(let dataset):
            .similarity(
                try evaluate(
                    embedder,
                    on: dataset,
                    precision: precision,
                    workers: workers,
                    cancellation: cancellation
                )
            )
        }
    }

    /// How texts are embedded to be compared by cosine.
    private static func embedding(
        with embedder: Embedder,
        _ dimension: Int?,
        _ precision: Precision,
        _ workers: Workers,
        _ cancellation: Cancellation
    ) -> (_ texts: [String], _ role: Role) throws -> Matrix {
        let options = Embedder.Options(
            dimension: dimension,
            normalizes: true,
            compute: ComputeOptions(precision: precision)
        )
        return { texts, role in
            try embedder.embed(texts, as: role, options: options, workers: workers, cancellation: cancellation)
                .embeddings
        }
    }

    /// Searches break ties by position; in the order of ids that is by id.
    private static func orderedByID(_ dataset: RetrievalDataset) -> [RetrievalDataset.Document] {
        dataset.documents.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
    }
}
