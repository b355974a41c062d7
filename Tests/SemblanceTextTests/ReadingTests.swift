import Foundation
import SemblanceText
import Testing

@Suite struct ReadingTests {
    static func failure(_ changes: [String: String], pieces: [String] = TokenizerTests.pieces) -> TextError? {
        #expect(throws: TextError.self) { try TokenizerTests.make(changes, pieces: pieces) }
    }

    @Test(
        arguments: [
            (
                ["model": #"{"type":"WordLevel","vocab":{},"unk_token":""}"#], TextError.Code.unsupported,
                "model is WordLevel"
            ),
            (["model": "7"], .malformedFile, "model is 7, not an object"),
            (["model": "null"], .malformedFile, "model is missing"),
            (["normalizer": #"{"type":"Nmt"}"#], .unsupported, "normalizer is Nmt"),
            (["normalizer": #"{"type":"BertNormalizer","lowercase":"yes"}"#], .malformedFile, "normalizer.lowercase"),
            (["pre_tokenizer": #"{"type":"Split"}"#], .unsupported, "pre_tokenizer is Split"),
            (
                ["pre_tokenizer": #"{"type":"ByteLevel","add_prefix_space":true}"#], .unsupported,
                "pre_tokenizer is ByteLevel"
            ),
            (["post_processor": #"{"type":"Other"}"#], .unsupported, "post_processor is Other"),
            (["post_processor": #"{"type":"BertProcessing","sep":["[SEP]"],"cls":[1,2]}"#], .malformedFile, ".sep"),
            (
                ["post_processor": #"{"type":"BertProcessing","sep":["[SEP]",99],"cls":["",2]}"#], .invalidVocabulary,
                "99"
            ),
            (
                ["post_processor": #"{"type":"TemplateProcessing","single":[],"special_tokens":{}}"#], .unsupported,
                "lacks the text"
            ),
            (
                [
                    "post_processor":
                        #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"X"}}],"special_tokens":{}}"#
                ], .malformedFile, "“X”"
            ),
            (
                ["added_tokens": #"[{"id":1,"content":"[UNK]"}]"#], .malformedFile,
                "added_tokens[0].single_word is missing"
            ),
            (["added_tokens": "{}"], .malformedFile, "added_tokens is {}, not an array"),
            (["truncation": #"{"max_length":-1}"#], .malformedFile, "max_length is -1"),
            (["truncation": #"{"max_length":1,"direction":"Up"}"#], .malformedFile, "Up"),
            (["unk_token": #""[unk]""#], .invalidVocabulary, "“[unk]”"),
            (["unk_token": "null"], .malformedFile, "unk_token is missing"),
            (["max_input_chars_per_word": "1e3"], .malformedFile, "max_input_chars_per_word is 1e3"),
            (["vocab": "[]"], .invalidVocabulary, "model.vocab has 0 tokens"),
            (["vocab": #"{"[UNK]":0,"a":-1}"#], .malformedFile, "a is -1"),
            (["vocab": #"{"[UNK]":0,"a":-0}"#], .malformedFile, "a is -0"),
            (["vocab": #"{"[UNK]":0,"a":1.5}"#], .malformedFile, "a is 1.5"),
            (["vocab": #"{"[UNK]":0,"a":16777216}"#], .malformedFile, "16777216"),
            (["vocab": #"{"[UNK]":0,"a":99999999999999999999}"#], .malformedFile, "a is 9999"),
            (["vocab": #"{"[UNK]":0,"a":4,"b":4}"#], .invalidVocabulary, "“a” and “b” both have id 4"),
            (["vocab": "{}"], .invalidVocabulary, "[UNK]"),
        ] as [([String: String], TextError.Code, String)]
    )
    func `what can't be read is named`(changes: [String: String], code: TextError.Code, part: String) {
        let error = Self.failure(changes)
        #expect(error?.code == code)
        #expect(error?.message.contains("tokenizer.json") == true)
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    @Test func `an added token has the id that follows from the vocabulary`() throws {
        func added(_ id: Int, _ content: String, normalized: Bool = false) -> [String: String] {
            let flags = #""single_word":false,"lstrip":false,"rstrip":false,"special":false"#
            return ["added_tokens": #"[{"id":\#(id),"content":"\#(content)","normalized":\#(normalized),\#(flags)}]"#]
        }
        let size = TokenizerTests.pieces.count
        let tokenizer = try TokenizerTests.make(added(size, "new york"))
        #expect(tokenizer.vocabularySize == size + 1)
        #expect(tokenizer.encode("a new york b") == [2, 5, Int32(size), 6, 3])
        #expect(tokenizer.id(for: "new york") == Int32(size))
        #expect(tokenizer.token(for: Int32(size)) == "new york")
        #expect(Self.failure(added(size + 1, "new york"))?.code == .invalidVocabulary)
        #expect(Self.failure(added(7, "a"))?.code == .invalidVocabulary)
        #expect(Self.failure(added(size, ""))?.code == .invalidVocabulary)
        #expect(Self.failure(added(size, "\u{ad}", normalized: true))?.code == .invalidVocabulary)
    }

    @Test func `ids may have holes`() throws {
        let vocabulary = ###"{"[UNK]":3,"a":9,"##b":1}"###
        let changes = ["vocab": vocabulary, "added_tokens": "[]", "post_processor": "null"]
        let tokenizer = try TokenizerTests.make(changes)
        #expect(tokenizer.vocabularySize == 10)
        #expect(tokenizer.encode("ab abc") == [9, 1, 3])
        #expect(tokenizer.token(for: 2) == nil)
        let file = TemporaryFile(Data())
        try tokenizer.write(to: file.url)
        #expect(try Tokenizer(contentsOf: file.url).encode("ab abc") == [9, 1, 3])
    }

    @Test func `strings are read with every escape, and the last of two equal tokens counts`() throws {
        let vocabulary =
            ###"{"[UNK]":0,"a":1,"\u0062":2,"\ud83d\ude00":3,"##\/":4,"\"":5,"\\":6,"c\n\t\r\b\f":7,"é":8,"a":9}"###
        let normalizer = #"{"type":"BertNormalizer","lowercase":false}"#
        let changes = [
            "vocab": vocabulary, "normalizer": normalizer, "added_tokens": "[]", "post_processor": "null",
        ]
        let tokenizer = try TokenizerTests.make(changes)
        #expect(tokenizer.encode(#"a b 😀 " \ é"#) == [9, 2, 3, 5, 6, 8])
        #expect(tokenizer.token(for: 4) == "##/")
        #expect(tokenizer.token(for: 7) == "c\n\t\r\u{8}\u{c}")
        #expect(tokenizer.token(for: 1) == nil)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "[1 2]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, "nul", "truee", "01", "1.",
        ".5", "+1", "1e",
        "-", "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, "\"", #""\"#, "NaN",
        "[] []", "\u{feff}{}",
        String(repeating: "[", count: 129) + String(repeating: "]", count: 129),
        String(repeating: "[", count: 1_000_000),
    ])
    func `broken JSON is an error that names the place`(text: String) {
        let error = #expect(throws: TextError.self) { try makeTokenizer(text) }
        #expect(error?.code == .malformedFile)
        #expect(error?.message.contains("broken JSON at byte") == true, "\(error?.message ?? "")")
    }

    @Test func `bytes that aren't UTF-8 are broken JSON`() throws {
        for bytes: [UInt8] in [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE4, 0xB8], [0x80],
        ] {
            let file = TemporaryFile(Data([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]))
            let error = #expect(throws: TextError.self) { try Tokenizer(contentsOf: file.url) }
            #expect(error?.message.contains("broken JSON") == true)
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a damaged file is an error or a tokenizer that works`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let whole = Array(TokenizerTests.json().utf8)
        let file = TemporaryFile(Data())
        var (opened, refused) = (0, 0)
        for _ in 0..<150 {
            var bytes = whole
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            case 1:
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                        in: 0...255,
                        using: &generator
                    )
                }
            case 2:
                let start = Int.random(in: bytes.indices, using: &generator)
                bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...40, using: &generator)))
            default:
                let tokens = ["null", "1", "-1", "[]", "{}", "\"\"", "99999999999", "true", "##", "a", "\"", "0"]
                let at = Int.random(in: bytes.indices, using: &generator)
                let token = tokens.randomElement(using: &generator) ?? ""
                bytes.replaceSubrange(at..<min(bytes.count, at + token.utf8.count), with: token.utf8)
            }
            try Data(bytes).write(to: file.url)
            do {
                let tokenizer = try Tokenizer(contentsOf: file.url)
                let ids = tokenizer.encode(generator.text() + " abcab [CLS] x")
                #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
                try tokenizer.write(to: file.url)
                _ = try Tokenizer(contentsOf: file.url)
                opened += 1
            } catch is TextError {
                refused += 1
            }
        }
        #expect(opened > 0 && refused > 0)
    }

    @Test func `a vocab txt is a token a line, with BERT's special tokens`() throws {
        let lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "##é", "Hello", "\u{3000}", "hello", "##s \t"]
        for end in ["\n", "\r\n"] {
            let file = TemporaryFile(Data((lines.joined(separator: end) + end).utf8), named: "vocab.txt")
            let lower = try Tokenizer(wordPieceVocabulary: file.url)
            #expect(lower.encode("Hello hellos héllo [SEP]") == [2, 8, 8, 9, 8, 3, 3])
            #expect(lower.vocabularySize == 10)
            #expect(lower.token(for: 4) == nil, "of two equal lines the last one counts")
            let cased = try Tokenizer(wordPieceVocabulary: file.url, lowercase: false)
            #expect(cased.encode("Hello helloé HELLO") == [2, 6, 8, 5, 1, 3])
            let folder = file.url.deletingLastPathComponent()
            #expect(try Tokenizer(contentsOf: folder).encode("Hello") == [2, 8, 3])
            try Data(#"{"do_lower_case": false}"#.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
            #expect(try Tokenizer(contentsOf: folder).encode("Hello") == [2, 6, 3])
            try Data(TokenizerTests.json().utf8).write(to: folder.appending(path: "tokenizer.json"))
            #expect(try Tokenizer(contentsOf: folder).encode("a") == [2, 5, 3])
        }
        let plain = TemporaryFile(Data("[UNK]\na\n".utf8), named: "vocab.txt")
        #expect(try Tokenizer(wordPieceVocabulary: plain.url).encode("a b") == [1, 0])
    }

    @Test func `files that aren't there or can't be written are errors that name them`() throws {
        let file = TemporaryFile(Data("a\n".utf8), named: "vocab.txt")
        let missing = file.url.deletingLastPathComponent().appending(path: "none/tokenizer.json")
        let reading = #expect(throws: TextError.self) { try Tokenizer(contentsOf: missing) }
        #expect(reading?.code == .unreadableFile)
        #expect(reading?.message.contains(missing.path) == true)
        let empty = TemporaryFile(Data(), named: "other.txt")
        let folder = #expect(throws: TextError.self) {
            try Tokenizer(contentsOf: empty.url.deletingLastPathComponent())
        }
        #expect(folder?.code == .unreadableFile)
        #expect(throws: TextError.self) { try Tokenizer(wordPieceVocabulary: URL(filePath: "/dev/zero")) }
        let unknown = #expect(throws: TextError.self) { try Tokenizer(wordPieceVocabulary: file.url) }
        #expect(unknown?.code == .invalidVocabulary)
        let writing = #expect(throws: TextError.self) { try TokenizerTests.make().write(to: missing) }
        #expect(writing?.code == .unwritableFile)
    }
}
