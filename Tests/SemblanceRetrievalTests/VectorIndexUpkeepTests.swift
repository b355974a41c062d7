import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceRetrieval

@Suite struct VectorIndexUpkeepTests {
    private static let path = "/data/index"

    private static var maintenance: MaintenanceConfiguration {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 32
        return maintenance
    }

    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.createFolder("/data")
        try disk.synchronise(folder: "/")
        return disk
    }

    private func create(on disk: SimulatedDisk, durability: Durability = .everyWrite) throws -> VectorIndex {
        try VectorIndex.create(
            at: Self.path,
            manifest: IndexManifest(identity: 5, dimension: 4, metric: .l2, kind: .exact, hasPayloads: false),
            durability: durability,
            maintenance: Self.maintenance,
            options: ComputeOptions(threads: 1),
            files: disk
        )
    }

    private func open(_ disk: SimulatedDisk) throws -> VectorIndex {
        try VectorIndex.open(at: Self.path, on: disk, maintenance: Self.maintenance)
    }

    private func journalBytes(_ disk: SimulatedDisk) throws -> Int {
        try disk.names(in: Self.path).filter { $0.hasPrefix("journal-") }
            .reduce(0) { try $0 + disk.read(Self.path + "/" + $1).count }
    }

    @Test(arguments: [0, 1], [false, true])
    func `removals alone don't let the journal grow without end`(tail: Int, reopening: Bool) async throws {
        var disk = try disk()
        var index = try create(on: disk)
        let count = 1500
        try await index.add(clustered(count, 4, seed: 1), ids: (0..<count).map { Int64($0) })
        if tail > 0 { try await index.add(clustered(tail, 4, seed: 2), ids: [5000]) }
        var most = 0
        for id in 0..<count {
            #expect(try await index.remove([Int64(id)]) == 1)
            if reopening, id % 10 == 9 {
                disk = disk.kill()
                index = try open(disk)
            }
            await index.settle()
            most = max(most, try journalBytes(disk))
        }
        #expect(index.count == tail && index.maintenanceFailure == nil)
        // A record is 96 bytes: all of them would be 144,000.
        #expect(most < 20_000)
        #expect(try open(disk.kill()).count == tail)
    }

    @Test func `work that failed stays failed until it succeeds, whatever else does`() async throws {
        let disk = try disk()
        let index = try create(on: disk, durability: .manual)
        for first in stride(from: 0, to: 64, by: 8) {
            try await index.add(clustered(8, 4, seed: 1), ids: (first..<first + 8).map { Int64($0) })
        }
        await index.settle()
        #expect(index.maintenanceFailure == nil)
        // The manifest can't be written; what is built into segments then succeeds, and doesn't hide that.
        index.upkeep.failed(.committing, FileError(.unwritable, message: "the manifest"))
        index.upkeep.failed(.flushing, FileError(.unwritable, message: "the journal"))
        index.upkeep.succeeded(.building(.merging))
        index.upkeep.stepped()
        #expect((index.maintenanceFailure as? FileError)?.message == "the manifest")
        try await index.compact()
        #expect((index.maintenanceFailure as? FileError)?.message == "the journal")
        try await index.flush()
        #expect(index.maintenanceFailure == nil)
    }

    @Test func `a compaction that fails doesn't hide what failed before`() async throws {
        let disk = try disk()
        let index = try create(on: disk)
        try await index.add(clustered(8, 4, seed: 1), ids: (0..<8).map { Int64($0) })
        index.upkeep.failed(.building(.merging), FileError(.unwritable, message: "a merge"))
        disk.fail(at: disk.operations + 1, lasting: true)
        await #expect(throws: FileError.self) { try await index.compact() }
        #expect(index.maintenanceFailure != nil)
        disk.heal()
        try await index.compact()
        #expect(index.maintenanceFailure == nil)
    }
}
