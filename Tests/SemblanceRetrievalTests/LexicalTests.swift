import CSemblanceText
import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct LexicalTests {
    struct Golden: Decodable {
        struct Words: Decodable {
            let text: String
            let words: [String]
        }

        struct System: Decodable {
            let k1: Double
            let b: Double
            let language: LexicalConfiguration.Language
            let scores: [[Float]]

            var configuration: LexicalConfiguration {
                var configuration = LexicalConfiguration()
                configuration.k1 = k1
                configuration.b = b
                configuration.language = language
                return configuration
            }
        }

        let words: [Words]
        let corpus: [String]
        let queries: [String]
        let systems: [System]

        static func read() throws -> Golden {
            let file = Bundle.module.url(forResource: "lexical", withExtension: "json", subdirectory: "Fixtures")
            return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: #require(file)))
        }
    }

    private func words(of text: String) -> [String] {
        var text = text
        var found: [String] = []
        var reader = unsafe semblance_words()
        text.withUTF8 { bytes in
            unsafe semblance_words_begin(&reader, bytes.baseAddress, bytes.count)
            while unsafe semblance_words_next(&reader) {
                let word = unsafe UnsafeBufferPointer(start: reader.word, count: reader.count)
                unsafe found.append(String(decoding: word, as: UTF8.self))
            }
        }
        unsafe semblance_words_free(&reader)
        return found
    }

    private func stem(_ word: String) -> String {
        var bytes = Array(word.utf8), scratch = bytes
        let count = unsafe semblance_english_stem(&bytes, bytes.count, &scratch)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test func `words are those of Python's regular expressions`() throws {
        for (text, expected) in try Golden.read().words.map({ ($0.text, $0.words) }) {
            #expect(
                words(of: text).map { Array($0.utf8) } == expected.map { Array($0.utf8) },
                "\(text.debugDescription)"
            )
        }
        #expect(words(of: "Two OWLS") == ["two", "owls"])
    }

    @Test func `stems are those of Snowball's English stemmer`() throws {
        let committed = Bundle.module.url(forResource: "stems", withExtension: "tsv", subdirectory: "Fixtures")
        let all = ProcessInfo.processInfo.environment["SEMBLANCE_STEMS"].map { URL(fileURLWithPath: $0) }
        var mismatches: [String] = [], changed = 0, count = 0
        for line in try String(contentsOf: #require(all ?? committed), encoding: .utf8).split(separator: "\n") {
            let pair = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            count += 1
            changed += pair[0] == pair[1] ? 0 : 1
            if stem(pair[0]) != pair[1] { mismatches.append("\(line): \(stem(pair[0]))") }
        }
        #expect(mismatches.isEmpty, "\(mismatches.prefix(20))")
        #expect(count > 3000 && changed > count / 10)
    }

    @Test func `scores are those of bm25s`() throws {
        let golden = try Golden.read()
        for system in golden.systems {
            let index = try LexicalIndex(golden.corpus, configuration: system.configuration)
            let found = golden.queries.map { index.nearest(to: $0, count: 1000) }
            for (hits, scores) in zip(found, system.scores) {
                #expect(Set(hits.map(\.index)) == Set(scores.indices.filter { scores[$0] > 0 }))
                for hit in hits { #expect(abs(hit.score - scores[hit.index]) <= 2e-5, "\(hit)") }
            }
            #expect(index.nearest(to: golden.queries, count: 1000, workers: .shared(threads: 2)) == found)
        }
    }

    @Test func `the other weights give other scores`() throws {
        let golden = try Golden.read()
        let index = try LexicalIndex(golden.corpus)
        let hits = index.nearest(to: "owl forest", count: 1000)
        var configuration = LexicalConfiguration()
        configuration.b = 0.41
        let others = try LexicalIndex(golden.corpus, configuration: configuration).nearest(
            to: "owl forest",
            count: 1000
        )
        #expect(hits.count > 20 && Set(hits.map(\.index)) == Set(others.map(\.index)) && hits != others)
    }

    @Test(arguments: [1, 2, 7, 100, 4095, 4096, 4097, 20_000])
    func `fewer hits are the best of all, equal scores by index`(count: Int) throws {
        var random = RandomStream(seed: 4)
        let words = (0..<50).map { "w\($0)" }
        let texts = (0..<13_000).map { _ in
            (0..<Int.random(in: 0...6, using: &random)).map { _ in words[Int.random(in: 0..<50, using: &random)] }
                .joined(separator: " ")
        }
        let index = try LexicalIndex(texts, workers: .shared(threads: 2))
        let all = index.nearest(to: "w1 w2 w3 w3", count: texts.count)
        #expect(all == all.sorted { $0.score != $1.score ? $0.score > $1.score : $0.index < $1.index })
        #expect(all.count == texts.count { !Set($0.split(separator: " ")).isDisjoint(with: ["w1", "w2", "w3"]) })
        #expect(Set(all.map(\.score)).count < all.count)
        #expect(index.nearest(to: "w1 w2 w3 w3", count: count) == Array(all.prefix(count)))
        let one = try LexicalIndex(texts, workers: .shared(threads: 1))
        #expect(one.nearest(to: "w1 w2 w3 w3", count: texts.count) == all)
    }

    @Test func `empty texts, queries and indexes find nothing`() throws {
        for texts in [[], [""], ["the of and"]] {
            let index = try LexicalIndex(texts)
            #expect(index.count == texts.count)
            for query in ["", "the", "owl"] { #expect(index.nearest(to: query, count: 3).isEmpty) }
        }
        let index = try LexicalIndex(["owl", "mouse"])
        #expect(index.nearest(to: "owl", count: 0).isEmpty)
        #expect(index.nearest(to: [], count: 3, workers: .shared()).isEmpty)
        #expect(index.nearest(to: "Owls, owls!", count: 3).map(\.index) == [0])
    }

    @Test func `one word of ten megabytes and a text of a million words are read`() throws {
        let long = String(repeating: "ab", count: 5_000_000), many = String(repeating: "owl ", count: 1_000_000)
        let index = try LexicalIndex([long, many, "owl"])
        #expect(index.nearest(to: long, count: 3).map(\.index) == [0])
        #expect(Set(index.nearest(to: many, count: 3).map(\.index)) == [1, 2])
        #expect(index.nearest(to: String(repeating: "\u{301}", count: 100_000), count: 3).isEmpty)
    }

    @Test(arguments: [(Double.nan, 0.4), (-1, 0.4), (.infinity, 0.4), (0.9, .nan), (0.9, -0.1), (0.9, 1.1)])
    func `weights out of range are refused`(k1: Double, b: Double) {
        var configuration = LexicalConfiguration()
        configuration.k1 = k1
        configuration.b = b
        let error = #expect(throws: LexicalError.self) { try LexicalIndex(["owl"], configuration: configuration) }
        #expect(error?.code == .invalidConfiguration)
    }
}
