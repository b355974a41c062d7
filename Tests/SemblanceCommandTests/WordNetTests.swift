import Foundation
import Semblance
import SemblanceCommand
import SemblanceNumerics
import Testing

@Suite struct WordNetTests {
    /// Reads a folder whose noun and adjective files have these lines.
    private func read(nouns: [String], adjectives: [String] = []) throws -> WordNet {
        let folder = FileManager.default.temporaryDirectory.appending(path: "wordnet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let licence = ["  1 This software and database is being provided to you", "  2 | as it is"]
        for (name, lines) in [("noun", nouns), ("verb", []), ("adj", adjectives), ("adv", [])] {
            try Data((licence + lines).map { $0 + "\n" }.joined().data(using: .isoLatin1) ?? Data())
                .write(to: folder.appending(path: "data.\(name)"))
        }
        return try WordNet(contentsOf: folder)
    }

    private let owl =
        "00000100 05 n 02 night_owl 0 owl 1 003 ~ 00000300 n 0000 @ 00000001 n 0000 @i 00000002 n 0000 "
        + "| a bird (of the \"night\"); \"an owl hoots\"; \"owls; hunt\"- Nobody;  "

    @Test func `words, meaning, examples and hypernym are read`() throws {
        let found = try read(
            nouns: [
                owl, "00000200 05 n 01 caf\u{E9} 0 000 | a place;  ",
                "00000300 05 n 0a" + (0..<10).map { " w\($0) 0" }.joined() + " 001 @i 00000001 n 0000 | ten",
            ],
            adjectives: [
                "00000100 00 a 01 able(p) 0 001 & 00000200 a 0000 | having means; \"able to swim\"  ",
                "00000200 00 s 02 fit(ip) 0 (a)b 0 002 + 00000100 n 0101 & 00000100 a 0000 | ready  ",
                "00000300 00 a 01 mere(a) 0 000 | no more than  ",
            ]
        ).synsets
        #expect(
            found.map(\.id) == ["n00000100", "n00000200", "n00000300", "a00000100", "a00000200", "a00000300"]
        )
        #expect(found[0].words == ["night owl", "owl"] && found[0].text == "night owl, owl")
        #expect(found[0].gloss == "a bird (of the \"night\")")
        #expect(found[0].examples == ["an owl hoots", "owls; hunt"])
        #expect(found[1].words == ["café"] && found[1].gloss == "a place" && found[1].examples == [])
        #expect(found[2].words.count == 10)
        #expect(found[3].words == ["able"] && found[4].words == ["fit", "(a)b"])
        #expect(
            found.map(\.group) == ["n00000001", nil, "n00000001", "a00000100", "a00000100", nil]
        )
    }

    @Test func `a line that is no set of words is named`() throws {
        for line in [
            "x", "00000100", "00000100 05 n 02 night_owl 0 | a bird", "0000010x 05 n 01 owl 0 000 | a bird",
            "00000100 05 n zz owl 0 000 | a bird", "00000100 05 n 00 000 | a bird",
            "00000100 05 n 01 owl 0 xxx | a bird",
            "00000100 05 n 01 owl 0 000 a bird", "|",
        ] {
            let error = try #require(throws: DataFileError.self) { try read(nouns: [owl, line]) }
            #expect(error.code == .malformedLine && error.line == 4 && error.message.contains("data.noun"), "\(line)")
        }
        let error = try #require(throws: DataFileError.self) { try WordNet(contentsOf: URL(fileURLWithPath: "/none")) }
        #expect(error.code == .unreadable)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `damaged lines are read or refused, never more`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        func draw(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
        var line = Array(owl.unicodeScalars)
        for _ in 0..<3 { line[draw(line.count)] = Array("\"|;_ @0fz()\u{E9}".unicodeScalars)[draw(12)] }
        line.removeLast(draw(line.count))
        do {
            #expect(try read(nouns: [String(String.UnicodeScalarView(line))]).synsets.count <= 1)
        } catch let error as DataFileError {
            #expect(error.code == .malformedLine && error.line == 3)
        }
    }

    @Test func `what is held out is not trained on, under no other id either`() throws {
        let wordNet = try read(
            nouns: (0..<300).map { String(format: "%08d 05 n 01 w%d 0 000 | meaning %d  ", $0, $0, $0 % 200) }
        )
        let (training, heldOut) = try wordNet.split(holdingOut: 20)
        #expect(heldOut.queries.count == 20 && heldOut.documents.count == 300)
        let meanings = Set(heldOut.queries.map(\.text))
        #expect(!training.contains { meanings.contains($0.anchor) })
        // A set of n > 1 words gives its meaning with all words, with each of them, and each of them with all.
        let trained = wordNet.synsets.filter { !meanings.contains($0.gloss) }
        #expect(training.count == trained.reduce(0) { $0 + ($1.words.count == 1 ? 1 : 1 + 2 * $1.words.count) })
        for query in heldOut.queries {
            let relevant = try #require(heldOut.judgements[query.id])
            #expect(relevant.values.allSatisfy { $0 == 1 } && relevant.count == 1)
            #expect(wordNet.synsets.first { relevant[$0.id] != nil }?.gloss == query.text)
        }
        #expect(try wordNet.split(holdingOut: 20).heldOut.queries == heldOut.queries)
        #expect(throws: EvaluationError.self) { try wordNet.split(holdingOut: 0) }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/wordnet/data.noun")))
    func `all of WordNet 3 is read; BM25 finds a sixth of the sets held out`() throws {
        let wordNet = try WordNet()
        #expect(wordNet.synsets.count == 117_659)
        #expect(wordNet.synsets[0].words == ["entity"])
        #expect(wordNet.synsets.allSatisfy { !$0.gloss.isEmpty && !$0.words.contains("") })
        let groups = Set(wordNet.synsets.map(\.id))
        #expect(wordNet.synsets.allSatisfy { $0.group.map(groups.contains) ?? true })
        let (training, heldOut) = try wordNet.split()
        let meanings = Set(heldOut.queries.map(\.text))
        #expect(heldOut.queries.count == 2000 && !training.contains { meanings.contains($0.anchor) })
        #expect(Set(training.map(\.anchor)).count > 200_000)
        let index = try LexicalIndex(heldOut.documents.map(\.content))
        let rankings = heldOut.queries.map { query in
            index.nearest(to: query.text, count: 101).map { heldOut.documents[$0.index].id }
        }
        let report = RetrievalReport(rankings: rankings, of: heldOut)
        #expect((0.13...0.19).contains(report.value(of: .recall(10))))
    }
}
