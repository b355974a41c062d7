import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Synchronization
import Testing

@testable import Semblance

@Suite struct WordFilesTests {
    private static let folder = SimulatedSearch.path + "/words-1"

    private static var maintenance: MaintenanceConfiguration {
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = 64
        return maintenance
    }

    /// 200 documents, of which some came anew and some went, on a disk; closed.
    private static func sample() async throws -> (SimulatedDisk, MemoryModels, SimulatedSearch.Contents) {
        let (disk, models) = (try SimulatedSearch.disk(), MemoryModels())
        let index = try await SimulatedSearch.create(on: disk, models, maintenance: maintenance)
        var (random, contents) = (RandomStream(seed: 3), SimulatedSearch.Contents())
        for version in 0..<12 {
            let documents = (version * 16..<version * 16 + 24).map {
                SimulatedSearch.document($0, version: version, &random)
            }
            try await index.upsert(documents)
            for document in documents { contents[document.id] = document }
            try await index.remove(["d\(version * 5)"])
            contents["d\(version * 5)"] = nil
            await index.settle()
        }
        try await index.close()
        return (disk, models, contents)
    }

    private static func files(_ disk: SimulatedDisk) throws -> [String] {
        try disk.names(in: folder).map { folder + "/" + $0 }.sorted()
    }

    @Test func `words are read from their files, and of texts that these don't have from the documents`() async throws {
        let (disk, models, contents) = try await Self.sample()
        #expect(try !Self.files(disk).isEmpty)
        let opened = try SimulatedSearch.open(disk.kill(), models)
        #expect(try await SimulatedSearch.difference(opened, contents) == nil)

        // Another word under the numbers and hashes of the documents: it is found, so the files were read.
        let forged = disk.kill()
        for file in try Self.files(forged) { try forged.remove(file) }
        let entries = opened.current.table.withLock { $0.entries.values.sorted { $0.number < $1.number } }
        let segment = LexicalSegment(entries.map { ($0.number, "unicorn") }, language: .english)
        let name = Self.folder + "/words-1.segment"
        try LexicalSegmentFile.write(segment, stamps: entries.map(\.hash), to: name, files: forged)
        let words = SearchOptions(mode: .lexical)
        let liar = try SimulatedSearch.open(forged.copy(), models, readOnly: true)
        #expect(try await liar.search("unicorn", count: 1000, options: words).count == contents.count)
        // The same with other hashes counts for nothing.
        try forged.remove(name)
        try LexicalSegmentFile.write(segment, stamps: entries.map { $0.hash ^ 1 }, to: name, files: forged)
        let honest = try SimulatedSearch.open(forged.copy(), models)
        #expect(try await honest.search("unicorn", count: 1000, options: words).isEmpty)
        #expect(try await SimulatedSearch.difference(honest, contents) == nil)
        // So do words of another language.
        try forged.remove(name)
        let foreign = LexicalSegment(entries.map { ($0.number, "unicorn") }, language: .none)
        try LexicalSegmentFile.write(foreign, stamps: entries.map(\.hash), to: name, files: forged)
        #expect(try await SimulatedSearch.difference(SimulatedSearch.open(forged.copy(), models), contents) == nil)
    }

    @Test func `an index without words, as older versions left it, opens and has them after`() async throws {
        let (disk, models, contents) = try await Self.sample()
        for file in try Self.files(disk) { try disk.remove(file) }
        let reader = try SimulatedSearch.open(disk.copy(), models, readOnly: true)
        #expect(try await SimulatedSearch.difference(reader, contents) == nil)
        let writer = try SimulatedSearch.open(disk, models, maintenance: Self.maintenance)
        await writer.settle()
        #expect(try Self.files(disk).count == 1)
        #expect(try await SimulatedSearch.difference(writer, contents) == nil)
    }

    @Test func `a number that is used again doesn't bring back the words it had`() async throws {
        let (disk, models) = (try SimulatedSearch.disk(), MemoryModels())
        var index = try await SimulatedSearch.create(on: disk, models, maintenance: Self.maintenance)
        try await index.upsert([SearchDocument(id: "a", text: "rocks"), SearchDocument(id: "b", text: "stars")])
        try await index.close()
        index = try SimulatedSearch.open(disk, models)
        try await index.remove(["b"])
        let killed = disk.kill()
        index = try SimulatedSearch.open(killed, models)
        try await index.upsert([SearchDocument(id: "c", text: "pipes")])
        index = try SimulatedSearch.open(killed.kill(), models)
        let contents = ["a": "rocks", "c": "pipes"].map { ($0, SearchDocument(id: $0, text: $1)) }
        #expect(try await SimulatedSearch.difference(index, Dictionary(uniqueKeysWithValues: contents)) == nil)
    }

    /// `SEMBLANCE_TEST_SCALE` says how many times the usual 300 there are.
    @Test func `whatever becomes of the files of words, what is found stays the same, and it is said`() async throws {
        let (disk, models, contents) = try await Self.sample()
        var random = RandomStream(seed: 8)
        func pick(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
        let whole = try Self.files(disk)
        var found = 0
        for round in 0..<300 * testScale {
            let damaged = disk.copy()
            let path = whole[pick(whole.count)]
            let before = try damaged.contents(of: path)
            var what = "flip in \(path)"
            try damaged.damage(path) { bytes in
                switch pick(5) {
                case 0:
                    bytes.removeLast(1 + pick(bytes.count))
                    what = "cut of \(path) to \(bytes.count)"
                case 1: bytes += (0...pick(90)).map { UInt8($0) }
                case 2: bytes = []
                case 3:
                    let lie: UInt64 = [0, 1, 7, 1 << 31, 1 << 40, 1 << 62, .max - 7, .max][pick(8)]
                    let words = bytes.count / 8
                    let place = [pick(words), pick(12), words - 1 - pick(6)][pick(3)] * 8
                    what = "\(lie) at \(place) of \(bytes.count) in \(path)"
                    for byte in 0..<8 { bytes[place + byte] = UInt8(truncatingIfNeeded: lie >> UInt64(8 * byte)) }
                default: for _ in 0...pick(3) { bytes[pick(bytes.count)] ^= 1 << UInt8(pick(8)) }
                }
            }
            if try damaged.contents(of: path) == before { continue }
            found += 1
            let place = SearchPlace(path: SimulatedSearch.path, files: damaged, models: models)
            #expect(try !SearchIndex.verify(in: place).isWhole, "round \(round), \(what)")
            let index = try SimulatedSearch.open(damaged, models, readOnly: round % 2 == 0)
            if let difference = try await SimulatedSearch.difference(index, contents) {
                Issue.record("round \(round): \(difference)")
                return
            }
            guard round % 8 == 0 else { continue }
            let report = try await SearchIndex.repair(in: place)
            #expect(report.damage.count == 1 && report.description.contains("words-1"))
            #expect(try SearchIndex.verify(in: place).isWhole, "round \(round)")
            #expect(try await SimulatedSearch.difference(SimulatedSearch.open(damaged, models), contents) == nil)
        }
        #expect(found > 200)
    }
}
