import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct HNSWTests {
    @Test func `a graph finds nearly all of the true nearest, and more with more effort`() async throws {
        let vectors = clustered(3000, 48, seed: 1)
        let ids = (0..<3000).map { Int64($0) << 33 }
        let exact = try VectorIndex(of: vectors, ids: ids, kind: .exact)
        let graph = try VectorIndex(of: vectors, ids: ids, kind: .hnsw)
        let queries = clustered(100, 48, seed: 2)
        let truth = try await exact.nearest(to: queries, count: 10)
        let usual = recall(try await graph.nearest(to: queries, count: 10), truth)
        let little = recall(try await graph.nearest(to: queries, count: 10, effort: 10), truth)
        #expect(usual > 0.95)
        #expect(little < usual && little > 0.4)
        #expect(try await graph.nearest(to: queries, count: 10, effort: 3000) == truth)
    }

    @Test func `each vector finds itself first`() async throws {
        let vectors = clustered(5000, 32, clusters: 10, seed: 4)
        for metric in [Metric.cosine, .l2] {
            let index = try VectorIndex(of: vectors, ids: (0..<5000).map { Int64($0) }, metric: metric, kind: .hnsw)
            let found = try await index.nearest(to: vectors, count: 1)
            #expect(found.enumerated().count { $0.offset != Int($0.element[0].id) } <= 5)
        }
    }

    /// Twins and far groups are what tears graphs apart; whoever asks still gets as many hits as there are.
    @Test func `hits are as many as asked for among twins and far groups`() async throws {
        var stream = RandomStream(seed: 5)
        var vectors = stream.normal(rows: 1200, columns: 8, deviation: 1e-3)
        for row in 0..<1200 {
            if row < 500 { for column in 0..<8 { vectors[row, column] = 1 } }
            if row >= 600 { vectors[row, 3] += 1000 }
        }
        for metric in Metric.allCases {
            let index = try VectorIndex(of: vectors, ids: (0..<1200).map { Int64($0) }, metric: metric, kind: .hnsw)
            for wanted in [1, 100, 700, 1199] {
                let found = try await index.nearest(to: vectors.rows(450..<650), count: wanted, effort: 10)
                #expect(found.allSatisfy { $0.count == wanted && Set($0.map(\.id)).count == wanted })
            }
        }
    }
}
