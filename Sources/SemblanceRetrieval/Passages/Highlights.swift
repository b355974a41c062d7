internal import CSemblanceText

/// The words of a text that a query has too, as ``LexicalIndex`` reads words: in lower case and, in English, by their
/// stems and without the words too common to be looked for.
public struct Highlights: Hashable, Sendable {
    /// The text.
    public let text: String
    /// Where the words are: offsets into the text's UTF-8, ascending, apart.
    public let ranges: [Range<Int>]
    /// Which of the query's terms each is, and where it is in scalars.
    private let words: [Word]
    private let termCount: Int
    private let scalarCount: Int

    private struct Word: Hashable {
        let scalar: Int
        let scalars: Int
        let term: UInt32
    }

    /// The words of a query in a text.
    ///
    /// - Complexity: linear in both.
    public init(of query: String, in text: String, language: LexicalConfiguration.Language) {
        var found = unsafe semblance_word_places()
        defer { unsafe semblance_word_places_free(&found) }
        var query = query
        var bytes = text
        query.withUTF8 { query in
            bytes.withUTF8 { text in
                unsafe semblance_word_places_find(
                    &found,
                    query.baseAddress,
                    query.count,
                    text.baseAddress,
                    text.count,
                    language == .english
                )
            }
        }
        self.text = text
        let places = unsafe UnsafeBufferPointer(start: found.places, count: found.count)
        ranges = unsafe places.map { Int($0.begin)..<Int($0.end) }
        words = unsafe places.map { Word(scalar: $0.scalar, scalars: $0.scalars, term: $0.term) }
        termCount = unsafe found.terms
        scalarCount = unsafe found.scalars
    }

    /// A part of a text for people to read.
    public struct Snippet: Hashable, Sendable {
        /// What to show.
        public let text: String
        /// Where it is in the whole text: offsets into its UTF-8.
        public let range: Range<Int>
        /// Where the words are in ``text``: offsets into its UTF-8.
        public let highlights: [Range<Int>]
    }

    /// The part of the text with the most different words of the query; of equals the one with the most words, then the
    /// first one.
    ///
    /// - Parameter length: how long it is at most, in Unicode scalars; one word that is longer stays whole. It is cut at
    ///   white space where there is some, and has none at its ends.
    /// - Complexity: linear in the text.
    public func snippet(length: Int) -> Snippet {
        var places = zip(ranges, words).map { range, word in
            semblance_word_place(
                begin: range.lowerBound,
                end: range.upperBound,
                scalar: word.scalar,
                scalars: word.scalars,
                term: word.term
            )
        }
        var text = text
        let range = text.withUTF8 { text in
            let best = unsafe places.withUnsafeMutableBufferPointer { places in
                var found = unsafe semblance_word_places(
                    places: places.baseAddress,
                    count: places.count,
                    capacity: 0,
                    terms: termCount,
                    scalars: scalarCount
                )
                return unsafe semblance_best_snippet(&found, text.baseAddress, text.count, max(length, 0))
            }
            return best.begin..<best.end
        }
        let shown = text.withUTF8 { text in
            unsafe String(decoding: UnsafeBufferPointer(rebasing: text[range]), as: UTF8.self)
        }
        let inside = ranges.filter { $0.lowerBound >= range.lowerBound && $0.upperBound <= range.upperBound }
        return Snippet(
            text: shown,
            range: range,
            highlights: inside.map { $0.lowerBound - range.lowerBound..<$0.upperBound - range.lowerBound }
        )
    }
}
