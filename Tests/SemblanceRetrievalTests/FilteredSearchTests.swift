import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceRetrieval

/// Filters beside exact search among the allowed.
@Suite struct FilteredSearchTests {
    /// Ids of the vectors that are nearest to `centre`: allowed ones that lie together.
    private func near(_ centre: [Float], of exact: VectorIndex, count: Int) throws -> [Int64] {
        try exact.nearest(to: centre, count: count).map(\.id)
    }

    @Test(arguments: [2, 3, 5])
    func `a graph finds allowed vectors as well as all, wherever they lie`(part: Int) async throws {
        let count = 12_000
        let vectors = clustered(count, 24, clusters: 100, seed: 21)
        let ids = (0..<count).map { Int64($0) }
        let index = try VectorIndex(of: vectors, ids: ids, kind: .hnsw)
        let exact = try VectorIndex(of: vectors, ids: ids, kind: .exact)
        let queries = clustered(100, 24, clusters: 100, seed: 22)
        let all = recall(
            try index.nearestNow(to: queries, count: 10, effort: 16),
            try exact.nearestNow(to: queries, count: 10)
        )
        let together = try near(vectors[row: 5], of: exact, count: count / part)
        for filter in [IDFilter(ids.filter { $0 % Int64(part) == 0 }), IDFilter(together)] {
            let plan = index.explain(count: 10, effort: 16, where: filter)
            #expect(plan.steps.map(\.strategy) == [.structure(effort: 16)])
            let found = try index.nearestNow(to: queries, count: 10, effort: 16, where: filter)
            let truth = try exact.nearestNow(to: queries, count: 10, where: filter)
            #expect(recall(found, truth) >= 0.99 * all, "\(recall(found, truth)) of \(all)")
            #expect(recall(found, try exact.nearestNow(to: queries, count: 10)) < 0.9)
        }
    }

    @Test func `a filter that was used before sees later changes`() async throws {
        let vectors = clustered(1000, 16, seed: 23)
        let index = try VectorIndex(of: vectors, ids: (0..<1000).map { Int64($0) }, kind: .exact)
        let filter = IDFilter([3, 5, 2000])
        let query = vectors[row: 3]
        #expect(try Set(index.nearest(to: query, count: 10, where: filter).map(\.id)) == [3, 5])
        try await index.remove([5])
        try await index.add(vectors.rows(7..<8), ids: [2000])
        #expect(try Set(index.nearest(to: query, count: 10, where: filter).map(\.id)) == [3, 2000])
        try await index.compact()
        #expect(try Set(index.nearest(to: query, count: 10, where: filter).map(\.id)) == [3, 2000])
        #expect(filter == IDFilter([2000, 5, 3]) && filter != IDFilter([3, 5]))
    }

    @Test(arguments: [0, 3, 20])
    func `ids far apart are marked as those side by side are`(shift: Int) throws {
        // Through a bitmap of numbers, by halving, one by one: what is marked is the same.
        let sparse = (0..<2000).map { Int64($0 * $0 * $0) << Int64(shift) }
        let dense = (0..<2000).map { Int64($0 * 3) << Int64(shift) }
        let vectors = clustered(2000, 4, seed: 24)
        for ids in [sparse, dense, dense.map { -$0 }] {
            let index = try VectorIndex(of: vectors, ids: ids, kind: .exact)
            for step in [1, 2, 100] {
                let wanted = stride(from: 0, to: 2000, by: step).map { ids[$0] }
                let filter = IDFilter(wanted + [Int64.min, Int64.max, 1_234_567_891])
                let hits = try index.nearest(to: vectors[row: 0], count: 2000, where: filter)
                #expect(Set(hits.map(\.id)) == Set(wanted))
            }
        }
    }
}
