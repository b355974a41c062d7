import Foundation
import SemblanceNumerics
import SemblanceTestSupport

@testable import SemblanceRetrieval

/// The folder of an index of some kind with sealed segments, removed vectors, a tail in the journal and payloads.
struct SampleFolder {
    static let path = "/data/index"

    let disk: SimulatedDisk
    let contents: IndexContents
    /// What it held after each change.
    let history: [IndexContents]
    /// Its files at an earlier time.
    let older: [String: [UInt8]]
    let hits: [Hit]

    static func query(_ dimension: Int) -> [Float] { [Float](repeating: 0.3, count: dimension) }

    init(kind: String, closed: Bool, count: Int = 400, dimension: Int = 8, seed: UInt64 = 1) async throws {
        let disk = SimulatedDisk()
        try disk.createFolder("/data")
        try disk.synchronise(folder: "/")
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 64
        let manifest = IndexManifest(
            identity: 77 + seed,
            dimension: dimension,
            metric: .l2,
            kind: try IndexKind(parsing: kind),
            hasPayloads: true
        )
        let index = try VectorIndex.create(
            at: Self.path,
            manifest: manifest,
            durability: .everyWrite,
            maintenance: maintenance,
            options: ComputeOptions(threads: 1),
            files: disk
        )
        var (contents, history) = (IndexContents(), [IndexContents()])
        let vectors = clustered(count, dimension, seed: seed)
        func change(_ rows: Range<Int>, removed: [Int64] = []) async throws {
            let payloads = rows.map { [UInt8](repeating: UInt8($0 % 251), count: $0 % 30) }
            let ids = rows.map { Int64($0 * 3) }
            try await index.apply(
                Change(removed: removed, ids: ids, vectors: vectors.rows(rows), payloads: payloads)
            )
            for id in removed { contents[id] = nil }
            for (row, payload) in zip(rows, payloads) {
                contents[Int64(row * 3)] = IndexEntry(vector: vectors[row: row], payload: payload)
            }
            history.append(contents)
        }
        // At once, in bits, replaced, removed; the last ones stay in the journal.
        try await change(0..<count / 2)
        for first in stride(from: count / 2, to: count - 30, by: 23) {
            try await change(first..<min(first + 23, count - 30), removed: [Int64(first) - 40])
        }
        await index.settle()
        older = try Self.files(disk)
        try await change(5..<count / 2 + 15, removed: [3, 6, 9])
        await index.settle()
        try await change(count - 30..<count - 10, removed: [600])
        await index.settle()
        try await change(count - 10..<count, removed: [603])
        if closed { try await index.close() }
        hits = try index.nearest(to: Self.query(dimension), count: 10, effort: 1000)
        self.disk = disk.kill()
        (self.contents, self.history) = (contents, history)
    }

    static func files(_ disk: SimulatedDisk) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try disk.names(in: path) where name != "lock" {
            files[name] = try disk.contents(of: path + "/" + name)
        }
        return files
    }

    static func open(_ disk: SimulatedDisk, readOnly: Bool = true, sealingCount: Int = 4096) throws -> VectorIndex {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = sealingCount
        return try VectorIndex.open(
            at: path,
            readOnly: readOnly,
            durability: .everyWrite,
            maintenance: maintenance,
            options: ComputeOptions(threads: 1),
            files: disk
        ).index
    }
}
