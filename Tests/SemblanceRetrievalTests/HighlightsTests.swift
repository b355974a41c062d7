import CSemblanceText
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct HighlightsTests {
    private func words(_ query: String, _ text: String, _ language: LexicalConfiguration.Language = .english)
        -> [String]
    {
        let found = Highlights(of: query, in: text, language: language)
        return found.ranges.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
    }

    @Test func `words match by their stems and in any case, stop words don't`() {
        #expect(
            words("running the Searches", "They RUN; he runs, the runner searched. Search-engines are running_") == [
                "RUN", "runs", "searched", "Search",
            ]
        )
        #expect(
            words("running the Searches", "They RUN; running, the searches", .none) == ["running", "the", "searches"]
        )
        #expect(words("the of", "the end of the line") == [])
        #expect(words("ΌΔΟΣ", "Η οδός, ὁδὸς ΌΔΟΣ όδος", .none) == ["ΌΔΟΣ", "όδος"])
        #expect(words("naïve", "Naïve NAÏVE naive", .none) == ["Naïve", "NAÏVE"])
        #expect(words("", "some text") == [])
        #expect(words("some", "") == [])
        #expect(words("a b", "a b ab", .none) == [])
    }

    /// The words as the lexical index reads them.
    private func lexicalWords(_ text: String) -> [String] {
        var text = text
        var found: [String] = []
        var reader = unsafe semblance_words()
        text.withUTF8 { bytes in
            unsafe semblance_words_begin(&reader, bytes.baseAddress, bytes.count)
            while unsafe semblance_words_next(&reader) {
                unsafe found.append(
                    String(decoding: UnsafeBufferPointer(start: reader.word, count: reader.count), as: UTF8.self)
                )
            }
        }
        unsafe semblance_words_free(&reader)
        return found
    }

    private func randomText(_ random: inout RandomStream) -> String {
        let pieces = [
            "word", "Word", "WORDS", "a", "_", "é", "e\u{301}", "Σ", "ΟΔΟΣ", "ΣΑΣ", " ", " ", " ", "-", ".", "\n", "日本",
            "İ",
            "ﬁ", "👨‍👩‍👧", "\0", "12", "ß", "\u{301}", "ไทย", "\u{1E900}", "the", "Running", "x", "\u{10FFFF}",
        ]
        return (0..<Int.random(in: 0..<60, using: &random))
            .map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a text's own words are those that the lexical index reads`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let text = randomText(&random)
        let found = Highlights(of: text, in: text, language: .none)
        let bytes = Array(text.utf8)
        let parts = found.ranges.map { String(decoding: bytes[$0], as: UTF8.self) }
        #expect(parts.flatMap(lexicalWords) == lexicalWords(text), "\(text)")
        #expect(parts.allSatisfy { lexicalWords($0).count == 1 })
        for (left, right) in zip(found.ranges, found.ranges.dropFirst()) { #expect(left.upperBound < right.lowerBound) }
        // Any other query: those of its words.
        let query = randomText(&random)
        let wanted = Set(lexicalWords(query))
        let some = Highlights(of: query, in: text, language: .none)
        #expect(
            some.ranges.map { lexicalWords(String(decoding: bytes[$0], as: UTF8.self))[0] }
                == lexicalWords(text).filter(wanted.contains)
        )
    }

    @Test func `a snippet is where the most words are`() {
        let text =
            "An index of vectors. " + String(repeating: "Filler words stand here. ", count: 20)
            + "Search the index: vectors that match are found. "
            + String(repeating: "More filler follows here. ", count: 20)
        let highlights = Highlights(of: "search index vector", in: text, language: .english)
        let snippet = highlights.snippet(length: 60)
        #expect(snippet.text.contains("Search the index: vectors"))
        #expect(snippet.text.unicodeScalars.count <= 60)
        let bytes = Array(snippet.text.utf8)
        #expect(
            snippet.highlights.map { String(decoding: bytes[$0], as: UTF8.self) } == ["Search", "index", "vectors"]
        )
        #expect(Array(text.utf8)[snippet.range].elementsEqual(bytes))
        #expect(
            Highlights(of: "index vector", in: text, language: .english).snippet(length: 30).text
                == "An index of vectors. Filler"
        )
        #expect(
            Highlights(of: "nothing", in: text, language: .english).snippet(length: 22).text == "An index of vectors."
        )
        #expect(highlights.snippet(length: 3).text == "index")
        #expect(highlights.snippet(length: 1_000_000).text + " " == text)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a snippet is a part of the text, short enough, with the words that are in it`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let text = randomText(&random), bytes = Array(text.utf8)
        let query = randomText(&random)
        let found = Highlights(of: query, in: text, language: seed % 2 == 0 ? .none : .english)
        for length in [0, 1, 5, 20, 100, 1000] {
            let snippet = found.snippet(length: length)
            #expect(Array(snippet.text.utf8) == Array(bytes[snippet.range]))
            let longest =
                found.ranges.map { String(decoding: bytes[$0], as: UTF8.self).unicodeScalars.count }.max() ?? 0
            #expect(snippet.text.unicodeScalars.count <= max(length, longest))
            let inside = found.ranges.filter {
                snippet.range.lowerBound <= $0.lowerBound && $0.upperBound <= snippet.range.upperBound
            }
            #expect(snippet.highlights.map { $0.lowerBound + snippet.range.lowerBound } == inside.map(\.lowerBound))
            #expect(snippet.highlights.map(\.count) == inside.map(\.count))
            #expect(found.ranges.isEmpty || !snippet.highlights.isEmpty)
        }
    }

    @Test func `a megabyte takes linear time`() {
        for text in [
            String(repeating: "search ", count: 150_000), String(repeating: "x", count: 1_000_000),
            String(repeating: "日本", count: 170_000), String(repeating: " ", count: 1_000_000),
        ] {
            let found = Highlights(of: "search " + text, in: text, language: .english)
            #expect(found.snippet(length: 200).text.unicodeScalars.count <= max(200, found.ranges.first?.count ?? 0))
        }
    }
}
