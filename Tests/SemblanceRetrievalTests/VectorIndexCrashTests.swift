import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceRetrieval

/// A life of an index on a disk that fails, loses its power and fills up, beside what must be in the index.
///
/// `SEMBLANCE_TEST_SCALE` says how many times the usual number of lives there are; `SEMBLANCE_TEST_SEED` is the first.
private struct IndexLife {
    /// A broken promise.
    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    typealias Entries = IndexContents

    static let folder = "/data/index"
    static let dimension = 4

    var random: RandomStream
    var disk: SimulatedDisk
    var index: VectorIndex
    var durability = Durability.everyWrite
    /// What every acknowledged change left.
    var entries = Entries()
    /// What may be there instead: the same with a change that threw, where nothing worked since.
    var others: [Entries] = []
    /// Whether the disk goes on failing, so that nothing of what threw could be settled.
    var isFailing = false
    /// The states since the last sync, where changes don't wait for one.
    var unsynced: [Entries] = []
    /// What a loss of power may bring back where a change that threw was found and nothing was written since.
    var rivals: [Entries] = []
    /// Waits for the background after each change, so that a seed does the same each time.
    let isQuiet: Bool
    private var made: UInt64 = 0
    private var past: [String] = []
    private var killed: [VectorIndex] = []

    static func maintenance(_ random: inout RandomStream) -> MaintenanceConfiguration {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = Int.random(in: 16...40, using: &random)
        return maintenance
    }

    init(seed: UInt64, durability: Durability = .everyWrite) throws {
        random = RandomStream(seed: seed)
        disk = SimulatedDisk(seed: seed)
        try disk.createFolder("/data")
        try disk.synchronise(folder: "/")
        let kinds = ["exact", "hnsw:links=4", "int8", "ivf:lists=2", "automatic"]
        let manifest = IndexManifest(
            identity: random.next() | 1,
            dimension: Self.dimension,
            metric: .l2,
            kind: try IndexKind(parsing: kinds[Int(seed % UInt64(kinds.count))]),
            hasPayloads: seed % 3 == 0
        )
        isQuiet = seed % 2 == 0
        self.durability = durability
        index = try VectorIndex.create(
            at: Self.folder,
            manifest: manifest,
            durability: durability,
            maintenance: Self.maintenance(&random),
            options: ComputeOptions(threads: 1),
            files: disk
        )
    }

    mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition {
            throw Broken(description: what() + "\n" + (past + disk.history).suffix(90).joined(separator: "\n"))
        }
    }

    /// A random change and what it makes of the entries.
    private mutating func change() -> (Change, Entries) {
        var next = entries
        var removed: [Int64] = []
        for _ in 0..<pick(0..<4) * pick(0..<4) { removed.append(Int64(pick(0..<150))) }
        for id in removed { next[id] = nil }
        let most = pick(0..<8) == 0 ? 90 : 12
        let ids = Array(Set((0..<pick(0..<most)).map { _ in Int64(pick(0..<150)) }))
        made += 1
        let vectors = random.normal(rows: ids.count, columns: Self.dimension)
        var payloads: [[UInt8]] = []
        for (row, id) in ids.enumerated() {
            let payload = index.hasPayloads ? [UInt8](repeating: UInt8(made % 251), count: pick(0..<20)) : []
            next[id] = IndexEntry(vector: vectors[row: row], payload: payload)
            payloads.append(payload)
        }
        let change = Change(
            removed: removed,
            ids: ids,
            vectors: ids.isEmpty ? Matrix(rows: 0, columns: Self.dimension) : vectors,
            payloads: index.hasPayloads ? payloads : []
        )
        return (change, next)
    }

    mutating func step() async throws {
        let (change, next) = change()
        do {
            try await index.apply(change)
            unsynced.append(entries)
            entries = next
            // A change of nothing leaves no trace.
            if !change.ids.isEmpty || !change.removed.isEmpty { (others, rivals) = ([], []) }
            if durability == .everyWrite { unsynced = [] }
        } catch is FileError {
            others.append(next)
        }
        if isQuiet { await index.settle() }
        try check(index, among: [entries], "after a change")
    }

    mutating func flush() async throws {
        do {
            try await index.flush()
            (unsynced, others, rivals) = ([], [], [])
        } catch is FileError {}
    }

    mutating func compact() async throws {
        do { try await index.compact() } catch is FileError {}
        try check(index, among: [entries], "after compacting")
    }

    mutating func closeAndOpen() async throws {
        do {
            try await index.close()
            (others, unsynced, rivals) = ([], [], [])
        } catch is FileError {
            return
        }
        try open(disk.kill(), among: [entries])
    }

    /// Waits for the background, also of those that were killed: what it still holds when the tests end would be taken
    /// for a leak.
    func end() async { for index in killed + [index] { await index.settle() } }

    /// The process ends.
    mutating func kill() throws {
        // What a sync that failed took out of the journal is in the memory alone until the disk works again.
        let lost = isFailing || !others.isEmpty ? unsynced : []
        try open(disk.kill(), among: [entries] + (isFailing ? others : []) + lost + rivals)
    }

    mutating func losePower() throws {
        try open(
            disk.losePower(seed: random.next()),
            among: [entries] + (isFailing ? others : []) + unsynced + rivals
        )
        (unsynced, rivals) = ([], [])
    }

    private mutating func open(_ found: SimulatedDisk, among possible: [Entries]) throws {
        past += disk.history + ["--- \(found.names.count) names"]
        killed.append(index)
        let before = entries
        disk = found
        for isReadOnly in [true, false] {
            do {
                index = try VectorIndex.open(
                    at: Self.folder,
                    readOnly: isReadOnly,
                    durability: durability,
                    maintenance: Self.maintenance(&random),
                    options: ComputeOptions(threads: 1),
                    files: disk
                ).index
            } catch {
                try demand(false, "opening\(isReadOnly ? " for reading" : "") failed: \(error)")
            }
            entries = try check(index, among: possible, "after opening")
        }
        if entries != before { rivals.append(before) }
        (others, isFailing) = ([], false)
    }

    /// Checks that the index holds one of the possible states, as a whole.
    @discardableResult
    private func check(_ index: VectorIndex, among possible: [Entries], _ when: String) throws -> Entries {
        let ids = index.ids
        let found = try index.contents()
        try demand(found.count == ids.count && index.count == ids.count, "\(index.count) vectors, ids \(ids) \(when)")
        guard possible.contains(found) else {
            let differing = possible.map { entries in
                let ids = Set(entries.keys).union(found.keys).filter { entries[$0] != found[$0] }.sorted()
                return "\(entries.count) expected, \(found.count) found, differing in \(ids)"
            }
            try demand(false, "\(when): \(differing.joined(separator: "; "))")
            return found
        }
        let query = [Float](repeating: 0.5, count: Self.dimension)
        let hits = try index.nearest(to: query, count: found.count + 5, effort: 1000)
        try demand(Set(hits.map(\.id)) == Set(ids) && hits.count == ids.count, "\(hits.count) hits \(when)")
        return found
    }
}

extension SimulatedDisk {
    fileprivate var names: [String] { (try? names(in: IndexLife.folder)) ?? [] }
}

@Suite struct VectorIndexCrashTests {
    private func live(_ count: Int, _ life: @Sendable (UInt64) async throws -> Void) async {
        for seed in firstSeed..<firstSeed + UInt64(count * testScale) {
            do {
                try await life(seed)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }

    @Test func `acknowledged changes outlive any failures, kills and losses of power`() async {
        await live(200) { try await self.life(seed: $0, durability: .everyWrite) }
    }

    @Test func `changes that don't wait for the disk are lost from the end only, until they are flushed`() async {
        await live(100) { try await self.life(seed: $0, durability: .manual) }
    }

    @Test func `a disk that only says it synced is found out`() async {
        for seed in 0..<UInt64(100) {
            do { try await life(seed: seed, durability: .everyWrite, lying: true) } catch { return }
        }
        Issue.record("nothing was lost")
    }

    private func life(seed: UInt64, durability: Durability, lying: Bool = false) async throws {
        var life = try IndexLife(seed: seed, durability: durability)
        life.disk.isLying = lying
        for _ in 0..<life.pick(1..<5) {
            for _ in 0..<life.pick(0..<20) {
                switch life.pick(0..<20) {
                case 0..<13: try await life.step()
                case 13: try await life.compact()
                case 14: try await life.closeAndOpen()
                case 15: try await life.flush()
                case 16:
                    let isLasting = life.pick(0..<3) == 0
                    life.disk.fail(
                        at: life.disk.operations + life.pick(1..<40),
                        with: life.pick(0..<2) == 0 ? EIO : ENOSPC,
                        lasting: isLasting
                    )
                    life.isFailing = life.isFailing || isLasting
                case 17:
                    life.disk.capacity = life.disk.used + life.pick(0..<3000)
                    life.isFailing = true
                case 18: try life.kill()
                default:
                    life.disk.heal()
                    life.disk.capacity = .max
                }
            }
            if life.pick(0..<3) == 0 { try life.kill() } else { try life.losePower() }
        }
        await life.end()
    }

    /// Of a tail and a segment that a replay brings back together, sealing one must not take the other.
    @Test func `a segment that only the journal names outlives the tail before it`() async throws {
        for operation in 1...40 {
            var life = try IndexLife(seed: 4)
            let vectors = clustered(110, IndexLife.dimension, seed: 1)
            let ids = (0..<110).map { Int64($0) }
            try await life.index.add(vectors.rows(0..<10), ids: Array(ids[..<10]))
            life.disk.fail(at: life.disk.operations + operation, lasting: true)
            let worked = (try? await life.index.add(vectors.rows(10..<110), ids: Array(ids[10...]))) != nil
            life.disk = life.disk.kill()
            for round in 0..<2 {
                let index = try VectorIndex.open(
                    at: IndexLife.folder,
                    readOnly: false,
                    durability: .everyWrite,
                    maintenance: MaintenanceConfiguration(),
                    options: ComputeOptions(threads: 1),
                    files: life.disk
                ).index
                #expect(index.count == 110 || !worked && index.count == 10, "operation \(operation), \(round)")
                let count = index.count
                try await index.compact()
                #expect(index.count == count, "operation \(operation), \(round)")
                life.disk = life.disk.kill()
            }
            await life.end()
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `whatever fails once, what threw is out and what was acknowledged is there`(seed: UInt64) async throws {
        func script(_ life: inout IndexLife) async throws {
            for _ in 0..<6 { try await life.step() }
            try await life.compact()
            for _ in 0..<6 { try await life.step() }
            await life.index.settle()
        }
        var whole = try IndexLife(seed: seed * 2)
        let first = whole.disk.operations
        try await script(&whole)
        let last = whole.disk.operations
        #expect(last - first > 60)
        for operation in first + 1...last {
            for isLasting in [false, true] {
                var life = try IndexLife(seed: seed * 2)
                life.disk.fail(at: operation, with: operation % 2 == 0 ? EIO : ENOSPC, lasting: isLasting)
                life.isFailing = isLasting
                do {
                    try await script(&life)
                    if operation % 3 < 2 { try life.kill() }
                    if operation % 3 > 0 { try life.losePower() }
                    try await life.step()
                    try life.losePower()
                    await life.end()
                } catch {
                    Issue.record("operation \(operation), lasting \(isLasting): \(error)")
                    return
                }
            }
        }
    }
}
