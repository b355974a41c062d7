import Foundation
import SemblanceNumerics
import Testing

@testable import SemblanceRetrieval

/// Small tails, so that sealing and merging happen all the time.
private var busy: MaintenanceConfiguration {
    var maintenance = MaintenanceConfiguration()
    maintenance.sealingCount = 64
    return maintenance
}

/// What an index should hold, kept the simple way.
private struct Model {
    var vectors: [Int64: [Float]] = [:]

    func nearest(to query: [Float], count: Int) -> [Int64] {
        vectors.map { ($0.key, reference(.l2, query, $0.value)) }
            .sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.prefix(count).map(\.0)
    }
}

@Suite struct VectorIndexChangeTests {
    /// Adds, replaces and removes at random; after each change the index answers as the model does.
    @Test(arguments: ["exact", "hnsw", "ivf:probes=1000", "int8:oversampling=100"], 0..<3 as Range<UInt64>)
    func `an index that changes holds what was put in and not taken out`(kind: String, seed: UInt64) async throws {
        var stream = RandomStream(seed: seed)
        let index = try VectorIndex(
            dimension: 6,
            metric: .l2,
            kind: IndexKind(parsing: kind),
            maintenance: busy
        )
        var model = Model()
        for step in 0..<120 {
            let count = Int(stream.next() % (step % 10 == 0 ? 150 : 30)) + 1
            let ids = Array(Set((0..<count).map { _ in Int64(stream.next() % 600) }))
            if stream.next() % 3 == 0 {
                let held = ids.count { model.vectors[$0] != nil }
                #expect(try await index.remove(ids) == held)
                for id in ids { model.vectors[id] = nil }
            } else {
                let vectors = stream.normal(rows: ids.count, columns: 6)
                let held = ids.count { model.vectors[$0] != nil }
                #expect(try await index.upsert(vectors, ids: ids) == held)
                for (row, id) in ids.enumerated() { model.vectors[id] = vectors[row: row] }
            }
            #expect(index.count == model.vectors.count)
            let query = stream.normal(rows: 1, columns: 6)[row: 0]
            #expect(
                try index.nearest(to: query, count: 5, effort: 1000).map(\.id) == model.nearest(to: query, count: 5)
            )
            let id = Int64(stream.next() % 600)
            #expect(try index.vector(of: id) == model.vectors[id] && index.contains(id) == (model.vectors[id] != nil))
        }
        await index.settle()
        #expect(index.maintenanceFailure == nil)
        #expect(index.current.parts.count < 12)
        #expect(index.ids == model.vectors.keys.sorted())
        try await index.compact()
        #expect(index.current.parts.count == 1 && index.ids == model.vectors.keys.sorted())
        let all = try index.nearest(to: [1, 0, 0, 0, 0, 0], count: 1000, effort: 1000)
        #expect(all.map(\.id) == model.nearest(to: [1, 0, 0, 0, 0, 0], count: 1000))
        // The negative control: another model.
        model.vectors[all[0].id] = nil
        #expect(index.ids != model.vectors.keys.sorted())
    }

    @Test func `a large change is sealed at once, and replaces what is there`() async throws {
        let index = try VectorIndex(dimension: 4, metric: .l2, kind: .hnsw, maintenance: busy)
        try await index.add(clustered(40, 4, seed: 1), ids: (0..<40).map { Int64($0) })
        let fresh = clustered(200, 4, seed: 2)
        #expect(try await index.upsert(fresh, ids: (20..<220).map { Int64($0) }) == 20)
        #expect(index.count == 220)
        #expect(try index.vector(of: 30) == fresh[row: 10])
        await #expect(throws: RetrievalError.self) {
            try await index.add(fresh, ids: (219..<419).map { Int64($0) })
        }
        #expect(index.count == 220)
        #expect(try await index.remove((0..<500).map { Int64($0) }) == 220)
        await index.settle()
        #expect(index.count == 0 && index.current.parts.allSatisfy { $0.isTail })
        #expect(try index.nearest(to: [0, 0, 0, 0], count: 3).isEmpty)
    }

    @Test(arguments: ["exact", "hnsw"])
    func `a search that begins after a removal never shows the id, whatever goes on`(kind: String) async throws {
        let index = try VectorIndex(dimension: 8, kind: IndexKind(parsing: kind), maintenance: busy)
        let vectors = clustered(1000, 8, seed: 3)
        try await index.add(vectors, ids: (0..<1000).map { Int64($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    // Each task owns a quarter of the ids.
                    for round in 0..<150 {
                        let id = Int64(task + 4 * (round * 7 % 250))
                        let vector = vectors[row: Int(id)]
                        try await index.remove([id])
                        #expect(try !index.nearest(to: vector, count: 5).contains { $0.id == id })
                        try await index.upsert(Matrix(rows: 1, columns: 8, elements: vector), ids: [id])
                        #expect(try index.nearest(to: vector, count: 1)[0].id == id)
                        #expect(try index.nearest(to: vector, count: 20).count == 20)
                    }
                }
            }
            try await group.waitForAll()
        }
        await index.settle()
        #expect(index.count == 1000 && index.maintenanceFailure == nil)
    }

    @Test func `matches are all vectors that score enough`() async throws {
        let vectors = clustered(3000, 8, seed: 4)
        let ids = (0..<3000).map { Int64($0) }
        let query = vectors[row: 7]
        for kind in [IndexKind.exact, .hnsw] {
            let index = try VectorIndex(of: vectors, ids: ids, kind: kind)
            let all = try index.nearest(to: query, count: 3000)
            for score in [Float(0.99), 0.8, 0.2, -2] {
                let expected = all.filter { $0.score >= score }
                let found = try index.matches(for: query, scoring: score, effort: 500)
                if kind == .exact { #expect(found == expected) }
                #expect(found.count >= expected.count * 95 / 100 && found.allSatisfy { $0.score >= score })
                #expect(try index.matches(for: query, scoring: score, limit: 3).count == min(3, expected.count))
            }
        }
    }

    /// Each gets its share of the effort.
    @Test func `walks through many graphs find what a walk through one does`() async throws {
        var maintenance = MaintenanceConfiguration()
        maintenance.mergeLimit = 1
        let vectors = clustered(12_000, 32, seed: 21)
        let ids = (0..<12_000).map { Int64($0) }
        let many = try VectorIndex(dimension: 32, kind: .hnsw, maintenance: maintenance)
        var first = 0
        for rows in [5000, 1100, 1200, 1300, 1400, 2000] {
            try await many.add(vectors.rows(first..<first + rows), ids: Array(ids[first..<first + rows]))
            first += rows
        }
        #expect(many.explain(count: 10).steps.count == 6)
        let one = try VectorIndex(of: vectors, ids: ids, kind: .hnsw)
        let exact = try VectorIndex(of: vectors, ids: ids, kind: .exact)
        let queries = clustered(200, 32, seed: 22)
        let truth = try exact.nearestNow(to: queries, count: 10)
        let parted = try recall(many.nearestNow(to: queries, count: 10), truth)
        let whole = try recall(one.nearestNow(to: queries, count: 10), truth)
        #expect(parted > whole - 0.005, "\(parted) of many, \(whole) of one")
        let alone = try (0..<queries.rows).map { try many.nearest(to: queries[row: $0], count: 10) }
        #expect(try many.nearestNow(to: queries, count: 10) == alone)
    }

    @Test func `a deadline ends a batch`() async throws {
        let index = try VectorIndex(of: clustered(5000, 32, seed: 5), ids: (0..<5000).map { Int64($0) }, kind: .exact)
        let queries = clustered(5000, 32, seed: 6)
        let code = try await RetrievalError.code {
            _ = try await index.nearest(to: queries, count: 3, deadline: .now - .seconds(1))
        }
        #expect(code == .deadlineExceeded)
        #expect(try await index.nearest(to: queries, count: 3, deadline: .now + .seconds(600)).count == 5000)
    }

    @Test func `an automatic index keeps to its memory`() async throws {
        var maintenance = MaintenanceConfiguration()
        let vectors = clustered(2000, 64, seed: 7)
        let ids = (0..<2000).map { Int64($0) }
        for (budget, structure, least) in [
            (nil, "exact", 1), (512_000, "exact", 1), (300_000, "codes", 0.95), (9, "codes", 0.5),
        ] {
            maintenance.memoryBudget = budget
            let index = try VectorIndex(dimension: 64, maintenance: maintenance)
            try await index.add(vectors, ids: ids)
            try await index.compact()
            #expect(index.explain(count: 10).steps.map(\.structure) == [structure])
            let exact = try VectorIndex(of: vectors, ids: ids, kind: .exact)
            let queries = clustered(20, 64, seed: 8)
            let (found, truth) = try (
                index.nearestNow(to: queries, count: 10), exact.nearestNow(to: queries, count: 10)
            )
            #expect(recall(found, truth) >= least)
        }
    }
}

@Suite struct MaintenanceTests {
    private typealias Size = MaintenanceConfiguration.Size

    private func merging(
        _ sizes: [Size],
        _ configuration: MaintenanceConfiguration = MaintenanceConfiguration(),
        isPressed: Bool = false
    ) -> [Int]? { configuration.nextMerging(sizes, bytesOfVector: 4, isPressed: isPressed) }

    private func sealing(
        _ sizes: [Size],
        _ configuration: MaintenanceConfiguration = MaintenanceConfiguration()
    ) -> [Int]? { configuration.nextSealing(sizes, bytesOfVector: 4) }

    @Test func `four segments of like size are merged, with all smaller ones`() {
        let full = Size(slots: 1000, live: 1000)
        let large = Size(slots: 90_000, live: 90_000)
        let tail = Size(slots: 10, live: 10, isTail: true, isClosed: false)
        let closed = Size(slots: 10, live: 10, isTail: true)
        #expect(merging([]) == nil && merging([tail]) == nil && merging([full, full, full, closed, tail]) == nil)
        #expect(merging([full, full, full, full, closed, tail]) == [0, 1, 2, 3])
        #expect(merging([full, large, large, large, large]) == [0, 1, 2, 3, 4])
        #expect(merging([large, full, full, full, full]) == [1, 2, 3, 4])
        var claimed = full
        claimed.isClaimed = true
        #expect(merging([full, full, full, claimed]) == nil)
        #expect(merging([claimed, full, full, full, full]) == [1, 2, 3, 4])
        var limited = MaintenanceConfiguration()
        limited.mergeLimit = 10_000
        #expect(merging([full, full, full, full], limited) == nil)
    }

    @Test func `tails are sealed together, into a segment that can grow`() {
        let full = Size(slots: 1000, live: 1000)
        let tail = Size(slots: 10, live: 10, isTail: true, isClosed: false)
        let closed = Size(slots: 10, live: 10, isTail: true)
        #expect(sealing([]) == nil && sealing([full, tail]) == nil)
        #expect(sealing([full, closed, closed, tail]) == [1, 2])
        var growing = full
        growing.canGrow = true
        var small = growing
        small.live = 900
        #expect(sealing([full, small, growing, closed, tail]) == [2, 1 + 2])
        // Claimed, worn, or full.
        for change in [
            { $0.isClaimed = true }, { $0.live = 700 }, { ($0.slots, $0.live) = (16_380, 16_380) },
        ] as [(inout Size) -> Void] {
            var other = growing
            change(&other)
            #expect(sealing([other, closed, tail]) == [1])
        }
        var claimed = closed
        claimed.isClaimed = true
        #expect(sealing([growing, claimed, tail]) == nil)
        var limited = MaintenanceConfiguration()
        limited.mergeLimit = 4000
        #expect(sealing([growing, closed], limited) == [1])
        limited.mergeLimit = 4040
        #expect(sealing([growing, closed], limited) == [0, 1])
    }

    @Test func `a worn segment waits for changes, a worn-out one doesn't`() {
        let full = Size(slots: 1000, live: 1000)
        let worn = Size(slots: 4000, live: 3000)
        #expect(merging([full, worn]) == [1])
        #expect(merging([full, worn], isPressed: true) == nil)
        #expect(merging([full, Size(slots: 4000, live: 1900)], isPressed: true) == [1])
        #expect(merging([full, Size(slots: 100, live: 0)]) == [1])
        #expect(merging([full, Size(slots: 90_000, live: 80_000), full, full]) == nil)
    }

    /// However vectors come and go, the policy ends, with few segments and few removed vectors.
    @Test(arguments: 0..<20 as Range<UInt64>, [false, true])
    func `the policy comes to rest`(seed: UInt64, canGrow: Bool) {
        var stream = RandomStream(seed: seed)
        var sizes: [Size] = []
        for _ in 0..<300 {
            sizes.append(Size(slots: 4096, live: 4096, isTail: true))
            for index in sizes.indices { sizes[index].live -= Int(stream.next() % UInt64(sizes[index].live / 8 + 1)) }
            var steps = 0
            while let places = sealing(sizes) ?? merging(sizes) {
                let live = places.reduce(0) { $0 + sizes[$1].live }
                for place in places.reversed() { sizes.remove(at: place) }
                if live > 0 { sizes.append(Size(slots: live, live: live, canGrow: canGrow)) }
                steps += 1
                #expect(steps < 20)
            }
        }
        #expect(sizes.count <= 3 * 8)
        #expect(sizes.allSatisfy { $0.slots - $0.live <= $0.slots / 5 + 1 })
    }
}
