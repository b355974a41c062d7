import CAllocationProbe
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceRetrieval

/// Folders with something changed in them, at random: `SEMBLANCE_TEST_SCALE` says how many times the usual 4,000.
@Suite struct VectorIndexDamageTests {
    private static let kinds = [
        "exact", "hnsw:links=4", "ivf:lists=4", "SQ8", "int8", "product:bytes=4", "binary", "HNSW8,SQ8",
    ]

    /// Something that isn't what was written, and whether it may pass for something that could have been.
    private func damage(
        _ disk: SimulatedDisk,
        _ sample: SampleFolder,
        _ stranger: SampleFolder,
        _ random: inout RandomStream
    ) throws -> (what: String, isForged: Bool) {
        func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(count, 1))) }
        let names = try disk.names(in: SampleFolder.path).filter { $0 != "lock" }.sorted()
        let name = names[pick(names.count)]
        let path = SampleFolder.path + "/" + name
        func alter(_ what: String, _ body: (inout [UInt8]) -> Void) throws -> (String, Bool) {
            try disk.damage(path, body)
            return ("\(what) \(name)", false)
        }
        switch pick(12) {
        case 0..<3:
            let flips = 1 + pick(4)
            return try alter("flip in") { bytes in
                for _ in 0..<flips where !bytes.isEmpty { bytes[pick(bytes.count)] ^= 1 << UInt8(pick(8)) }
            }
        case 3: return try alter("cut of") { $0.removeLast($0.isEmpty ? 0 : 1 + pick($0.count)) }
        case 4:
            return try alter("addition to") { bytes in bytes += (0..<1 + pick(100)).map { _ in UInt8(pick(256)) } }
        case 5, 6:
            let words: [UInt64] = [0, 1, 7, 1 << 31, 1 << 32, 1 << 40, 1 << 62, 1 << 63, .max, .max - 7]
            return try alter("word in") { bytes in
                guard bytes.count >= 8 else { return }
                // Lengths stand at the beginnings and ends.
                let place = [pick(bytes.count / 8), pick(12), bytes.count / 8 - 1 - pick(6)][pick(3)]
                let start = min(max(place, 0) * 8, bytes.count - 8)
                let word = words[pick(words.count)]
                for byte in 0..<8 { bytes[start + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)) }
            }
        case 7:
            let other = names[pick(names.count)]
            let mine = try disk.contents(of: path)
            let theirs = try disk.contents(of: SampleFolder.path + "/" + other)
            try disk.damage(path) { $0 = theirs }
            try disk.damage(SampleFolder.path + "/" + other) { $0 = mine }
            return ("swap of \(name) and \(other)", false)
        case 8:
            let others = try SampleFolder.files(stranger.disk)
            let sameKind = others.keys.filter { $0.hasSuffix(name.suffix(5)) }.sorted()
            let other = sameKind.isEmpty ? others.keys.sorted()[0] : sameKind[pick(sameKind.count)]
            try disk.damage(path) { $0 = others[other] ?? [] }
            return ("another index' \(other) as \(name)", false)
        case 9:
            let old = sample.older.keys.sorted()
            let oldName = pick(2) == 0 ? IndexManifest.name : old[pick(old.count)]
            let oldPath = SampleFolder.path + "/" + oldName
            if !disk.exists(oldPath) { _ = try disk.create(oldPath) }
            try disk.damage(oldPath) { $0 = sample.older[oldName] ?? [] }
            return ("an older \(oldName)", false)
        case 10:
            try disk.remove(path)
            return ("removal of \(name)", false)
        default:
            let file = SampleFolder.path + "/" + IndexManifest.name
            var manifest = try IndexFolder.readManifest(at: SampleFolder.path, files: disk)
            let numbers = [-1, 0, 1, 3, 500, 1 << 31, 1 << 40, 1 << 50, Int.max / 8, .max, .min]
            let number = numbers[pick(numbers.count)]
            let place = pick(manifest.segments.count)
            switch pick(10) {
            case 0: manifest.dimension = number
            case 1: manifest.segments[place].count = number
            case 2: manifest.segments[place].number = number
            case 3: manifest.segments[place].files.vectors?.bytes = number
            case 4: manifest.segments[place].files.index.bytes = number
            case 5: manifest.generation = number
            case 6: manifest.journal = number
            case 7: manifest.sequence = UInt64(bitPattern: Int64(number))
            case 8: manifest.segments[place].hasDead.toggle()
            default: manifest.known = [.init(number: number, bytes: numbers[pick(numbers.count)], hash: 1)]
            }
            let encoded = try manifest.encoded()
            try disk.damage(file) { $0 = Array(encoded) }
            return ("a lie in \(IndexManifest.name)", true)
        }
    }

    @Test(arguments: kinds)
    func `whatever is damaged, there is a typed error or what was put in`(kind: String) async throws {
        let samples = [
            try await SampleFolder(kind: kind, closed: true), try await SampleFolder(kind: kind, closed: false),
        ]
        let stranger = try await SampleFolder(kind: "int8", closed: true, seed: 9)
        var random = RandomStream(seed: 5)
        var outcomes = [0, 0, 0]
        for round in 0..<500 * testScale {
            let sample = samples[round % 2]
            let disk = sample.disk.copy()
            let (what, isForged) = try damage(disk, sample, stranger, &random)
            do {
                let index = try SampleFolder.open(disk)
                let hits = try index.nearest(to: SampleFolder.query(8), count: 10, effort: 1000)
                let contents = try index.contents()
                outcomes[0] += 1
                if isForged { continue }
                // The end of a journal that wasn't closed may look as if the power had gone.
                let isPrefix = round % 2 == 1 && what.contains("journal") && sample.history.contains(contents)
                if contents != sample.contents || hits != sample.hits, !isPrefix {
                    Issue.record("\(kind), round \(round), \(what): \(contents.count) of \(sample.contents.count)")
                    return
                }
            } catch is RetrievalError {
                outcomes[1] += 1
            } catch is FileError {
                outcomes[2] += 1
            }
            if round % 4 == 0 { try repair(disk, what, isForged) }
        }
        #expect(outcomes.allSatisfy { $0 > 0 })
    }

    @Test(.enabled(if: allocation_probe_works()))
    func `what a thread allocates is counted, also what it asks for in vain`() {
        allocation_probe_begin()
        let numbers = [UInt8](repeating: 1, count: 1 << 20)
        #expect((1 << 20..<2 << 20).contains(allocation_probe_end()) && numbers.count == 1 << 20)
        allocation_probe_begin()
        #expect(unsafe malloc(Int.max / 4) == nil)
        #expect(allocation_probe_end() >= Int.max / 4)
    }

    /// A lying length must not be believed before it is checked. Once the bytes is what the simulated disk itself takes, as
    /// it copies what a real one maps.
    @Test(.enabled(if: allocation_probe_works()), arguments: kinds)
    func `opening a damaged folder takes no more memory than twice its bytes`(kind: String) async throws {
        let samples = [
            try await SampleFolder(kind: kind, closed: true), try await SampleFolder(kind: kind, closed: false),
        ]
        let stranger = try await SampleFolder(kind: "int8", closed: true, seed: 9)
        var random = RandomStream(seed: 6)
        for round in 0..<300 * testScale {
            let sample = samples[round % 2]
            let disk = sample.disk.copy()
            let (what, _) = round < 2 ? ("nothing", false) : try damage(disk, sample, stranger, &random)
            allocation_probe_begin()
            do {
                let index = try SampleFolder.open(disk, sealingCount: 64)
                _ = try index.nearest(to: SampleFolder.query(8), count: 10)
            } catch is RetrievalError {} catch is FileError {}
            let peak = allocation_probe_end()
            if peak > 2 * disk.used + Self.slack {
                Issue.record("\(kind), round \(round), \(what): \(peak) bytes for \(disk.used)")
                return
            }
        }
    }

    /// What parsing JSON, threads and the like take whatever the size.
    private static let slack = 64 << 10

    /// What doesn't open opens after a repair, unless nothing says what it was.
    private func repair(_ disk: SimulatedDisk, _ what: String, _ isForged: Bool) throws {
        do {
            let report = try VectorIndex.repair(at: SampleFolder.path, files: disk)
            let index = try SampleFolder.open(disk, readOnly: false)
            _ = try index.contents()
            let again = try VectorIndex.verify(at: SampleFolder.path, files: disk)
            #expect(again.isWhole && again.vectors == index.count, "\(what): \(report)\n\(again)")
        } catch let error as RetrievalError {
            let manifests = [IndexManifest.name, IndexManifest.copyName].filter {
                (try? IndexFolder.readManifest(at: SampleFolder.path, named: $0, files: disk)) != nil
            }
            #expect(manifests.isEmpty || isForged, "\(what): \(error)")
        }
    }
}

@Suite struct VectorIndexRepairTests {
    private func damages(_ name: String) -> [(String, (SimulatedDisk) throws -> Void)] {
        let path = SampleFolder.path + "/" + name
        return [
            ("flip", { try $0.damage(path) { $0[$0.count / 2] ^= 4 } }),
            ("cut", { try $0.damage(path) { $0.removeLast($0.count / 2) } }),
            ("removal", { try $0.remove(path) }),
        ]
    }

    /// Each file in turn: what the damaged one didn't hold is all there, and the report says what it held.
    @Test(arguments: ["exact", "int8"])
    func `a repair keeps what is whole and says what is lost`(kind: String) async throws {
        let sample = try await SampleFolder(kind: kind, closed: true, count: 700, dimension: 64)
        let whole = try SampleFolder.open(sample.disk)
        let names = try SampleFolder.files(sample.disk).keys.sorted()
        #expect(names.contains { $0.hasSuffix(".bits") } && names.contains { $0.hasPrefix("journal") })
        #expect(try VectorIndex.repair(at: SampleFolder.path, files: sample.disk.copy()) == RepairReport())
        for name in names {
            let number = Int(name.dropFirst(SegmentFiles.prefix.count).prefix { $0.isNumber })
            let segment = try whole.current.parts.first { $0.number == number }.map { part in
                Set(
                    try whole.contents().keys.filter { id in whole.current.place(of: id)?.part.number == part.number }
                )
            }
            for (how, damage) in damages(name) {
                let disk = sample.disk.copy()
                try damage(disk)
                let found = try VectorIndex.verify(at: SampleFolder.path, files: disk)
                let about = "\(how) of \(name)"
                #expect(found.isWhole == (name == IndexManifest.copyName), "\(about): \(found)")
                if found.isWhole { continue }
                let expected = name.hasPrefix("journal") ? "journal" : name
                #expect(found.damage.contains { $0.file == expected }, "\(about): \(found)")

                let report = try VectorIndex.repair(at: SampleFolder.path, files: disk)
                let repaired = try SampleFolder.open(disk, readOnly: false)
                let contents = try repaired.contents()
                #expect(report.damage == found.damage && !report.description.isEmpty)
                let kept = try #require(report.keptIn)
                #expect(how == "removal" || disk.exists("\(SampleFolder.path)/\(kept)/\(name)"), "\(about)")
                let lost = Set(sample.contents.keys).subtracting(contents.keys)
                #expect(
                    contents.allSatisfy { sample.contents[$0] == $1 } || report.removedMayBeBack
                        || report.lostJournalBytes > 0,
                    "\(about)"
                )
                if name.hasPrefix("live") {
                    #expect(
                        report.removedMayBeBack && lost.isEmpty && contents.count > sample.contents.count,
                        "\(about)"
                    )
                } else if name == IndexManifest.name {
                    #expect(contents == sample.contents && report.lostVectors == 0)
                } else if name.hasPrefix("journal") {
                    #expect(how == "removal" || report.lostJournalBytes > 0, "\(about)")
                    #expect(lost.count <= 30 && report.lostVectors == 0, "\(about): \(lost.count)")
                } else if let segment {
                    let isKept = name.hasSuffix(".faiss") && kind == "int8"
                    #expect(isKept ? lost.isEmpty : !lost.isEmpty && lost.isSubset(of: segment), "\(about): \(report)")
                    #expect(report.lostVectors == lost.count, "\(about): \(report)")
                    #expect(name.hasSuffix(".ids") || Set(report.lostIDs) == lost, "\(about): \(report)")
                    // Of what is read by blocks only some are lost.
                    let isPart = how == "flip" && name.hasSuffix(".vectors") && segment.count > 300
                    #expect(!isPart || lost.count < segment.count && !report.rebuiltSegments.isEmpty, "\(about)")
                }
                // It goes on as any other.
                try await repaired.upsert(clustered(100, 64, seed: 8), ids: (0..<100).map { Int64($0) })
                #expect(repaired.count == Set(contents.keys).union((0..<100).map { Int64($0) }).count)
                try await repaired.close()
                let reopened = try SampleFolder.open(disk)
                #expect(try reopened.contents() == repaired.contents())
                #expect(try VectorIndex.repair(at: SampleFolder.path, files: disk).keptIn == nil)
            }
        }
    }

    @Test func `a repair that is interrupted can be made again`() async throws {
        let sample = try await SampleFolder(kind: "int8", closed: false)
        let names = try SampleFolder.files(sample.disk).keys.sorted()
        let index = try #require(names.first { $0.hasSuffix(".faiss") })
        try sample.disk.damage(SampleFolder.path + "/" + index) { $0[40] ^= 1 }
        let calm = sample.disk.copy()
        _ = try VectorIndex.repair(at: SampleFolder.path, files: calm)
        let expected = try SampleFolder.open(calm).contents()
        #expect(expected == sample.contents)
        for operation in 1...calm.operations {
            for isLasting in [false, true] {
                let disk = sample.disk.copy()
                disk.fail(at: operation, lasting: isLasting)
                _ = try? VectorIndex.repair(at: SampleFolder.path, files: disk)
                let found = disk.losePower(seed: UInt64(operation))
                _ = try VectorIndex.repair(at: SampleFolder.path, files: found)
                #expect(try SampleFolder.open(found).contents() == expected, "operation \(operation), \(isLasting)")
            }
        }
    }

    @Test func `without a manifest and its copy there is nothing to go by`() async throws {
        let sample = try await SampleFolder(kind: "exact", closed: true)
        for name in [IndexManifest.name, IndexManifest.copyName] {
            try sample.disk.damage(SampleFolder.path + "/" + name) { $0[20] ^= 1 }
        }
        #expect(throws: RetrievalError.self) { try VectorIndex.repair(at: SampleFolder.path, files: sample.disk) }
        #expect(try !VectorIndex.verify(at: SampleFolder.path, files: sample.disk).isWhole)
        #expect(throws: RetrievalError.self) { try VectorIndex.verify(at: "/data", files: sample.disk) }
    }

    @Test func `a folder on a real disk is verified and repaired`() async throws {
        let folder = try TemporaryFolder()
        let index = try VectorIndex.create(at: folder("index"), dimension: 4, kind: .exact)
        try await index.add(clustered(40, 4, seed: 1), ids: (0..<40).map { Int64($0) })
        try await index.compact()
        try await index.add(clustered(10, 4, seed: 2), ids: (50..<60).map { Int64($0) })
        #expect(throws: FileError.self) { try VectorIndex.repair(at: folder("index")) }
        #expect(try VectorIndex.verify(at: folder("index")).vectors == 50)
        try await index.close()
        #expect(try VectorIndex.repair(at: folder("index")) == RepairReport())
        let names = try FileManager.default.contentsOfDirectory(atPath: folder("index").path)
        let ids = folder("index").appendingPathComponent(try #require(names.first { $0.hasSuffix(".ids") }))
        var bytes = try Data(contentsOf: ids)
        bytes[3] ^= 1
        try bytes.write(to: ids)
        let report = try VectorIndex.repair(at: folder("index"))
        #expect(report.lostVectors == 40 && report.lostIDs.isEmpty && report.droppedSegments.count == 1)
        #expect(try VectorIndex.open(at: folder("index")).ids == (50..<60).map { Int64($0) })
    }
}
