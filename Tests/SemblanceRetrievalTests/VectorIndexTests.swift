import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct VectorIndexTests {
    @Test(arguments: Metric.allCases, 0..<4 as Range<UInt64>)
    func `an exact search agrees with sorting all scores`(metric: Metric, seed: UInt64) async throws {
        var stream = RandomStream(seed: seed)
        let dimension = [1, 7, 33, 130][Int(seed)]
        let count = 1 + Int(stream.next() % 700)
        let vectors = stream.normal(rows: count, columns: dimension)
        let ids = (0..<count).map { Int64($0) * 7 - 100 }
        let index = try VectorIndex(dimension: dimension, metric: metric, kind: .exact)
        try await index.add(vectors, ids: ids)
        let queries = stream.normal(rows: 33, columns: dimension)
        let batch = try await index.nearest(to: queries, count: 20)
        for row in 0..<queries.rows {
            let expected = sortedScores(metric, queries[row: row], vectors, ids).prefix(20)
            let found = try index.nearest(to: queries[row: row], count: 20)
            #expect(found == batch[row])
            #expect(found.count == min(20, count))
            for (hit, truth) in zip(found, expected) {
                #expect(abs(Double(hit.score) - truth.score) <= 1e-5 * max(1, abs(truth.score)))
                // Two scores that round to one may change places.
                let same = reference(metric, queries[row: row], vectors[row: Int(hit.id + 100) / 7])
                #expect(abs(same - truth.score) <= 1e-5 * max(1, abs(truth.score)))
            }
        }
    }

    @Test func `a graph finds nearly all of the true nearest, and more with more effort`() async throws {
        let vectors = clustered(3000, 48, seed: 1)
        let ids = (0..<3000).map { Int64($0) << 33 }
        let exact = try VectorIndex(dimension: 48, kind: .exact)
        let graph = try VectorIndex(dimension: 48, kind: .hnsw)
        try await exact.add(vectors, ids: ids)
        try await graph.add(vectors, ids: ids)
        let queries = clustered(100, 48, seed: 2)
        let truth = try await exact.nearest(to: queries, count: 10)
        let usual = recall(try await graph.nearest(to: queries, count: 10), truth)
        let little = recall(try await graph.nearest(to: queries, count: 10, effort: 10), truth)
        #expect(usual > 0.95)
        #expect(little < usual && little > 0.4)
        #expect(try await graph.nearest(to: queries, count: 10, effort: 3000) == truth)
    }

    @Test(arguments: ["exact", "hnsw", "ivf:lists=8,probes=8", "automatic", "SQ8", "HNSW8,SQ8"])
    func `what is written opens with the same hits`(kind: String) async throws {
        let folder = try TemporaryFolder()
        let vectors = clustered(600, 16, seed: 3)
        let ids = (0..<600).map { Int64($0 * 3 + 5) - (1 << 40) }
        let index = try VectorIndex(dimension: 16, kind: IndexKind(parsing: kind))
        try await index.add(vectors, ids: ids)
        try index.write(to: folder("index"))
        let opened = try VectorIndex.open(at: folder("index"))
        #expect(opened.count == 600 && opened.kind == index.kind && opened.metric == .cosine)
        let queries = clustered(20, 16, seed: 4)
        let expected = try await index.nearest(to: queries, count: 7)
        #expect(try await opened.nearest(to: queries, count: 7) == expected)
        #expect(expected.allSatisfy { $0.count == 7 })
        // The negative control: another index gives other hits.
        try await opened.add(queries, ids: (0..<20).map { Int64($0) })
        #expect(try await opened.nearest(to: queries, count: 7) != expected)
    }
}
