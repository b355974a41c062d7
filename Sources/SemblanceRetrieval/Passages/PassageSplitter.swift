internal import CSemblanceText
package import SemblanceText

/// Cuts texts into passages that an encoder can read as a whole.
///
/// A text is read as units: words, ideographs, and pieces of words longer than 24 characters (grapheme clusters). A
/// passage is a run of units of at most so many tokens; it ends at the best place in its last third (the end of a
/// paragraph, else of a sentence, a line, a word; within a long word only where there is nothing else), and begins at
/// the best place among the last `overlap` tokens of the one before. White space belongs to the passage before it.
/// Together passages cover the whole text.
///
/// Tokens are counted unit by unit, each with the white space before it; tokenizers that split at white space count so
/// what they count for the passage, others at most a little less. Special tokens aren't counted.
package struct PassageSplitter: Sendable {
    /// How texts are cut.
    package let configuration: PassageConfiguration
    private let tokenizer: Tokenizer?

    /// A splitter that counts with a tokenizer, or units where there is none.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidArgument`.
    package init(_ configuration: PassageConfiguration, tokenizer: Tokenizer?) throws(RetrievalError) {
        try configuration.validate()
        self.configuration = configuration
        self.tokenizer = tokenizer
    }

    /// The passages of a text, in order; at least one, be it empty.
    ///
    /// - Complexity: linear in the text.
    package func passages(of text: String) -> [Passage] {
        if fits(text) { return [Passage(range: 0..<text.utf8.count, text: text)] }
        var text = text
        let ranges = text.withUTF8 { unsafe self.ranges(in: $0) }
        return text.withUTF8 { bytes in
            ranges.map {
                unsafe Passage(
                    range: $0,
                    text: String(decoding: UnsafeBufferPointer(rebasing: bytes[$0]), as: UTF8.self)
                )
            }
        }
    }

    /// Whether the text is one passage; units are no shorter than a byte.
    private func fits(_ text: String) -> Bool {
        guard let tokenizer else { return text.utf8.count <= configuration.length }
        let tokens = tokenizer.encode(text, addingSpecialTokens: false, maximumLength: configuration.length + 1)
        return tokens.count <= configuration.length
    }

    private func ranges(in text: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var list = unsafe semblance_text_units()
        defer { unsafe semblance_text_units_free(&list) }
        unsafe semblance_text_units_read(&list, text.baseAddress, text.count)
        guard let units = unsafe list.units else { return [0..<text.count] }
        let count = unsafe list.count
        let tokens = unsafe self.tokens(of: UnsafeBufferPointer(start: units, count: count), in: text)
        var ranges: [Range<Int>] = []
        var run = semblance_unit_run(first: 0, end: 0)
        while run.end < count {
            run = unsafe semblance_next_run(
                units,
                tokens,
                count,
                UInt64(configuration.length),
                UInt64(configuration.overlap),
                run
            )
            let begin = unsafe run.first == 0 ? 0 : units[run.first].begin
            let end = unsafe run.end == count ? text.count : units[run.end].begin
            ranges.append(begin..<end)
        }
        return ranges
    }

    /// How many tokens there are before each unit, and in all.
    private func tokens(
        of units: UnsafeBufferPointer<semblance_text_unit>,
        in text: UnsafeBufferPointer<UInt8>
    ) -> [UInt64] {
        guard let tokenizer else { return (0...units.count).map(UInt64.init) }
        var sums: [UInt64] = [0]
        sums.reserveCapacity(units.count + 1)
        let unitsPerBatch = 4096
        for first in stride(from: 0, to: units.count, by: unitsPerBatch) {
            let texts = (first..<min(units.count, first + unitsPerBatch)).map { place in
                let begin = unsafe place == 0 ? 0 : units[place - 1].end
                let bytes = unsafe UnsafeBufferPointer(rebasing: text[begin..<units[place].end])
                return unsafe String(decoding: bytes, as: UTF8.self)
            }
            let batch = tokenizer.encode(texts, addingSpecialTokens: false, maximumLength: .max)
            let base = sums[sums.count - 1]
            for end in batch.offsets.dropFirst() { sums.append(base + UInt64(end)) }
        }
        return sums
    }
}
