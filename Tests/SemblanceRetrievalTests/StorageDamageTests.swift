import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

/// Changes of a file that nobody asked for.
private struct Mutation {
    var random: RandomStream

    mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }

    /// Flips, cuts, lengthens, swaps or overwrites something in one file, or swaps two.
    mutating func apply(to disk: SimulatedDisk, _ paths: [String]) throws {
        let path = paths[pick(paths.count)]
        if pick(12) == 0, paths.count > 1 {
            let other = paths[pick(paths.count)]
            let (one, two) = try (#require(disk.contents(path)), #require(disk.contents(other)))
            try disk.damage(path) { $0 = two }
            try disk.damage(other) { $0 = one }
            return
        }
        try disk.damage(path) { bytes in
            switch pick(6) {
            case 0: bytes.removeLast(1 + pick(bytes.count - 1))
            case 1: bytes += (0..<1 + pick(100)).map { UInt8($0) }
            case 2:
                let (from, to, count) = (pick(bytes.count), pick(bytes.count), pick(64))
                let part = Array(bytes[from..<min(from + count, bytes.count)])
                bytes.replaceSubrange(to..<min(to + part.count, bytes.count), with: part)
            case 3:
                // A word that lies, as a length may.
                let at = pick(bytes.count / 8) * 8
                guard at + 8 <= bytes.count else { return }
                let lie = [0, 1, .max, UInt64(bytes.count), 1 << 62, UInt64(pick(1000)), 0x7fff_ffff_ffff_fff8][pick(7)]
                bytes.replaceSubrange(
                    at..<at + 8,
                    with: unsafe withUnsafeBytes(of: lie.littleEndian) { unsafe Array($0) }
                )
            default:
                for _ in 0...pick(3) { bytes[pick(bytes.count)] ^= 1 << pick(8) }
            }
        }
    }
}

private func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
}

private func encoded(_ words: [UInt64]) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
}

private func hash(_ words: [UInt64]) -> UInt64 { XXH64.hash(of: Data(encoded(words))) }

/// Damage to real files: a typed error or what was written, never anything else.
@Suite struct StorageDamageTests {
    private static let lies: [UInt64] = [
        0, 1, 7, 40, 64, 1000, 1 << 20, 1 << 31, 1 << 32, 1 << 40, 1 << 61, 1 << 62, 1 << 63, .max - 47, .max - 7, .max,
    ]

    /// Three files of 12 records each; every second is synced.
    private func journal() throws -> (disk: SimulatedDisk, records: [[UInt8]], known: [Journal.KnownFile]) {
        let disk = SimulatedDisk()
        let journal = try Journal.create(in: "/", identity: 7, files: disk)
        var records: [[UInt8]] = []
        for index in 0..<36 {
            let record = (0..<index * 5).map { UInt8(truncatingIfNeeded: $0 * index) }
            try unsafe record.withUnsafeBytes { _ = try unsafe journal.append([$0]) }
            records.append(record)
            if index % 2 == 1 { try journal.synchronise() }
            if index % 12 == 11, index < 35 { try journal.rotate() }
        }
        return (disk, records, try journal.close())
    }

    private static let paths = (1...3).map { "//journal-0000000\($0).log" }

    /// What can be read, and whether that ended in a typed error.
    private func read(_ disk: SimulatedDisk, _ known: [Journal.KnownFile]) throws -> (
        records: [[UInt8]], isDamaged: Bool
    ) {
        var records: [[UInt8]] = []
        do {
            try unsafe Journal.read("/", from: 1, identity: 7, files: disk, expecting: known) {
                unsafe records.append(Array($1))
            }
            return (records, false)
        } catch let error as RetrievalError {
            #expect(error.code == .damagedFile)
            return (records, true)
        }
    }

    @Test func `a damaged journal is refused, or gives what was written`() throws {
        let (disk, records, known) = try journal()
        var refused = 0
        let rounds = 10_000 * testScale
        for seed in 0..<UInt64(rounds) {
            let damaged = disk.copy()
            var mutation = Mutation(random: RandomStream(seed: seed, stream: 3))
            try mutation.apply(to: damaged, Self.paths)
            let all = try read(damaged, known)
            #expect(all.isDamaged ? records.starts(with: all.records) : all.records == records, "seed \(seed)")
            if all.isDamaged { refused += 1 }
            // Without knowing how it was closed, a file that was cut can't be told from one that ended there.
            let some = try read(damaged, [])
            #expect(records.starts(with: some.records) && (some.isDamaged || some.records.count >= 24), "seed \(seed)")
        }
        #expect(refused > rounds / 2 && refused < rounds)
    }

    @Test func `a header or record whose numbers lie under a right hash is refused`() throws {
        let (disk, records, _) = try journal()
        for lie in Self.lies {
            for (number, path) in Self.paths.enumerated() {
                let whole = try #require(disk.contents(path))
                for field in 0..<7 {
                    var words = (0..<7).map { word(whole, $0 * 8) }
                    if words[field] == lie { continue }
                    words[field] = lie
                    let damaged = disk.copy()
                    try damaged.damage(path) { $0.replaceSubrange(0..<64, with: encoded(words + [hash(words)])) }
                    let found = try read(damaged, [])
                    // The first file's word on what was before it counts for nothing.
                    #expect(found.isDamaged || number == 0 && field >= 4, "\(path) field \(field) = \(lie)")
                    #expect(records.starts(with: found.records))
                }
                for field in 0..<4 {
                    var words = (0..<4).map { word(whole, 64 + $0 * 8) }
                    if words[field] == lie { continue }
                    words[field] = lie
                    let damaged = disk.copy()
                    let sealed = words + [hash([word(whole, 56)] + words)]
                    try damaged.damage(path) { $0.replaceSubrange(64..<104, with: encoded(sealed)) }
                    let found = try read(damaged, [])
                    #expect(found.isDamaged, "\(path) record field \(field) = \(lie)")
                    #expect(records.starts(with: found.records))
                }
            }
        }
    }

    @Test func `a damaged file of blocks is refused, or gives what was written`() throws {
        let disk = SimulatedDisk()
        let writer = try BlockFileWriter("/rows", files: disk)
        let bytes = (0..<3 * BlockFile.blockSize / 2).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
        try unsafe bytes.withUnsafeBytes { try unsafe writer.write($0) }
        let identity = try writer.finish()
        let whole = try #require(disk.contents("/rows"))
        var refused = 0
        let rounds = 10_000 * testScale
        for seed in 0..<UInt64(rounds) {
            var mutation = Mutation(random: RandomStream(seed: seed, stream: 4))
            let damaged = disk.copy()
            try mutation.apply(to: damaged, ["/rows"])
            let isChanged = damaged.contents("/rows") != whole
            for known in [identity, nil] {
                do {
                    let file = try BlockFile.open("/rows", expecting: known, files: damaged)
                    let start = mutation.pick(file.count)
                    let same = try unsafe file.withBytes(start..<file.count) {
                        unsafe $0.elementsEqual(bytes[start...])
                    }
                    #expect(same, "seed \(seed)")
                    try file.verifyAll()
                    #expect(!isChanged, "seed \(seed)")
                } catch let error as RetrievalError {
                    #expect(error.code == .damagedFile && isChanged)
                    refused += 1
                }
            }
        }
        #expect(refused > rounds)
        for lie in Self.lies {
            for field in 0..<4 {
                let start = whole.count - 40
                var words = (0..<4).map { word(whole, start + $0 * 8) }
                if words[field] == lie { continue }
                words[field] = lie
                let damaged = disk.copy()
                try damaged.damage("/rows") { $0.replaceSubrange(start..., with: encoded(words + [hash(words)])) }
                #expect(throws: RetrievalError.self) { try BlockFile.open("/rows", expecting: nil, files: damaged) }
            }
        }
    }
}
