import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

@testable import Semblance

/// A life of an index of documents on a disk that fails, loses its power and fills up.
private struct SearchLife {
    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    typealias Contents = SimulatedSearch.Contents

    var random: RandomStream
    var disk: SimulatedDisk
    let models = MemoryModels()
    var index: SearchIndex
    /// What every acknowledged change left.
    var contents = Contents()
    /// What may be there instead: the same with a change that threw, where nothing worked since.
    var others: [Contents] = []
    var isFailing = false
    /// What a loss of power may bring back where a change that threw was found and nothing was written since.
    var rivals: [Contents] = []
    private let isQuiet: Bool
    private var made = 0
    private var past: [String] = []

    static func maintenance(_ random: inout RandomStream) -> MaintenanceConfiguration {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = Int.random(in: 16...40, using: &random)
        return maintenance
    }

    init(seed: UInt64) async throws {
        random = RandomStream(seed: seed)
        disk = try SimulatedSearch.disk(seed: seed)
        isQuiet = seed % 2 == 0
        var configuration = SearchConfiguration(kind: seed % 3 == 0 ? .hnsw : .exact)
        if seed % 5 == 0 { configuration.passages = PassageConfiguration(length: 3, overlap: 1) }
        index = try await SimulatedSearch.create(
            on: disk,
            models,
            configuration: configuration,
            maintenance: Self.maintenance(&random)
        )
    }

    mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition {
            throw Broken(description: what() + "\n" + (past + disk.history).suffix(60).joined(separator: "\n"))
        }
    }

    mutating func step() async throws {
        var next = contents
        do {
            if pick(0..<3) == 0 {
                let ids = Set((0..<pick(1..<6)).map { _ in "d\(pick(0..<60))" })
                for id in ids { next[id] = nil }
                try await index.remove(Array(ids))
            } else {
                made += 1
                let numbers = Set((0..<pick(1..<(pick(0..<8) == 0 ? 50 : 8))).map { _ in pick(0..<60) })
                let documents = numbers.sorted().map { SimulatedSearch.document($0, version: made, &random) }
                for document in documents { next[document.id] = document }
                try await index.upsert(documents)
            }
            if next != contents { (others, rivals) = ([], []) }
            contents = next
        } catch is FileError {
            others.append(next)
        }
        if isQuiet { await index.settle() }
        try await check(index, among: [contents], "after a change")
    }

    mutating func compact() async throws {
        do { try await index.compact() } catch is FileError {}
    }

    mutating func move() async throws {
        do {
            try await index.move(to: try await MemoryModels.small.value)
            (others, rivals) = ([], [])
        } catch is FileError {}
        try await check(index, among: [contents], "after moving")
    }

    mutating func closeAndOpen() async throws {
        do { try await index.close() } catch is FileError { return }
        (others, rivals) = ([], [])
        try await open(disk.kill(), among: [contents])
    }

    mutating func kill() async throws {
        try await open(disk.kill(), among: [contents] + (isFailing ? others : []) + rivals)
    }

    mutating func losePower() async throws {
        try await open(disk.losePower(seed: random.next()), among: [contents] + (isFailing ? others : []) + rivals)
        rivals = []
    }

    private mutating func open(_ found: SimulatedDisk, among possible: [Contents]) async throws {
        past += disk.history + ["---"]
        let before = contents
        disk = found
        for isReadOnly in [true, false] {
            do {
                index = try SimulatedSearch.open(
                    disk,
                    models,
                    readOnly: isReadOnly,
                    maintenance: Self.maintenance(&random)
                )
            } catch {
                try demand(false, "opening\(isReadOnly ? " for reading" : "") failed: \(error)")
            }
            contents = try await check(index, among: possible, "after opening")
        }
        if contents != before { rivals.append(before) }
        (others, isFailing) = ([], false)
    }

    @discardableResult
    private func check(_ index: SearchIndex, among possible: [Contents], _ when: String) async throws -> Contents {
        var differences: [String] = []
        for contents in possible {
            guard let difference = try await SimulatedSearch.difference(index, contents) else { return contents }
            differences.append(difference)
        }
        try demand(false, "\(when): \(differences.joined(separator: "; "))")
        return contents
    }
}

@Suite struct SearchIndexCrashTests {
    /// `SEMBLANCE_TEST_SCALE` says how many times the usual number of lives there are.
    @Test func `acknowledged documents outlive any failures, kills and losses of power`() async {
        for seed in firstSeed..<firstSeed + UInt64(60 * testScale) {
            do { try await life(seed: seed) } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }

    @Test func `a disk that only says it synced is found out`() async {
        for seed in 0..<UInt64(100) {
            do { try await life(seed: seed, lying: true) } catch { return }
        }
        Issue.record("nothing was lost")
    }

    @Test func `whatever fails once in a move, or from then on, one of the two models is there with everything`()
        async throws
    {
        func moving(_ change: (SimulatedDisk) -> Void) async throws -> (SearchLife, worked: Bool, operations: Int) {
            var life = try await SearchLife(seed: 2)
            for _ in 0..<4 { try await life.step() }
            change(life.disk)
            let first = life.disk.operations
            let worked = (try? await life.index.move(to: try await MemoryModels.small.value)) != nil
            return (life, worked, life.disk.operations - first)
        }
        let (_, worked, most) = try await moving { _ in }
        #expect(worked)
        var failed = 0
        for operation in 1...most {
            for isLasting in [false, true] {
                var (life, worked, _) = try await moving { $0.fail(at: $0.operations + operation, lasting: isLasting) }
                if !worked { failed += 1 }
                // What is acknowledged afterwards is there, whichever model it is.
                if isLasting, operation % 2 == 0 { life.disk.heal() }
                life.isFailing = isLasting
                do {
                    try await life.step()
                    if operation % 3 == 0 { life.disk.heal() }
                    try await life.move()
                    if operation % 3 < 2 { try await life.kill() } else { try await life.losePower() }
                    try await life.step()
                    try await life.losePower()
                } catch {
                    Issue.record("operation \(operation), lasting \(isLasting): \(error)")
                    return
                }
            }
        }
        #expect(failed > 20)
    }

    private func life(seed: UInt64, lying: Bool = false) async throws {
        var life = try await SearchLife(seed: seed)
        life.disk.isLying = lying
        for _ in 0..<life.pick(1..<4) {
            for _ in 0..<life.pick(0..<14) {
                switch life.pick(0..<20) {
                case 0..<13: try await life.step()
                case 13: try await life.compact()
                case 14: try await life.closeAndOpen()
                case 15: try await life.move()
                case 16:
                    let isLasting = life.pick(0..<3) == 0
                    life.disk.fail(at: life.disk.operations + life.pick(1..<40), lasting: isLasting)
                    life.isFailing = life.isFailing || isLasting
                case 17:
                    life.disk.capacity = life.disk.used + life.pick(0..<6000)
                    life.isFailing = true
                case 18: try await life.kill()
                default:
                    life.disk.heal()
                    life.disk.capacity = .max
                }
            }
            if life.pick(0..<3) == 0 { try await life.kill() } else { try await life.losePower() }
        }
    }
}
