import Foundation
import SemblanceNumerics
import Testing

@testable import SemblanceRetrieval

@Suite struct VectorIndexOpeningTests {
    @Test func `openOrCreate makes an index, then opens it, and refuses another one`() async throws {
        let folder = try TemporaryFolder()
        for start in 0..<3 {
            let index = try VectorIndex.openOrCreate(at: folder("index"), dimension: 4, kind: .exact)
            #expect(index.count == start)
            try await index.add(clustered(1, 4, seed: 1), ids: [Int64(start)])
            try await index.close()
        }
        let dimension = RetrievalError.Code.dimensionMismatch, other = RetrievalError.Code.invalidArgument
        #expect(
            await code { try VectorIndex.openOrCreate(at: folder("index"), dimension: 5, kind: .exact) } == dimension
        )
        #expect(await code { try VectorIndex.openOrCreate(at: folder("index"), dimension: 4, kind: .hnsw) } == other)
        #expect(
            await code { try VectorIndex.openOrCreate(at: folder("index"), dimension: 4, metric: .l2, kind: .exact) }
                == other
        )
        // A refusal leaves the folder to others.
        try await VectorIndex.openOrCreate(at: folder("index"), dimension: 4, kind: .exact).close()
    }

    private func code(_ body: () throws -> VectorIndex) async -> RetrievalError.Code? {
        do {
            _ = try body()
            return nil
        } catch { return (error as? RetrievalError)?.code }
    }

    @Test func `a reader that refreshes has all that was there, and reads only what is new`() async throws {
        let folder = try TemporaryFolder()
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 64
        let writer = try VectorIndex.create(
            at: folder("index"),
            dimension: 4,
            metric: .l2,
            kind: .exact,
            maintenance: maintenance
        )
        let reader = try VectorIndex.open(at: folder("index"), readOnly: true)
        try await writer.add(clustered(100, 4, seed: 1), ids: (0..<100).map { Int64($0) })
        #expect(reader.count == 0)
        try await reader.refresh()
        #expect(try reader.contents() == writer.contents())
        let segment = try #require(reader.current.parts.first { !$0.isTail })
        // A tail, removed vectors of the segment, then other segments.
        for round in 0..<12 {
            let first = Int64(100 + round * 20)
            try await writer.upsert(clustered(20, 4, seed: 2), ids: (first..<first + 20).map { $0 })
            try await writer.remove([Int64(round)])
            let before = try reader.contents()
            try await reader.refresh()
            #expect(try reader.contents() == writer.contents() && reader.contents() != before)
            if round == 0, case .sealed(let old, _) = segment.rows {
                let same = reader.current.parts.contains {
                    if case .sealed(let now, _) = $0.rows { now === old } else { false }
                }
                #expect(same)
            }
        }
        try await writer.compact()
        try await reader.refresh()
        #expect(try reader.contents() == writer.contents())
        try await writer.refresh()
        try await writer.close()
        try await writer.refresh()
        try FileManager.default.removeItem(at: folder("index"))
        try await VectorIndex.create(at: folder("index"), dimension: 4, metric: .l2, kind: .exact).close()
        await #expect(throws: RetrievalError.self) { try await reader.refresh() }
        #expect(try reader.contents() == writer.contents())
        try await VectorIndex(dimension: 4).refresh()
    }

    @Test func `many tasks refresh and search one reader while another index writes`() async throws {
        let folder = try TemporaryFolder()
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 32
        let writer = try VectorIndex.create(
            at: folder("index"),
            dimension: 4,
            kind: .exact,
            durability: .manual,
            maintenance: maintenance
        )
        let reader = try VectorIndex.open(at: folder("index"), readOnly: true)
        let done = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var last = 0
                    while !(await done.isSet) {
                        try await reader.refresh()
                        let count = reader.count
                        #expect(count >= last)
                        #expect(try reader.nearest(to: [1, 0, 0, 0], count: 5).count >= min(5, count))
                        last = count
                    }
                }
            }
            for id in 0..<300 { try await writer.add(clustered(1, 4, seed: UInt64(id)), ids: [Int64(id)]) }
            await done.set()
            try await group.waitForAll()
        }
        try await reader.refresh()
        #expect(reader.count == 300)
    }

    private actor Flag {
        private(set) var isSet = false
        func set() { isSet = true }
    }

    @Test(arguments: [0, -1])
    func `an effort below 1 is an error that names it`(effort: Int) async throws {
        let index = try VectorIndex(dimension: 4, kind: .hnsw)
        try await index.add(clustered(100, 4, seed: 1), ids: (0..<100).map { Int64($0) })
        #expect { try index.nearest(to: [1, 0, 0, 0], count: 5, effort: effort) } throws: {
            let error = $0 as? RetrievalError
            return error?.code == .invalidArgument && error?.message.contains("\(effort)") == true
        }
        #expect(throws: RetrievalError.self) { try index.matches(for: [1, 0, 0, 0], scoring: 0, effort: effort) }
        #expect(try index.nearest(to: [1, 0, 0, 0], count: 5, effort: 1).count == 5)
    }
}
