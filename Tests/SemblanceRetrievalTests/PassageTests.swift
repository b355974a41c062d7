import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceText
import Testing

@Suite struct PassageTests {
    private func passages(_ text: String, _ length: Int, _ overlap: Int, _ tokenizer: Tokenizer? = nil) throws
        -> [Passage]
    {
        let configuration = PassageConfiguration(length: length, overlap: overlap)
        return try PassageSplitter(configuration, tokenizer: tokenizer).passages(of: text)
    }

    private let prose = """
        The index lives for months inside a service. It changes while it is searched! Does it survive a kill? "It does."
        Dr. J. Smith said so, e.g. in 1998.

        A new paragraph begins here; it has one sentence, which is longer than the others and goes on and on and on.
        A line ends there
        and goes on here.
        """

    @Test func `passages end with sentences and paragraphs where some end`() throws {
        let found = try passages(prose, 12, 0).map(\.text)
        #expect(
            found == [
                "The index lives for months inside a service. ",
                "It changes while it is searched! Does it survive a kill? ",
                "\"It does.\"\nDr. J. Smith said so, e.g. in 1998.\n\n",
                "A new paragraph begins here; it has one sentence, which is longer ",
                "than the others and goes on and on and on.\n",
                "A line ends there\nand goes on here.",
            ]
        )
    }

    @Test func `passages overlap by sentences where some begin`() throws {
        let found = try passages("One two three. Four five six. Seven eight nine. Ten eleven twelve.", 7, 3)
        #expect(
            found.map(\.text) == [
                "One two three. Four five six. ", "Four five six. Seven eight nine. ",
                "Seven eight nine. Ten eleven twelve.",
            ]
        )
        let apart = try passages("One two three. Four five six. Seven eight nine. Ten eleven twelve.", 7, 0)
        #expect(apart.map(\.text) == ["One two three. Four five six. ", "Seven eight nine. Ten eleven twelve."])
    }

    @Test func `a text that fits is one passage`() throws {
        for text in ["", " ", "a", "one two", " \n\n ", "日本語"] {
            #expect(try passages(text, 100, 10) == passages(text, 1_000_000, 0))
            #expect(try passages(text, 100, 10).map(\.text) == [text])
            #expect(try passages(text, 100, 10).map(\.range) == [0..<text.utf8.count])
        }
        #expect(try passages(" \n\n ", 1, 0).map(\.text) == [" \n\n "])
        #expect(try passages("ab cd", 1, 0).map(\.text) == ["ab ", "cd"])
    }

    @Test func `texts without blanks are cut at full stops, between ideographs and between characters`() throws {
        #expect(try passages("我們在這裡。你們在那裡！他們呢？", 7, 0).map(\.text) == ["我們在這裡。", "你們在那裡！", "他們呢？"])
        let family = String(repeating: "👨‍👩‍👧‍👦", count: 100)
        for passage in try passages(family, 2, 1) {
            #expect(passage.text.unicodeScalars.count % 7 == 0, "\(passage.text)")
        }
        let word = String(repeating: "e\u{301}", count: 100)
        for passage in try passages(word, 3, 1) { #expect(passage.text.unicodeScalars.count % 2 == 0) }
    }

    /// The laws of any cut; `count` counts a text's tokens.
    private func expectLaws(
        _ text: String,
        _ length: Int,
        _ overlap: Int,
        _ found: [Passage],
        count: (Substring) -> Int
    ) {
        let bytes = Array(text.utf8)
        #expect(found.first?.range.lowerBound == 0)
        #expect(found.last?.range.upperBound == bytes.count)
        for passage in found {
            #expect(Array(passage.text.utf8) == Array(bytes[passage.range]))
            #expect(count(Substring(passage.text)) <= length, "\(passage)")
        }
        for (left, right) in zip(found, found.dropFirst()) {
            #expect(left.range.lowerBound < right.range.lowerBound)
            #expect(left.range.upperBound < right.range.upperBound)
            #expect(right.range.lowerBound <= left.range.upperBound)
            let common = bytes[right.range.lowerBound..<left.range.upperBound]
            #expect(count(Substring(decoding: common, as: UTF8.self)) <= overlap)
        }
    }

    private func randomText(_ random: inout RandomStream) -> String {
        let pieces = [
            "word", "a", "The", "end.", "Ende!", " ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u{2029}", "\u{A0}",
            "é",
            "e\u{301}", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "日本", "ひらがな", "。", "」", "한국어", "ไทย", "\u{301}", "\u{200D}", "\0", "…", "\"", ")",
            String(repeating: "x", count: 60), String(repeating: "\u{301}", count: 50),
        ]
        return (0..<Int.random(in: 0..<120, using: &random)).map { _ in
            pieces[Int.random(in: 0..<pieces.count, using: &random)] + (Bool.random(using: &random) ? " " : "")
        }.joined()
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `passages cover the text, are short enough, and overlap no more than asked`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let text = randomText(&random)
        let length = Int.random(in: 1..<30, using: &random)
        let overlap = Int.random(in: 0...length / 2, using: &random)
        let found = try passages(text, length, overlap)
        // A word has at least one unit, so units are no fewer than words.
        expectLaws(text, length, overlap, found) { part in
            part.unicodeScalars.split { $0.properties.isWhitespace }.count
        }
        let apart = try passages(text, length, 0)
        #expect(apart.map(\.text).joined() == text)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `with a tokenizer, its tokens count`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let tokenizer = try Tokenizer.train(on: [prose, randomText(&random)])
        let text = (0..<5).map { _ in prose + randomText(&random) }.joined(separator: " ")
        let length = Int.random(in: 60..<100, using: &random), overlap = Int.random(in: 0...25, using: &random)
        let found = try passages(text, length, overlap, tokenizer)
        #expect(found.count > 1)
        expectLaws(text, length, overlap, found) { part in
            tokenizer.encode(String(part), addingSpecialTokens: false, maximumLength: .max).count
        }
        let words = try passages(text, length, overlap)
        #expect(words != found)
        let whole = tokenizer.encode(text, addingSpecialTokens: false, maximumLength: .max).count
        #expect(try passages(text, whole, 0, tokenizer).count == 1)
        #expect(try passages(text, whole - 1, 0, tokenizer).count > 1)
    }

    @Test func `a word of a megabyte, a megabyte of one character, and of Chinese are cut`() throws {
        for text in [
            String(repeating: "x", count: 1_000_000), "e" + String(repeating: "\u{301}", count: 500_000),
            String(repeating: "漢字", count: 170_000), String(repeating: "ไทย", count: 110_000),
            String(repeating: " ", count: 1_000_000),
        ] {
            let found = try passages(text, 200, 50)
            #expect(found.count < 5000)
            #expect(found.map(\.range.count).reduce(0, +) >= text.utf8.count)
            #expect(found.last?.range.upperBound == text.utf8.count)
        }
    }

    @Test(arguments: [(0, 0), (-1, 0), (10, 6), (10, -1), (2_000_000, 0)])
    func `lengths that are none are refused`(length: Int, overlap: Int) {
        let error = #expect(throws: RetrievalError.self) { try passages("a", length, overlap) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("\(overlap == 0 ? length : overlap)") == true)
    }
}
