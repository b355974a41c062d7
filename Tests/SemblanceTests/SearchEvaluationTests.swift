import Foundation
import Semblance
import SemblanceTestSupport
import Testing

@Suite(.serialized) struct SearchEvaluationTests {
    private static func dataset() throws -> RetrievalDataset {
        let jobs = "geologist rocks, astronomer stars, plumber pipes, baker bread, tailor cloth, miner rocks"
            .components(separatedBy: ", ")
        return try RetrievalDataset(
            documents: jobs.enumerated().map { .init(id: "d\($0)", title: $1, text: "works with \($1)") },
            queries: [
                .init(id: "q0", text: "studies rocks"),
                .init(id: "q1", text: "looks at stars"),
                .init(id: "q2", text: "bread and cloth"),
            ],
            judgements: ["q0": ["d0": 2, "d5": 1], "q1": ["d1": 1], "q2": ["d4": 1, "missing": 1]]
        )
    }

    private static func embedder(of dataset: RetrievalDataset) async throws -> Embedder {
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 4, seed: 3)
        configuration.compute.threads = 1
        return try await Embedder.fit(
            dataset.documents.map { TrainingPair(anchor: $0.text, positive: $0.title) },
            configuration: configuration
        )
    }

    @Test func `an index searched by meaning or by words scores as the model or BM25 does alone`() async throws {
        let dataset = try Self.dataset()
        let embedder = try await Self.embedder(of: dataset)
        let dense = try await Evaluator.retrieval(embedder, on: dataset)
        let lexical = try await Evaluator.lexical(on: dataset)
        let reports = try await Evaluator.retrieval(embedder, on: dataset, by: [.dense, .lexical, .hybrid])
        #expect(reports[0] == dense && reports[1] == lexical)
        // The two differ here, so the test can tell them apart.
        #expect(dense != lexical)
    }

    @Test func `a fusion in which one list weighs all scores as that list`() async throws {
        let dataset = try Self.dataset()
        let embedder = try await Self.embedder(of: dataset)
        let modes = [[1.0, 0], [0, 1]].flatMap { weights -> [SearchMode] in
            RankFusion.Method.allCases.map { SearchMode.hybrid(RankFusion($0, weights: weights)) }
        }
        let reports = try await Evaluator.retrieval(
            embedder,
            on: dataset,
            by: [.dense, .lexical] + modes,
            metrics: [.mrr(10)]
        )
        #expect(reports[2] == reports[0] && reports[3] == reports[0])
        #expect(reports[4] == reports[1] && reports[5] == reports[1])
    }

    @Test func `nothing is left in the temporary folder`() async throws {
        let dataset = try Self.dataset()
        let embedder = try await Self.embedder(of: dataset)
        func folders() throws -> Set<String> {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: FileManager.default.temporaryDirectory.path
            )
            return Set(names.filter { $0.hasPrefix("semblance-evaluation-") })
        }
        let before = try folders()
        _ = try await Evaluator.retrieval(embedder, on: dataset, by: [.hybrid])
        #expect(try folders().isSubset(of: before))
    }
}
