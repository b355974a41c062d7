import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Synchronization
import Testing

@testable import SemblanceRetrieval

/// Graphs that take new vectors, which may replace some they have.
@Suite struct VectorIndexGrowthTests {
    private static let (path, dimension) = ("/data/index", 16)

    private static var maintenance: MaintenanceConfiguration {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 64
        return maintenance
    }

    private let disk = SimulatedDisk()

    private func create(metric: Metric = .l2, hasPayloads: Bool = false) throws -> VectorIndex {
        try disk.createFolder("/data")
        try disk.synchronise(folder: "/")
        return try VectorIndex.create(
            at: Self.path,
            manifest: IndexManifest(
                identity: 5,
                dimension: Self.dimension,
                metric: metric,
                kind: .hnsw,
                hasPayloads: hasPayloads
            ),
            durability: .everyWrite,
            maintenance: Self.maintenance,
            options: ComputeOptions(threads: 1),
            files: disk
        )
    }

    private func open(_ disk: SimulatedDisk) throws -> VectorIndex {
        try VectorIndex.open(at: Self.path, on: disk, maintenance: Self.maintenance)
    }

    /// Puts in 600 vectors, replaces some again and again, and removes others; returns what there should be.
    private func change(_ index: VectorIndex) async throws -> IndexContents {
        var contents = IndexContents()
        func put(_ ids: [Int64], seed: UInt64) async throws {
            let vectors = clustered(ids.count, Self.dimension, seed: seed)
            let payloads = index.hasPayloads ? ids.map { [UInt8(truncatingIfNeeded: $0), UInt8(seed % 256)] } : []
            try await index.apply(Change(ids: ids, vectors: vectors, payloads: payloads))
            for (row, id) in ids.enumerated() {
                contents[id] = IndexEntry(vector: vectors[row: row], payload: payloads.isEmpty ? [] : payloads[row])
            }
        }
        for round in 0..<40 {
            try await put((0..<15).map { Int64(round * 15 + $0) }, seed: UInt64(round))
            // Two that change all the time, and one that was put in a while ago.
            try await put([1, 2, Int64(round * 7)], seed: UInt64(100 + round))
            if round % 4 == 3 {
                let gone = Int64(round * 15 - 20)
                try await index.remove([gone])
                contents[gone] = nil
            }
            // So that tails go into a graph one after the other.
            if round % 3 == 0 { await index.settle() }
        }
        await index.settle()
        #expect(index.maintenanceFailure == nil)
        return contents
    }

    private func check(_ index: VectorIndex, holds contents: IndexContents) throws {
        #expect(try index.contents() == contents)
        let ids = contents.keys.sorted()
        let vectors = Matrix(
            rows: ids.count,
            columns: Self.dimension,
            elements: ids.flatMap { contents[$0]?.vector ?? [] }
        )
        let exact = try VectorIndex(of: vectors, ids: ids, metric: index.metric, kind: .exact)
        let queries = clustered(20, Self.dimension, seed: 999)
        for row in 0..<queries.rows {
            let found = try index.nearest(to: queries[row: row], count: 10, effort: 1000)
            #expect(found.map(\.id) == (try exact.nearest(to: queries[row: row], count: 10).map(\.id)))
        }
    }

    @Test(arguments: [false, true])
    func `a graph that grew finds the last vector of an id, and no other`(hasPayloads: Bool) async throws {
        let index = try create(hasPayloads: hasPayloads)
        let contents = try await change(index)
        let grown = index.current.parts.filter(\.isGrown)
        #expect(grown.contains { $0.segment?.hasRepeats == true } && index.current.graphs <= 2)
        try check(index, holds: contents)

        let reopened = try open(disk.kill())
        #expect(reopened.current.parts.filter(\.isGrown).map(\.number) == grown.map(\.number))
        try check(reopened, holds: contents)
        // One that takes no vectors any more takes none back, either.
        #expect(try await reopened.remove([1, 2, 1]) == 2)
        #expect(try reopened.vector(of: 1) == nil)
        try await reopened.close()
    }

    @Test func `compaction makes of it what its vectors alone would`() async throws {
        let index = try create()
        let contents = try await change(index)
        try await index.compact()
        #expect(index.current.parts.count == 1 && index.current.parts[0].isCompact)
        let ids = contents.keys.sorted()
        let fresh = try VectorIndex(dimension: Self.dimension, metric: .l2, kind: .hnsw)
        try await fresh.add(
            Matrix(rows: ids.count, columns: Self.dimension, elements: ids.flatMap { contents[$0]?.vector ?? [] }),
            ids: ids
        )
        try await fresh.compact()
        for effort in [1, 8, 64] {
            let query = [Float](repeating: 0.2, count: Self.dimension)
            #expect(
                try index.nearest(to: query, count: 10, effort: effort)
                    == fresh.nearest(to: query, count: 10, effort: effort)
            )
        }
        // It is not compact just because nothing in it was removed.
        let grown = try VectorIndex(
            dimension: Self.dimension,
            metric: .l2,
            kind: .hnsw,
            maintenance: Self.maintenance
        )
        for first in stride(from: 0, to: 256, by: 32) {
            let rows = clustered(32, Self.dimension, seed: UInt64(first))
            try await grown.add(rows, ids: (first..<first + 32).map { Int64($0) })
            await grown.settle()
        }
        try await grown.add(clustered(32, Self.dimension, seed: 1), ids: (256..<288).map { Int64($0) })
        await grown.settle()
        let part = try #require(grown.current.parts.first)
        #expect(part.isGrown && part.live.bits == nil && !part.isCompact)
        try await grown.compact()
        #expect(grown.current.parts.count == 1 && grown.current.parts[0].isCompact)
    }

    @Test func `a repair that lost the removals brings none back that was replaced in its graph`() async throws {
        let index = try create()
        let contents = try await change(index)
        try await index.close()
        let broken = disk.kill()
        let live = try #require(try broken.names(in: Self.path).first { $0.hasSuffix(".bits") })
        try broken.remove(Self.path + "/" + live)
        let report = try VectorIndex.repair(at: Self.path, files: broken)
        #expect(report.removedMayBeBack)
        let repaired = try open(broken)
        for (id, entry) in contents {
            #expect(try repaired.vector(of: id) == entry.vector)
        }
        // Each under one slot alone.
        let ids = repaired.ids
        #expect(Set(ids).count == ids.count && Set(ids).isSuperset(of: contents.keys))
        try await repaired.close()
    }

    @Test func `new vectors are sealed while segments are merged`() async throws {
        let index = try VectorIndex(dimension: Self.dimension, kind: .hnsw, maintenance: Self.maintenance)
        try await index.add(clustered(200, Self.dimension, seed: 1), ids: (0..<200).map { Int64($0) })
        // As if a merge took very long.
        let merged = try #require(index.upkeep.claim { _ in index.current.parts })
        #expect(index.upkeep.begin(.merging))
        for first in stride(from: 200, to: 800, by: 20) {
            let ids = (first..<first + 20).map { Int64($0) }
            try await index.add(clustered(20, Self.dimension, seed: UInt64(first)), ids: ids)
        }
        #expect(index.current.unsealedRows <= 3 * 64)
        #expect(index.current.parts.contains { $0.number == merged[0].number })
        index.upkeep.release(merged)
        _ = index.upkeep.end(.merging)
        await index.settle()
        #expect(index.count == 800 && index.current.sealedParts <= 2)
    }

    @Test func `where a limit keeps graphs apart, changes don't wait for fewer`() async throws {
        var maintenance = Self.maintenance
        maintenance.mergeLimit = 100 * 4 * Self.dimension
        let index = try VectorIndex(dimension: Self.dimension, kind: .hnsw, maintenance: maintenance)
        for first in stride(from: 0, to: 900, by: 90) {
            let ids = (first..<first + 90).map { Int64($0) }
            try await index.add(clustered(90, Self.dimension, seed: UInt64(first)), ids: ids)
        }
        await index.settle()
        #expect(index.current.graphs == 10)
        #expect(!index.lacksRoom)
        let free = try VectorIndex(dimension: Self.dimension, kind: .hnsw, maintenance: Self.maintenance)
        free.state.withLock { $0 = index.current }
        #expect(free.lacksRoom)
    }

    @Test func `who is stopped while it compacts leaves the index as it was`() async throws {
        let index = try VectorIndex(dimension: Self.dimension, kind: .hnsw, maintenance: Self.maintenance)
        for first in [0, 3000] {
            try await index.add(
                clustered(3000, Self.dimension, seed: UInt64(first)),
                ids: (first..<first + 3000).map { Int64($0) }
            )
        }
        await index.settle()
        let before = index.current.parts.map(\.number)
        let compaction = Task { try await index.compact() }
        compaction.cancel()
        await #expect(throws: CancellationError.self) { try await compaction.value }
        #expect(index.current.parts.map(\.number) == before && index.count == 6000)
        try await index.compact()
        #expect(index.current.parts.count == 1)
    }
}

@Suite struct BuildTurnTests {
    /// What happened, in order.
    private final class Log: Sendable {
        private let events = Mutex<[String]>([])
        func add(_ event: String) { events.withLock { $0.append(event) } }
        func contains(_ event: String) -> Bool { events.withLock { $0.contains(event) } }
        var count: Int { events.withLock { $0.count } }
        /// The last so many.
        func suffix(_ count: Int) -> String { events.withLock { $0.suffix(count).joined(separator: ", ") } }
    }

    private func wait(for event: String, in log: Log) { while !log.contains(event) { usleep(1000) } }

    @Test func `who builds for long lets others through, one at a time`() {
        let (turn, log) = (BuildTurn(), Log())
        let done = DispatchGroup()
        turn.run { pass in
            for name in ["a", "b"] {
                DispatchQueue.global().async(group: done) {
                    log.add("\(name) comes")
                    turn.run { _ in log.add("\(name) builds") }
                }
                wait(for: "\(name) comes", in: log)
            }
            usleep(20_000)
            #expect(log.count == 2)
            while log.count < 4 { pass() }
            // Nobody waits: it goes on.
            pass()
        }
        done.wait()
        #expect(["a builds, b builds", "b builds, a builds"].contains(log.suffix(2)))
    }

    @Test func `who is impatient goes on beside the one that has the turn, and doesn't give it away`() {
        let (turn, log) = (BuildTurn(), Log())
        let done = DispatchGroup()
        turn.run { _ in
            onThread(of: done) {
                turn.run(patience: 0.02) { pass in
                    log.add("beside")
                    wait(for: "another comes", in: log)
                    for _ in 0..<20 {
                        usleep(2000)
                        pass()
                    }
                    log.add("over")
                }
            }
            wait(for: "beside", in: log)
            onThread(of: done) {
                log.add("another comes")
                turn.run { _ in log.add("another builds") }
            }
            wait(for: "over", in: log)
            log.add("end")
        }
        done.wait()
        #expect(log.suffix(5) == "beside, another comes, over, end, another builds")
    }

    @Test(.timeLimit(.minutes(1)))
    func `who passes the turn on gets it back, though the other's patience is just over`() {
        let (turn, round) = (BuildTurn(), DispatchSemaphore(value: 0))
        let done = DispatchGroup()
        let rounds = 5000
        onThread(of: done) {
            for _ in 0..<rounds {
                round.wait()
                turn.run(patience: 0.0001) { _ in }
            }
        }
        for number in 0..<rounds {
            turn.run { pass in
                round.signal()
                let end = ContinuousClock.now + .microseconds(100 + number % 200)
                while ContinuousClock.now < end {}
                pass()
            }
        }
        done.wait()
    }

    private func onThread(of group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        Thread.detachNewThread {
            body()
            group.leave()
        }
    }
}
