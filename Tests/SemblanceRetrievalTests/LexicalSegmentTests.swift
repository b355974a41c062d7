import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

@Suite struct LexicalSegmentTests {
    private static let language = LexicalConfiguration.Language.english

    /// A real segment and something to ask it.
    private struct Sample {
        let bytes: [UInt8]
        let query: String
        let hits: [NumberedHit]

        init(seed: UInt64) throws {
            var texts = try LexicalTexts(seed: seed)
            let numbered = (0..<40).map { (number: UInt32(3 * $0), text: texts.text(upTo: 12)) }
            let segment = LexicalSegment(numbered, language: language)
            bytes = unsafe Array(segment.bytes)
            query = numbered[0].text + " " + numbered[20].text + " " + texts.text(upTo: 12)
            hits = try LexicalIndex(parts: [LexicalPart(segment)], configuration: LexicalConfiguration()).hits(query)
        }
    }

    private func open(_ bytes: [UInt8]) throws -> LexicalSegment { try LexicalSegment(copying: bytes) }

    private func index(_ segment: LexicalSegment) throws -> LexicalIndex {
        try LexicalIndex(parts: [LexicalPart(segment)], configuration: LexicalConfiguration())
    }

    /// Flips, overwrites, cuts, repeats or moves some bytes.
    private func damaged(_ bytes: [UInt8], _ random: inout RandomStream) -> [UInt8] {
        var bytes = bytes
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = .random(in: 0...255, using: &random)
        case 2: bytes.removeLast(place)
        case 3: bytes.append(contentsOf: bytes[place...])
        case 4:  // A count or length of the header lies.
            let field = 8 * Int.random(in: 2..<8, using: &random)
            let lie =
                [0, 1, 255, UInt64(UInt32.max), .max, .max / 8, .random(in: 0...10_000, using: &random)]
                .randomElement(using: &random) ?? 0
            for byte in 0..<8 { bytes[field + byte] = UInt8(truncatingIfNeeded: lie >> (8 * byte)) }
        case 5: for other in place..<min(place + 8, bytes.count) { bytes[other] = .random(in: 0...255, using: &random) }
        default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
        }
        return bytes
    }

    /// Writes the checksum that damaged bytes would need.
    private func resealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 64, bytes.count % 8 == 0 else { return bytes }
        var bytes = bytes
        let checksum = unsafe bytes.withUnsafeBytes {
            unsafe XXH64.hash(of: UnsafeRawBufferPointer(rebasing: $0[16...]))
        }
        for byte in 0..<8 { bytes[8 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
        return bytes
    }

    @Test func `bytes come back as they were, mapped or copied`() throws {
        for seed in 0..<20 as Range<UInt64> {
            let sample = try Sample(seed: seed)
            let again = try open(sample.bytes)
            #expect(unsafe Array(again.bytes) == sample.bytes)
            #expect(try index(again).hits(sample.query) == sample.hits && !sample.hits.isEmpty)
            #expect(
                unsafe try index(LexicalSegment(bytes: again.bytes, keptBy: again)).hits(sample.query) == sample.hits
            )
            #expect(resealed(sample.bytes) == sample.bytes)
        }
        let none = LexicalSegment([], language: .english)
        #expect(try index(open(unsafe Array(none.bytes))).hits("owl").isEmpty)
    }

    @Test func `the layout is the one that earlier files have`() throws {
        let segment = LexicalSegment(
            [(number: 2, text: "Two owls, one owl"), (number: 5, text: "naïve"), (number: 4_000_000_000, text: "")],
            language: .english
        )
        var digest = SHA256()
        digest.update(Data(unsafe Array(segment.bytes)))
        #expect(digest.finalize() == "584c332c097f8774a0061ea836fe9ca94eb7e67f8f3adf1a9986d1854c33c61e")
    }

    @Test func `files come back as they were`() async throws {
        let sample = try Sample(seed: 2), segment = try open(sample.bytes), files = SystemFiles()
        let stamps = (0..<segment.count).map { UInt64($0) << 40 }
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "segment").path
            let identity = try LexicalSegmentFile.write(segment, stamps: stamps, to: path, files: files)
            let again = try LexicalSegmentFile(contentsOf: path, expecting: identity, files: files)
            #expect(try index(again.segment).hits(sample.query) == sample.hits)
            #expect((0..<segment.count).map(again.stamp) == stamps)
            let empty = LexicalSegment([], language: .none)
            let other = try LexicalSegmentFile.write(empty, stamps: [], to: path + "2", files: files)
            #expect(try LexicalSegmentFile(contentsOf: path + "2", files: files).segment.count == 0)
            #expect(throws: RetrievalError.self) {
                try LexicalSegmentFile(contentsOf: path, expecting: other, files: files)
            }
        }
    }

    /// Whole files whose segments and stamps don't go together.
    @Test func `a segment with too few or too many stamps is refused`() throws {
        let segment = try open(Sample(seed: 2).bytes), disk = SimulatedDisk()
        for (place, wrong) in [-8, 8, 4, -8 * segment.count - 8].enumerated() {
            let writer = try BlockFileWriter("/\(place)", files: disk)
            let stamps = [UInt8](repeating: 0, count: segment.count * 8 + 8)
            var bytes = unsafe Array(segment.bytes) + stamps
            bytes.removeLast(8 - wrong)
            try unsafe bytes.withUnsafeBytes { try unsafe writer.write($0) }
            _ = try writer.finish()
            #expect(throws: (any Error).self) { try LexicalSegmentFile(contentsOf: "/\(place)", files: disk) }
        }
    }

    @Test(arguments: 0..<4)
    func `damaged bytes are refused`(seed: Int) throws {
        let sample = try Sample(seed: UInt64(seed))
        var random = RandomStream(seed: UInt64(seed), stream: 1), refused = 0
        for _ in 0..<5000 {
            let bytes = damaged(sample.bytes, &random)
            do {
                let opened = try open(bytes)
                #expect(bytes == sample.bytes)
                #expect(try index(opened).hits(sample.query) == sample.hits)
            } catch let error as LexicalError {
                refused += error.code == .damagedSegment ? 1 : 0
            }
        }
        #expect(refused > 4500)
    }

    @Test(arguments: 0..<4)
    func `damage under a right checksum is refused or harmless`(seed: Int) throws {
        let sample = try Sample(seed: UInt64(seed))
        var random = RandomStream(seed: UInt64(seed), stream: 2), refused = 0, opened = 0
        for _ in 0..<2500 {
            do {
                let segment = try open(resealed(damaged(sample.bytes, &random)))
                opened += 1
                let hits = try index(segment).hits(sample.query)
                #expect(hits.count <= segment.count && hits.allSatisfy { $0.score.isFinite && $0.score > 0 })
                let other = LexicalSegment([(number: 1, text: "owl")], language: segment.language)
                let merged = try LexicalSegment(
                    merging: [LexicalPart(segment), LexicalPart(other)],
                    language: .english
                )
                #expect(merged.count == segment.count + 1)
            } catch let error as LexicalError {
                refused += error.code == .damagedSegment ? 1 : 0
            }
        }
        #expect(refused > 500 && opened > 100)
    }

    @Test func `removal bits of another segment, other languages and repeated numbers are refused`() throws {
        let segment = LexicalSegment([(number: 1, text: "owl"), (number: 2, text: "mouse")], language: .english)
        for words: [UInt64] in [[4], [0, 0], [.max]] {
            let error = #expect(throws: LexicalError.self) { try LexicalPart(segment, removed: words) }
            #expect(error?.code == .damagedSegment)
        }
        #expect(try LexicalPart(segment, removed: [2]).count == 1)
        let plain = LexicalSegment([(number: 7, text: "owl")], language: .none)
        let mixed = #expect(throws: LexicalError.self) {
            try LexicalIndex(parts: [LexicalPart(segment), LexicalPart(plain)], configuration: LexicalConfiguration())
        }
        #expect(mixed?.code == .damagedSegment)
        let shared = #expect(throws: LexicalError.self) {
            try LexicalIndex(
                parts: [LexicalPart(segment), LexicalPart(segment)],
                configuration: LexicalConfiguration()
            )
        }
        #expect(shared?.code == .repeatedNumber)
        let twice = #expect(throws: LexicalError.self) {
            try LexicalSegment(merging: [LexicalPart(segment), LexicalPart(segment)], language: .english)
        }
        #expect(twice?.code == .repeatedNumber)
    }
}
