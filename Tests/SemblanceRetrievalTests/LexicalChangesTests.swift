import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

/// Texts of English words, the first ones often and the last ones rarely.
struct LexicalTexts {
    let words: [String]
    var random: RandomStream

    init(seed: UInt64) throws {
        let stems = try String(contentsOf: fixture(of: "SemblanceRetrievalTests", "stems.tsv"), encoding: .utf8)
        random = RandomStream(seed: seed)
        words = stems.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }.shuffled(using: &random)
    }

    mutating func text(upTo length: Int) -> String {
        (0..<Int.random(in: 0...length, using: &random)).map { _ in
            let rank = pow(Double(words.count), Double.random(in: 0..<1, using: &random))
            return words[Int(rank)]
        }.joined(separator: " ")
    }

    mutating func number(below end: Int) -> Int { Int.random(in: 0..<end, using: &random) }
}

/// A hit that tests compare bit by bit.
struct NumberedHit: Hashable { let number: UInt32, score: Float }

extension LexicalIndex {
    func hits(_ query: String, _ count: Int = 1000, allowed: [UInt64]? = nil) -> [NumberedHit] {
        search(query, count: count, allowed: allowed).map { NumberedHit(number: $0.number, score: $0.score) }
    }

    /// The index over some texts, built at once.
    init(fresh texts: [UInt32: String], _ configuration: LexicalConfiguration) throws {
        let segment = LexicalSegment(
            texts.sorted { $0.key < $1.key }.map { (number: $0.key, text: $0.value) },
            language: configuration.language
        )
        try self.init(parts: [LexicalPart(segment)], configuration: configuration)
    }

    /// What comes back from bytes.
    func reopened() throws -> LexicalIndex {
        let parts = try parts.map { part in
            try LexicalPart(LexicalSegment(copying: unsafe Array(part.segment.bytes)), removed: part.removed)
        }
        return try LexicalIndex(parts: parts, configuration: configuration)
    }
}

extension LexicalSegment {
    convenience init(copying bytes: [UInt8]) throws {
        let copy = unsafe MappedBytes(count: bytes.count) {
            unsafe $0.copyBytes(from: bytes)
            return bytes.count
        }
        try unsafe self.init(bytes: copy.bytes, keptBy: copy)
    }
}

@Suite struct LexicalChangesTests {
    @Test(arguments: 0..<12)
    func `after any changes the hits are those of a fresh index, bit by bit`(seed: Int) throws {
        var texts = try LexicalTexts(seed: UInt64(seed)), live: [UInt32: String] = [:]
        var configuration = LexicalConfiguration()
        configuration.language = seed % 3 == 0 ? .none : .english
        var index = try LexicalIndex(configuration: configuration)
        var snapshots: [(index: LexicalIndex, query: String, hits: [NumberedHit])] = []
        for step in 0..<150 {
            switch texts.number(below: 10) {
            case 0..<5:
                let most = texts.number(below: 8) == 0 ? 400 : 8
                let numbers = Set((0..<texts.number(below: most)).map { _ in UInt32(texts.number(below: 5000)) })
                let batch = numbers.subtracting(live.keys).shuffled(using: &texts.random).map { number in
                    (number: number, text: texts.text(upTo: 40))
                }
                try index.insert(batch)
                for (number, text) in batch { live[number] = text }
            case 5..<8:
                let share = texts.number(below: 12) == 0 ? 2 : 20
                let gone = live.filter { _ in texts.number(below: share) == 0 }
                try index.remove(gone.map { (number: $0.key, text: $0.value) })
                for number in gone.keys { live[number] = nil }
            case 8:
                index = try index.reopened()
            default:
                let query = texts.text(upTo: 12)
                snapshots.append((index, query, index.hits(query)))
            }
            #expect(index.count == live.count)
            guard step % 5 == 4 else { continue }
            let fresh = try LexicalIndex(fresh: live, configuration)
            for _ in 0..<5 {
                let query = texts.text(upTo: 12), count = 1 + texts.number(below: 30)
                #expect(index.hits(query) == fresh.hits(query), "step \(step), \(query)")
                #expect(index.hits(query, count) == Array(fresh.hits(query).prefix(count)))
            }
        }
        #expect(index.parts.count < 24, "\(index.parts.count)")
        for snapshot in snapshots { #expect(snapshot.index.hits(snapshot.query) == snapshot.hits) }
    }

    @Test func `a text that is only hidden still counts in the scores`() throws {
        var texts = try LexicalTexts(seed: 77), live: [UInt32: String] = [:]
        for number in 0..<300 { live[UInt32(number)] = texts.text(upTo: 40) }
        let configuration = LexicalConfiguration()
        var index = try LexicalIndex(fresh: live, configuration)
        let hidden = index, gone = live.removeValue(forKey: 7) ?? "", query = gone + " " + texts.text(upTo: 12)
        try index.remove([(7, gone)])
        let allowed = (0..<5).map { $0 == 0 ? ~(UInt64(1) << 7) : UInt64.max }
        let fresh = try LexicalIndex(fresh: live, configuration).hits(query)
        #expect(index.hits(query) == fresh)
        #expect(Set(hidden.hits(query, allowed: allowed).map(\.number)) == Set(fresh.map(\.number)))
        #expect(hidden.hits(query, allowed: allowed) != fresh)
    }

    @Test func `only allowed numbers are found, with the scores of all texts`() throws {
        var texts = try LexicalTexts(seed: 5)
        let all = (0..<9000).map { texts.text(upTo: 10 + $0 % 20) }
        let index = try LexicalIndex(all)
        for share in [1, 2, 50, 3000] {
            var allowed = [UInt64](repeating: 0, count: 120)
            for number in 0..<7680 where texts.number(below: share) == 0 { allowed[number / 64] |= 1 << (number % 64) }
            for count in [3, 100, 9000] {
                let query = texts.text(upTo: 12)
                let expected = index.hits(query, 9000).filter {
                    $0.number < 7680 && allowed[Int($0.number) / 64] >> ($0.number % 64) & 1 == 1
                }
                #expect(index.hits(query, count, allowed: allowed) == Array(expected.prefix(count)))
                #expect(expected.isEmpty || share == 3000 || index.hits(query, 9000).count > expected.count)
            }
        }
        #expect(index.hits(all[0] + all[1], allowed: []).isEmpty)
    }

    @Test func `impossible changes are refused and change nothing`() throws {
        var index = try LexicalIndex(configuration: LexicalConfiguration())
        try index.insert([(9, "an owl in a forest"), (3, "two owls"), (4_294_967_295, "the sky")])
        let before = index.hits("owl forest sky")
        func refused(_ code: LexicalError.Code, _ change: (inout LexicalIndex) throws -> Void) {
            let error = #expect(throws: LexicalError.self) { try change(&index) }
            #expect(error?.code == code)
            #expect(index.count == 3 && index.hits("owl forest sky") == before && before.count == 3)
        }
        refused(.repeatedNumber) { try $0.insert([(5, "stars"), (9, "stars")]) }
        refused(.repeatedNumber) { try $0.insert([(6, "stars"), (5, "sky"), (6, "stars")]) }
        refused(.unknownNumber) { try $0.remove([(9, "an owl in a forest"), (8, "owl")]) }
        refused(.unknownNumber) { try $0.remove([(3, "two owls"), (3, "two owls")]) }
        for other in ["", "owl", "two owls owls", "two hawks", "an owl in a forest"] {
            refused(.otherText) { try $0.remove([(9, "an owl in a forest"), (3, other)]) }
        }
        try index.remove([(3, "Owls, two!")])
        #expect(index.hits("owl").map(\.number) == [9])
        try index.insert([(3, "a mouse")])
        #expect(index.hits("mouse").map(\.number) == [3])
        try index.remove([(9, "an owl in a forest"), (3, "a mouse"), (4_294_967_295, "the sky")])
        #expect(index.count == 0 && index.parts.isEmpty && index.hits("owl").isEmpty)
        try index.insert([])
        try index.remove([])
        #expect(index.parts.isEmpty)
    }

    @Test func `single inserts and removals keep few segments and little waste`() throws {
        var texts = try LexicalTexts(seed: 21), live: [UInt32: String] = [:]
        var index = try LexicalIndex(configuration: LexicalConfiguration())
        for number in 0..<3000 as Range<UInt32> {
            live[number] = texts.text(upTo: 20)
            try index.insert([(number, live[number] ?? "")])
            #expect(index.parts.count <= 3 * 9)
        }
        for number in (0..<3000 as Range<UInt32>).shuffled(using: &texts.random) {
            try index.remove([(number, live.removeValue(forKey: number) ?? "")])
            for part in index.parts { #expect(3 * part.count >= 2 * part.segment.count) }
            guard live.count % 500 == 0 else { continue }
            let query = texts.text(upTo: 12)
            #expect(try index.hits(query) == LexicalIndex(fresh: live, LexicalConfiguration()).hits(query))
        }
        #expect(index.parts.isEmpty)
    }

    @Test func `copies are searched while the original changes`() async throws {
        var texts = try LexicalTexts(seed: 8), live: [UInt32: String] = [:]
        var index = try LexicalIndex(configuration: LexicalConfiguration())
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for step in 0..<60 {
                let batch = (0..<20).map { (number: UInt32(step * 20 + $0), text: texts.text(upTo: 20)) }
                try index.insert(batch)
                for (number, text) in batch { live[number] = text }
                let gone = live.filter { _ in texts.number(below: 5) == 0 }
                try index.remove(gone.map { (number: $0.key, text: $0.value) })
                for number in gone.keys { live[number] = nil }
                let snapshot = index, now = live, query = texts.text(upTo: 12)
                group.addTask {
                    let first = snapshot.hits(query)
                    let fresh = try LexicalIndex(fresh: now, LexicalConfiguration()).hits(query)
                    return try first == fresh && snapshot.reopened().hits(query) == fresh
                        && snapshot.nearest(to: [query], count: 1000, workers: .shared())[0].count == fresh.count
                }
            }
            for try await equal in group { #expect(equal) }
        }
    }
}
