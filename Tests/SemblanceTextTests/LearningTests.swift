import Foundation
import SemblanceText
import Testing

@Suite struct LearningTests {
    /// The same rule in the plainest way: every pair counted anew before each merge.
    static func reference(_ words: [String: Int], size: Int, minimum: Int) -> [String] {
        var tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        var ids: [String: Int] = [:]
        func add(_ token: String) {
            if ids[token] == nil {
                ids[token] = tokens.count
                tokens.append(token)
            }
        }
        let letters = Set(words.keys.joined()).sorted()
        for letter in letters { add(String(letter)) }
        for letter in letters { add("##\(letter)") }
        var spelt = words.map { word, count in
            (count, word.enumerated().map { $0 == 0 ? String($1) : "##\($1)" })
        }
        while tokens.count < size {
            var pairs: [[String]: Int] = [:]
            for (count, pieces) in spelt {
                for pair in zip(pieces, pieces.dropFirst()) { pairs[[pair.0, pair.1], default: 0] += count }
            }
            func order(_ pair: [String]) -> (Int, Int) { (ids[pair[0]] ?? 0, ids[pair[1]] ?? 0) }
            let best = pairs.filter { $0.value >= max(minimum, 1) }.max {
                $0.value != $1.value ? $0.value < $1.value : order($0.key) > order($1.key)
            }
            guard let pair = best?.key else { break }
            let merged = pair[0] + pair[1].dropFirst(2)
            add(merged)
            for index in spelt.indices {
                var pieces: [String] = []
                for piece in spelt[index].1 {
                    if piece == pair[1], pieces.last == pair[0] {
                        pieces[pieces.count - 1] = merged
                    } else {
                        pieces.append(piece)
                    }
                }
                spelt[index].1 = pieces
            }
        }
        return tokens
    }

    static func tokens(_ tokenizer: Tokenizer) -> [String] {
        (0..<Int32(tokenizer.vocabularySize)).compactMap { tokenizer.token(for: $0) }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `pieces are those of merging the most frequent pair, again and again`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var words: [String: Int] = [:]
        for _ in 0..<40 {
            let letters = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                "aabbbcd".randomElement(using: &generator) ?? "a"
            }
            words[String(letters), default: 0] += Int.random(in: 1...4, using: &generator)
        }
        var configuration = VocabularyConfiguration()
        configuration.size = Int.random(in: 20...150, using: &generator)
        configuration.minimumFrequency = Int.random(in: 0...5, using: &generator)
        let texts = words.flatMap { Array(repeating: $0, count: $1) }.shuffled(using: &generator)
        let learned = try Tokenizer.train(on: texts, configuration: configuration)
        let expected = Self.reference(words, size: configuration.size, minimum: configuration.minimumFrequency)
        #expect(Self.tokens(learned) == expected)
        let other = Self.reference(words, size: configuration.size, minimum: 100)
        #expect(Self.tokens(learned) != other || expected == other)
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `the order of the texts doesn't matter, and they have no unknown words`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let texts = (0..<200).map { _ in generator.text().replacing("[", with: "") }
        let first = try Tokenizer.train(on: texts)
        let second = try Tokenizer.train(on: texts.shuffled(using: &generator))
        #expect(Self.tokens(first) == Self.tokens(second))
        #expect(Self.tokens(first) != Self.tokens(try Tokenizer.train(on: texts.prefix(20))))
        let ids = first.encode(texts, addingSpecialTokens: false, maximumLength: nil).ids
        #expect(!ids.contains(first.unknownTokenID ?? -1))
    }

    @Test func `size and alphabet are kept to`() throws {
        var generator = SeededGenerator(seed: 1)
        let texts = (0..<300).map { _ in generator.text() }
        for size in [7, 8, 20, 50, 60, 100, 1000] {
            var configuration = VocabularyConfiguration()
            configuration.size = size
            configuration.alphabetLimit = 3
            let tokens = Self.tokens(try Tokenizer.train(on: texts, configuration: configuration))
            #expect(tokens.count <= size)
            let letters = Set(
                tokens.dropFirst(5).flatMap { ($0.hasPrefix("##") ? $0.dropFirst(2) : $0[...]).unicodeScalars }
            )
            #expect(letters.count == min(3, (size - 5) / 2))
        }
    }

    @Test func `marks are letters where accents are kept`() throws {
        let texts = ["हिन्दी में लिखा हुआ", "हिन्दी में", "がぎ"]
        var configuration = VocabularyConfiguration()
        configuration.minimumFrequency = 2
        configuration.stripAccents = false
        let kept = try Tokenizer.train(on: texts, configuration: configuration)
        #expect(kept.id(for: "हिन्दी") != nil)
        #expect(kept.encode("हिन्दी", addingSpecialTokens: false) == [kept.id(for: "हिन्दी")])
        configuration.stripAccents = nil
        let stripped = try Tokenizer.train(on: texts, configuration: configuration)
        #expect(stripped.id(for: "हिन्दी") == nil)
        #expect(stripped.encode("が") == stripped.encode("か"))
        #expect(kept.encode("が") != kept.encode("か"))
    }

    @Test func `a learned tokenizer is written and read again`() throws {
        var generator = SeededGenerator(seed: 5)
        let texts = (0..<200).map { _ in generator.text() }
        var configuration = VocabularyConfiguration()
        configuration.continuingPrefix = "\"\u{1}"
        configuration.specialTokens = ["<unk>", "<\\s>", "[CLS]", "[SEP]"]
        configuration.unknownToken = "<unk>"
        let learned = try Tokenizer.train(on: texts, configuration: configuration)
        let file = TemporaryFile(Data())
        try learned.write(to: file.url)
        let read = try Tokenizer(contentsOf: file.url)
        #expect(Self.tokens(read) == Self.tokens(learned))
        for text in texts + ["<\\s>[CLS]<unk> qq"] { #expect(read.encode(text) == learned.encode(text)) }
        #expect(read.encode("<\\s>[CLS]<unk>") == [2, 1, 2, 0, 3])
    }

    static func configuration(_ change: (inout VocabularyConfiguration) -> Void) -> VocabularyConfiguration {
        var configuration = VocabularyConfiguration()
        change(&configuration)
        return configuration
    }

    @Test(arguments: [
        (configuration { $0.size = 6 }, "7 to 16777216 tokens, not 6"),
        (configuration { $0.size = .max }, "tokens, not"),
        (configuration { $0.minimumFrequency = -1 }, "-1"),
        (configuration { $0.alphabetLimit = 0 }, "0 scalars"),
        (configuration { $0.unknownToken = "?" }, "“?”"),
        (configuration { $0.specialTokens = ["[UNK]", ""] }, "special token 1 is empty"),
        (configuration { $0.specialTokens = ["[UNK]", "[UNK]"] }, "twice"),
    ])
    func `an impossible setting is named`(configuration: VocabularyConfiguration, part: String) {
        let error = #expect(throws: TextError.self) {
            try Tokenizer.train(on: ["some text"], configuration: configuration)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test func `texts without a word can't be learned from, and one word can`() throws {
        for texts in [[], ["", " \n", "\u{ad}"], [String(repeating: "a", count: 101)]] {
            let error = #expect(throws: TextError.self) { try Tokenizer.train(on: texts) }
            #expect(error?.code == .invalidVocabulary)
        }
        let tokenizer = try Tokenizer.train(on: ["a", String(repeating: "a", count: 10_000_000)])
        #expect(Self.tokens(tokenizer).suffix(2) == ["a", "##a"])
    }
}
