import Foundation
import SemblanceText
import Testing

/// Byte pairs, unigram models and every setting around them, beside Hugging Face's `tokenizers`; `Fixtures/families.py`
/// made the values.
@Suite struct FamilyTests {
    struct Values: Decodable {
        struct Case: Decodable {
            let name: String
            let parts: [String: Int]
            let first: Int
            let ids: [[Int32]]
        }
        let texts: [String]
        let step: Int
        let parts: [String]
        let cases: [Case]

        /// The `tokenizer.json` of a case, some of its parts replaced.
        func json(_ golden: Case, replacing changes: [String: String] = [:]) -> String {
            let parts = golden.parts.mapValues { self.parts[$0] }.merging(changes) { $1 }
            return "{\(parts.sorted { $0.key < $1.key }.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
        }

        func texts(of golden: Case) -> [String] {
            stride(from: golden.first, to: texts.count, by: step).map { texts[$0] }
        }

        func named(_ name: String) throws -> Case { try #require(cases.first { $0.name == name }) }
    }

    static let values = Result {
        let file = Bundle.module.url(forResource: "families", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode(Values.self, from: Data(contentsOf: try #require(file)))
    }

    @Test func `ids equal those of tokenizers with every model, normaliser and pre-tokenizer`() throws {
        let values = try Self.values.get()
        var seen = Set<String>()
        for golden in values.cases {
            let tokenizer = try makeTokenizer(values.json(golden))
            let texts = values.texts(of: golden)
            for (text, expected) in zip(texts, golden.ids) {
                #expect(tokenizer.encode(text) == expected, "\(golden.name): \(text.debugDescription)")
            }
            seen.insert("\(golden.first) \(golden.ids)")
            #expect(texts.map { tokenizer.encode($0 + "!x") } != golden.ids, "other texts must have other ids")
        }
        #expect(seen.count > values.cases.count * 3 / 4, "settings must show, or the comparison sees nothing")
    }

    @Test func `a written tokenizer gives the same ids, and is written the same again`() throws {
        let values = try Self.values.get()
        for golden in values.cases {
            let first = try makeTokenizer(values.json(golden))
            let file = TemporaryFile(Data())
            try first.write(to: file.url)
            let written = try Data(contentsOf: file.url)
            let second = try Tokenizer(contentsOf: file.url)
            #expect(values.texts(of: golden).map { second.encode($0) } == golden.ids, "\(golden.name)")
            try second.write(to: file.url)
            #expect(try Data(contentsOf: file.url) == written)
        }
    }

    @Test func `tokens and ids go both ways`() throws {
        let values = try Self.values.get()
        let tokenizer = try makeTokenizer(values.json(values.named("roberta")))
        #expect(tokenizer.unknownTokenID == nil)
        #expect(tokenizer.id(for: "<mask>") == Int32(tokenizer.vocabularySize) - 1)
        let unigram = try makeTokenizer(values.json(values.named("xlm")))
        #expect(unigram.unknownTokenID == 3)
        for id in 0..<Int32(unigram.vocabularySize) {
            #expect(unigram.id(for: try #require(unigram.token(for: id))) == id)
        }
    }

    @Test func `RoBERTa's folder without a tokenizer json is read as with it`() throws {
        let values = try Self.values.get()
        let golden = try values.named("roberta")
        let whole = try makeTokenizer(values.json(golden))
        let model = try #require(
            JSONSerialization.jsonObject(with: Data(values.parts[golden.parts["model"] ?? 0].utf8)) as? [String: Any]
        )
        var vocabulary = try #require(model["vocab"] as? [String: Int])
        vocabulary["<mask>"] = vocabulary.count
        let merges = try #require(model["merges"] as? [[String]]).map { $0.joined(separator: " ") }
        let file = TemporaryFile(
            Data(("#version: 0.2\n" + merges.joined(separator: "\n") + "\n").utf8),
            named: "merges.txt"
        )
        let folder = file.url.deletingLastPathComponent()
        try JSONSerialization.data(withJSONObject: vocabulary).write(to: folder.appending(path: "vocab.json"))
        let texts = values.texts + ["a <mask>."]
        let read = try Tokenizer(contentsOf: folder)
        for text in texts { #expect(read.encode(text) == whole.encode(text)) }
        #expect(texts.contains { read.encode(" " + $0) != whole.encode($0) })
        let configuration = folder.appending(path: "tokenizer_config.json")
        try Data(#"{"add_prefix_space": true}"#.utf8).write(to: configuration)
        #expect(try Tokenizer(contentsOf: folder).encode("a b") == whole.encode(" a b"))
        vocabulary["<s>"] = nil
        try JSONSerialization.data(withJSONObject: vocabulary).write(to: folder.appending(path: "vocab.json"))
        let error = #expect(throws: TextError.self) { try Tokenizer(contentsOf: folder) }
        #expect(error?.code == .invalidVocabulary)
        #expect(error?.message.contains("vocab.json") == true)
        try Data("a b c\n".utf8).write(to: file.url)
        #expect(throws: TextError.self) { try Tokenizer(contentsOf: folder) }
    }

    @Test(arguments: ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model"])
    func `a folder with sentencepiece's model alone says what to do`(name: String) {
        let file = TemporaryFile(Data([1, 2, 3]), named: name)
        let error = #expect(throws: TextError.self) { try Tokenizer(contentsOf: file.url.deletingLastPathComponent()) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(name) == true)
        #expect(error?.message.contains("save a tokenizer.json") == true)
    }

    // MARK: - Broken files

    @Test(
        arguments: [
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0}}"#, .malformedFile, "model.merges is missing"),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":["a b"]}"#, .malformedFile, #"is "a b","#),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":[["a","a"]]}"#, .malformedFile, "a third"),
            (
                "roberta", "model", #"{"type":"BPE","vocab":{"a":0,"aa":1},"merges":["a a a"]}"#, .malformedFile,
                "merges"
            ),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":["aa"]}"#, .malformedFile, "merges"),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}"#, .malformedFile, "merges"),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":[7]}"#, .malformedFile, "7"),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":{}}"#, .malformedFile, "merges is {}"),
            ("roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}"#, .unsupported, "0.1"),
            (
                "roberta", "model", #"{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"u"}"#, .invalidVocabulary,
                "u"
            ),
            (
                "roberta", "model", ###"{"type":"BPE","vocab":{},"merges":[],"continuing_subword_prefix":"##"}"###,
                .unsupported, "model.continuing_subword_prefix is ##"
            ),
            (
                "roberta", "model", #"{"type":"BPE","vocab":{},"merges":[],"end_of_word_suffix":"</w>"}"#,
                .unsupported, "model.end_of_word_suffix is </w>"
            ),
            ("roberta", "pre_tokenizer", #"{"type":"ByteLevel"}"#, .malformedFile, "add_prefix_space is missing"),
            (
                "roberta", "pre_tokenizer",
                #"{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},{"type":"Whitespace"}]}"#,
                .unsupported, "ByteLevel"
            ),
            ("xlm", "model", #"{"type":"Unigram","vocab":[],"unk_id":0}"#, .invalidVocabulary, "0 tokens"),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a",0]],"unk_id":null}"#, .unsupported, "unk_id"),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a",0]],"unk_id":1}"#, .malformedFile, "model.unk_id is 1"),
            (
                "xlm", "model", #"{"type":"Unigram","vocab":[["a",0]],"unk_id":-1}"#, .malformedFile,
                "model.unk_id is -1"
            ),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a",1e999]],"unk_id":0}"#, .malformedFile, "1e999"),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a",NaN]],"unk_id":0}"#, .malformedFile, "broken JSON"),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a"]],"unk_id":0}"#, .malformedFile, "score"),
            ("xlm", "model", #"{"type":"Unigram","vocab":{"a":0},"unk_id":0}"#, .malformedFile, "vocab"),
            ("xlm", "model", #"{"type":"Unigram","vocab":[["a",0],["a",1]],"unk_id":0}"#, .invalidVocabulary, "twice"),
            ("xlm", "normalizer", #"{"type":"Precompiled"}"#, .malformedFile, "precompiled_charsmap is missing"),
            ("xlm", "normalizer", #"{"type":"Precompiled","precompiled_charsmap":""}"#, .malformedFile, "charsmap"),
            ("xlm", "normalizer", #"{"type":"Precompiled","precompiled_charsmap":"AAA"}"#, .malformedFile, "charsmap"),
            ("xlm", "normalizer", #"{"type":"Precompiled","precompiled_charsmap":"!AAA"}"#, .malformedFile, "charsmap"),
            (
                "xlm", "normalizer", #"{"type":"Precompiled","precompiled_charsmap":"/////wAAAAA="}"#, .malformedFile,
                "charsmap"
            ),
            (
                "xlm", "normalizer", #"{"type":"Replace","pattern":{"Regex":"[ab]"},"content":""}"#, .unsupported,
                "normalizer.pattern.Regex is “[ab]”"
            ),
            ("xlm", "normalizer", #"{"type":"Replace","pattern":{"String":""},"content":""}"#, .unsupported, "empty"),
            ("xlm", "pre_tokenizer", #"{"type":"Metaspace","replacement":"ab"}"#, .malformedFile, "one Unicode scalar"),
            (
                "xlm", "pre_tokenizer",
                #"{"type":"Metaspace","replacement":"_","add_prefix_space":false,"prepend_scheme":"always"}"#,
                .malformedFile, "prepend_scheme"
            ),
            (
                "xlm", "pre_tokenizer", #"{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}"#,
                .unsupported, "first"
            ),
            (
                "xlm", "pre_tokenizer", #"{"type":"ByteLevel","add_prefix_space":false}"#, .unsupported,
                "pre_tokenizer is ByteLevel"
            ),
        ] as [(String, String, String, TextError.Code, String)]
    )
    func `what can't be read is named`(of: String, key: String, value: String, code: TextError.Code, part: String)
        throws
    {
        let values = try Self.values.get()
        let changes = ["added_tokens": "[]", "post_processor": "null", key: value]
        let json = values.json(try values.named(of), replacing: changes)
        let error = #expect(throws: TextError.self) { try makeTokenizer(json) }
        #expect(error?.code == code)
        #expect(error?.message.contains("tokenizer.json") == true)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test func `of two equal merges the last one counts, and merges that overlap end`() throws {
        let values = try Self.values.get()
        let merges = #"[["a","a"],["aa","aa"],["a","aa"],["aa","a"],["a","a"]]"#
        let model = #"{"type":"BPE","vocab":{"a":0,"aa":1,"aaa":2,"aaaa":3},"merges":\#(merges)}"#
        let changes = [
            "model": model, "pre_tokenizer": "null", "added_tokens": "[]", "post_processor": "null",
        ]
        let tokenizer = try makeTokenizer(values.json(values.named("roberta"), replacing: changes))
        #expect(tokenizer.encode("aaaaa") == [2, 1])
        #expect(tokenizer.encode("aaaab") == [2, 0])
    }

    @Test func `scores as great as can be are no trouble`() throws {
        let values = try Self.values.get()
        let vocabulary = #"[["u",-1.7e308],["a",1.7e308],["aa",-1.7e308],["b",0]]"#
        let changes = [
            "model": #"{"type":"Unigram","vocab":\#(vocabulary),"unk_id":0}"#, "pre_tokenizer": "null",
            "normalizer": "null", "added_tokens": "[]", "post_processor": "null",
        ]
        let tokenizer = try makeTokenizer(values.json(values.named("xlm"), replacing: changes))
        #expect(tokenizer.encode("aab") == [1, 1, 3])
        for text in ["xaxaxa", "uuuu", String(repeating: "axb", count: 100)] {
            #expect(tokenizer.encode(text).allSatisfy { (0..<4).contains($0) })
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a damaged file is an error or a tokenizer that works`(seed: UInt64) throws {
        let values = try Self.values.get()
        var generator = SeededGenerator(seed: seed)
        let names = ["roberta", "modern", "xlm", "letters", "U-bytes"]
        let whole = Array(values.json(try values.named(names[Int(seed) % names.count])).utf8)
        let file = TemporaryFile(Data())
        var (opened, refused) = (0, 0)
        for _ in 0..<50 {
            var bytes = whole
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            case 1:
                for _ in 0..<Int.random(in: 1...2, using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] ^=
                        1 << UInt8.random(in: 0..<7, using: &generator)
                }
            case 2:
                let start = Int.random(in: bytes.indices, using: &generator)
                bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...40, using: &generator)))
            default:
                let tokens = ["null", "1", "-1e308", "[]", "{}", "\"\"", "99999999999", "true", "A", "Z/+", "\"", "0"]
                let at = Int.random(in: bytes.indices, using: &generator)
                let token = tokens.randomElement(using: &generator) ?? ""
                bytes.replaceSubrange(at..<min(bytes.count, at + token.utf8.count), with: token.utf8)
            }
            try Data(bytes).write(to: file.url)
            do {
                let tokenizer = try Tokenizer(contentsOf: file.url)
                for text in [generator.text(), values.texts.randomElement(using: &generator) ?? ""] {
                    let ids = tokenizer.encode(text)
                    #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
                }
                try tokenizer.write(to: file.url)
                _ = try Tokenizer(contentsOf: file.url)
                opened += 1
            } catch is TextError {
                refused += 1
            }
        }
        #expect(opened + refused == 50 && refused > 0)
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `a damaged table of sentencepiece is an error or a normaliser that works`(seed: UInt64) throws {
        let values = try Self.values.get()
        var generator = SeededGenerator(seed: seed)
        let golden = try values.named("xlm")
        let source = values.parts[golden.parts["normalizer"] ?? 0]
        let begin = try #require(source.range(of: #""precompiled_charsmap":""#)).upperBound
        let base64 = source[begin...].prefix { $0 != "\"" }
        let table = try #require(Data(base64Encoded: String(base64)))
        for _ in 0..<40 {
            var damaged = table
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                damaged[Int.random(in: damaged.indices, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            let normalizer = source.replacing(base64, with: damaged.base64EncodedString())
            do {
                let tokenizer = try makeTokenizer(values.json(golden, replacing: ["normalizer": normalizer]))
                for text in values.texts {
                    #expect(tokenizer.encode(text).allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
                }
            } catch is TextError {}
        }
    }

    // MARK: - Long texts

    @Test(
        .timeLimit(.minutes(10)),
        arguments: ["roberta", "modern", "letters", "xlm", "U-unsplit", "U-bytes"],
        ["a", "é", "'", " ", "\u{301}\u{316}", "ab ", "\u{1100}", "\u{10ffff}"]
    )
    func `megabytes of anything are read in linear time`(name: String, unit: String) throws {
        let values = try Self.values.get()
        let tokenizer = try makeTokenizer(values.json(values.named(name)))
        let text = String(repeating: unit, count: 2_000_000 / unit.utf8.count)
        let ids = tokenizer.encode(text)
        #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
        let cut = tokenizer.encode(text, maximumLength: 10)
        #expect(cut.count == min(ids.count, 10))
        #expect(cut.prefix(9) == ids.prefix(cut.count).prefix(9))
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a text is cut to the greatest length, and the ids of a batch are those of each text`(seed: UInt64) throws {
        let values = try Self.values.get()
        var generator = SeededGenerator(seed: seed)
        let texts = (0..<10).map { _ in generator.text() } + values.texts.shuffled(using: &generator).prefix(10)
        for name in ["roberta", "modern", "xlm", "mpnet"] {
            let tokenizer = try makeTokenizer(values.json(values.named(name)))
            let length = Int.random(in: 2...12, using: &generator)
            let batch = tokenizer.encode(texts, addingSpecialTokens: true, maximumLength: length)
            for (index, text) in texts.enumerated() {
                let plain = tokenizer.encode(text, addingSpecialTokens: false)
                let whole = tokenizer.encode(text)
                #expect(whole.dropFirst().dropLast() == plain[...])
                let cut = whole.prefix(1) + plain.prefix(length - 2) + whole.suffix(1)
                #expect(Array(batch[index]) == Array(cut))
            }
        }
    }
}
