import Foundation
import SemblanceText
import Testing

@Suite struct TokenizerTests {
    static let pieces = """
        [PAD] [UNK] [CLS] [SEP] [MASK] a b c d e ß n i 1 - . [ ] ##a ##b ##c ##d ##e ##n ##ab ##bc ab abc cab 中 文 😀 ##😀
        """.split(separator: " ").map(String.init)

    /// A small tokenizer; `changes` replace parts of its file.
    static func make(_ changes: [String: String] = [:], pieces: [String] = pieces) throws -> Tokenizer {
        try makeTokenizer(json(changes, pieces: pieces))
    }

    static func json(_ changes: [String: String] = [:], pieces: [String] = pieces) -> String {
        var parts = [
            "version": "\"1.0\"",
            "truncation": "null",
            "padding": "null",
            "added_tokens": "[\(added(pieces))]",
            "normalizer": #"{"type":"BertNormalizer","clean_text":true,"lowercase":true}"#,
            "pre_tokenizer": #"{"type":"BertPreTokenizer"}"#,
            "post_processor": #"{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}"#,
            "decoder": "null",
            "unk_token": #""[UNK]""#,
            "continuing_subword_prefix": ###""##""###,
            "max_input_chars_per_word": "100",
            "vocab": "{\(pieces.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ","))}",
        ]
        for (key, value) in changes { parts[key] = value }
        let inModel = ["unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"]
        func object(_ keys: [String]) -> String {
            "{\(keys.sorted().compactMap { key in parts[key].map { "\"\(key)\":\($0)" } }.joined(separator: ","))}"
        }
        parts["model"] = changes["model"] ?? object(inModel)
        return object(parts.keys.filter { !inModel.contains($0) })
    }

    static func added(_ pieces: [String]) -> String {
        let flags = #""single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true"#
        return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { token in
            pieces.firstIndex(of: token).map { #"{"id":\#($0),"content":"\#(token)",\#(flags)}"# }
        }.joined(separator: ",")
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `the ids of a batch are those of each text alone`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try Self.make()
        let texts = (0..<50).map { _ in generator.text() }
        for special in [true, false] {
            let batch = tokenizer.encode(texts, addingSpecialTokens: special, maximumLength: nil)
            #expect(batch == TokenBatch(texts.map { tokenizer.encode($0, addingSpecialTokens: special) }))
            #expect(batch != TokenBatch(texts.map { tokenizer.encode($0, addingSpecialTokens: !special) }))
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `texts joined by a blank have the ids of both, one after another`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try Self.make()
        let (first, second) = (generator.text(), generator.text())
        let ids = { tokenizer.encode($0, addingSpecialTokens: false) }
        #expect(ids(first + " " + second) == ids(first) + ids(second))
        #expect(ids("a" + "b") != ids("a") + ids("b"))
    }

    @Test func `a long text has the ids of its words, wherever it is cut for the cache`() throws {
        var generator = SeededGenerator(seed: 3)
        let tokenizer = try Self.make()
        let words = (0..<20_000).map { _ in generator.text(maximumWords: 1) + " " }
        let whole = tokenizer.encode(words.joined(), addingSpecialTokens: false)
        #expect(whole == tokenizer.encode(words, addingSpecialTokens: false, maximumLength: nil).ids)
        #expect(whole.count > 20_000)
        #expect(tokenizer.encode(words.joined(), maximumLength: 9) == [2] + whole.prefix(7) + [3])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a text is cut to the greatest length, special tokens included`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try Self.make()
        let text = generator.text()
        let plain = tokenizer.encode(text, addingSpecialTokens: false)
        for length in 0...20 {
            let cut = tokenizer.encode(text, addingSpecialTokens: false, maximumLength: length)
            #expect(cut == Array(plain.prefix(length)))
            let around = tokenizer.encode(text, maximumLength: length)
            #expect(around == (length < 2 ? Array([2].prefix(length)) : [2] + plain.prefix(length - 2) + [3]))
        }
        #expect(tokenizer.encode(text, maximumLength: -1) == [])
        #expect(tokenizer.encode(text, maximumLength: .max) == [2] + plain + [3])
    }

    @Test func `the file's truncation holds until another length is asked for`() throws {
        let right = #"{"direction":"Right","max_length":4,"strategy":"LongestFirst","stride":0}"#
        let left = right.replacing("Right", with: "Left")
        let full = try Self.make().encode("a b c d e")
        #expect(full == [2, 5, 6, 7, 8, 9, 3])
        #expect(try Self.make(["truncation": right]).encode("a b c d e") == [2, 5, 6, 3])
        #expect(try Self.make(["truncation": left]).encode("a b c d e") == [2, 8, 9, 3])
        #expect(try Self.make(["truncation": left]).encode("a b c d e", maximumLength: 5) == [2, 5, 6, 7, 3])
        #expect(try Self.make(["truncation": left]).encode("a b c d e", maximumLength: .max) == full)
        #expect(try Self.make(["truncation": left]).maximumLength == 4)
        #expect(try Self.make().maximumLength == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `reading some scalars only is encoding them; dropping unknown tokens is leaving them out`(seed: UInt64) throws
    {
        var generator = SeededGenerator(seed: seed)
        let tokenizer = try Self.make()
        let text = generator.text() + "éx中q"
        for scalars in 0...text.unicodeScalars.count + 1 {
            let some = String(String.UnicodeScalarView(text.unicodeScalars.prefix(scalars)))
            let found = tokenizer.encode(
                [text],
                addingSpecialTokens: true,
                maximumLength: 12,
                maximumScalars: scalars,
                droppingUnknown: true
            )
            let expected = tokenizer.encode(some, maximumLength: 12).filter { $0 != tokenizer.unknownTokenID }
            #expect(found.ids == expected)
        }
    }

    @Test func `tokens and ids go both ways`() throws {
        let tokenizer = try Self.make()
        #expect(tokenizer.vocabularySize == Self.pieces.count)
        #expect(tokenizer.unknownTokenID == 1)
        for (id, token) in Self.pieces.enumerated() {
            #expect(tokenizer.id(for: token) == Int32(id))
            #expect(tokenizer.token(for: Int32(id)) == token)
        }
        #expect(tokenizer.id(for: "zebra") == nil)
        #expect(tokenizer.token(for: -1) == nil)
        #expect(tokenizer.token(for: Int32(Self.pieces.count)) == nil)
        let lengths = Self.pieces.map(\.unicodeScalars.count).sorted()
        let middle = lengths.count / 2
        let median = lengths.count % 2 == 1 ? lengths[middle] : (lengths[middle - 1] + lengths[middle]) / 2
        #expect(tokenizer.medianTokenLength == median)
    }

    @Test func `canonically equivalent tokens are held apart`() throws {
        let pieces = ["[UNK]", "\u{c5}", "A\u{30a}", "\u{212b}", "\u{f914}", "\u{6a02}"]
        #expect(Set(pieces).count < pieces.count, "to Swift some of them are equal")
        let normalizer =
            #"{"type":"BertNormalizer","lowercase":false,"handle_chinese_chars":false,"strip_accents":false}"#
        let tokenizer = try Self.make(["normalizer": normalizer, "post_processor": "null"], pieces: pieces)
        for (id, piece) in pieces.enumerated().dropFirst() { #expect(tokenizer.encode(piece) == [Int32(id)]) }
        for (id, piece) in pieces.enumerated() { #expect(tokenizer.id(for: piece) == Int32(id)) }
    }

    @Test func `a mark is sorted and stripped as the standard has it, in any number`() throws {
        let pieces = ["[UNK]", "a", "##\u{302e}", "##\u{1d165}"]  // two that stay: classes 224 and 216
        let tokenizer = try Self.make(["post_processor": "null"], pieces: pieces)
        #expect(tokenizer.encode("a\u{302e}\u{301}\u{1d165}") == [1, 3, 2])
        #expect(tokenizer.encode("a\u{1d165}\u{302e}") == [1, 3, 2])
        let many = "a" + String(repeating: "\u{301}\u{316}", count: 50_000)
        #expect(tokenizer.encode(many) == [1])
        let long = "a" + String(repeating: "\u{302e}\u{1d165}", count: 50_000)
        #expect(tokenizer.encode(long) == [0])
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: ["a", "中", "[", "[CLS]", " ", "\u{301}", "\u{ad}", "ab ", "é", "😀", "\0"]
    )
    func `ten megabytes of anything are read in linear time`(unit: String) throws {
        let tokenizer = try Self.make()
        let count = 10_000_000 / unit.utf8.count
        let ids = tokenizer.encode(String(repeating: unit, count: count), addingSpecialTokens: false)
        let each = tokenizer.encode(unit, addingSpecialTokens: false)
        let isOneWord = ["a", "é", "😀"].contains(unit)
        #expect(ids.count == (isOneWord ? 1 : count * each.count))
        #expect(ids.first == (isOneWord ? 1 : each.first))
    }

    @Test func `a word of more scalars than the limit is unknown`() throws {
        let tokenizer = try Self.make(["max_input_chars_per_word": "3", "post_processor": "null"])
        #expect(tokenizer.encode("abc abca 😀😀😀 😀😀😀😀") == [27, 1, 31, 32, 32, 1])
    }

    @Test func `an empty text has no ids but the special ones`() throws {
        let tokenizer = try Self.make()
        for text in ["", " ", "\n\u{3000}", "\u{ad}\0"] {
            #expect(tokenizer.encode(text) == [2, 3])
            #expect(tokenizer.encode(text, addingSpecialTokens: false) == [])
        }
        let none = tokenizer.encode([], addingSpecialTokens: true, maximumLength: nil)
        #expect(none == TokenBatch())
        #expect(none.offsets == [0])
    }
}
