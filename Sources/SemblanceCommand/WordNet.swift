// WordNet's database files (wndb(5WN)): sets of words with one meaning, and what each set means.

package import Foundation
package import Semblance

/// A meaning, and the words that have it.
package struct Synset: Hashable, Sendable {
    /// The part of speech (n, v, a, r) and the set's number, such as `n00001740`.
    package let id: String
    /// The words, blanks in place of underscores.
    package let words: [String]
    /// The meaning: the gloss up to its first example.
    package let gloss: String
    /// Sentences that use a word.
    package let examples: [String]
    /// What is shared with siblings: the id of the first hypernym; for adjectives, of the head that they are similar to.
    package let group: String?

    /// The words joined by commas.
    package var text: String { words.joined(separator: ", ") }

    /// Meaning → words, and where there are several words: meaning → each of them, and each of them → all.
    package var trainingPairs: [TrainingPair] {
        let pairs = [TrainingPair(anchor: gloss, positive: text, group: group)]
        if words.count == 1 { return pairs }
        return pairs
            + words.flatMap {
                [
                    TrainingPair(anchor: gloss, positive: $0, group: group),
                    TrainingPair(anchor: $0, positive: text, group: group),
                ]
            }
    }
}

/// All sets of words of a WordNet folder.
package struct WordNet: Sendable {
    /// The sets: nouns, verbs, adjectives, adverbs, each in their file's order.
    package let synsets: [Synset]

    /// Reads `data.noun`, `data.verb`, `data.adj` and `data.adv` of a folder.
    ///
    /// - Throws: `DataFileError`, which names file and line.
    package init(contentsOf folder: URL = URL(fileURLWithPath: "/usr/share/wordnet")) throws {
        synsets = try [("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")].flatMap { name, letter in
            let reader = try LineReader(folder.appending(path: "data.\(name)"))
            var synsets: [Synset] = []
            while let line = try reader.next() {
                if line.isEmpty || line.starts(with: Array("  ".utf8)) { continue }  // the licence
                guard var parser = SynsetLine(line), let synset = parser.synset(letter: letter) else {
                    throw DataFileError(
                        .malformedLine,
                        file: reader.file,
                        line: reader.number,
                        "this is no set of words in WordNet's format; install the files of WordNet 3 again"
                    )
                }
                synsets.append(synset)
            }
            return synsets
        }
    }

    /// All sets as documents: their words.
    package var documents: [RetrievalDataset.Document] { synsets.map { .init(id: $0.id, text: $0.text) } }

    /// The task meaning → words, with some sets held out.
    ///
    /// Held out are the `count` sets whose ids have the least hash: the output function of SplitMix64 over the id's
    /// letter and number (letter · 2³² + number). Their meanings are the queries, the words of all sets the documents.
    /// Training pairs are those of every other set; sets whose meaning is word for word that of a set held out are
    /// dropped.
    ///
    /// - Throws: `EvaluationError` where nothing is left to ask.
    package func split(
        holdingOut count: Int = 2000
    ) throws -> (training: [TrainingPair], heldOut: RetrievalDataset) {
        let hashes = synsets.map { Self.hash($0.id) }
        let least = hashes.sorted().prefix(count).last ?? 0
        let heldOut = synsets.indices.filter { hashes[$0] <= least }.map { synsets[$0] }
        let meanings = Set(heldOut.map(\.gloss))
        let training = synsets.filter { !meanings.contains($0.gloss) }.flatMap(\.trainingPairs)
            .filter { !meanings.contains($0.anchor) }
        let dataset = try RetrievalDataset(
            documents: documents,
            queries: heldOut.map { .init(id: "meaning of " + $0.id, text: $0.gloss) },
            judgements: Dictionary(uniqueKeysWithValues: heldOut.map { ("meaning of " + $0.id, [$0.id: 1]) })
        )
        return (training, dataset)
    }

    private static func hash(_ id: String) -> UInt64 {
        var z = UInt64(id.utf8.first ?? 0) << 32 + (UInt64(id.dropFirst()) ?? 0)
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// One line of a data file, read from left to right:
/// `offset file type word-count word id … pointer-count pointer offset part-of-speech source-target … | gloss`.
private struct SynsetLine {
    private let fields: Data
    private let gloss: Data
    private var at = 0

    init?(_ line: Data) {
        guard let bar = line.firstOffset(of: UInt8(ascii: "|")) else { return nil }
        fields = line.prefix(bar)
        gloss = line.dropFirst(bar + 1)
    }

    mutating func synset(letter: String) -> Synset? {
        guard let offset = field(), offset.utf8.count == 8, UInt64(offset) != nil, skip(), let type = field(),
            let wordCount = field().flatMap({ Int($0, radix: 16) }), wordCount > 0
        else { return nil }
        var words: [String] = []
        for _ in 0..<wordCount {
            guard let word = field(), skip() else { return nil }
            words.append(Self.plain(word))
        }
        guard field().flatMap({ Int($0) }) != nil else { return nil }
        let group: String?
        switch type {
        case "a": group = pointer("&") == nil ? nil : letter + offset
        case "s": group = pointer("&").map { letter + $0 }
        default: group = pointer("@").map { letter + $0 }
        }
        let (meaning, examples) = parts()
        return Synset(id: letter + offset, words: words, gloss: meaning, examples: examples, group: group)
    }

    /// The text up to the next blank.
    private mutating func field() -> String? {
        guard let end = fields.firstOffset(of: UInt8(ascii: " "), after: at) else { return nil }
        defer { at = end + 1 }
        return Self.text(fields, at..<end)
    }

    /// Passes by the text up to the next blank; false if there is no blank.
    private mutating func skip() -> Bool {
        guard let end = fields.firstOffset(of: UInt8(ascii: " "), after: at) else { return false }
        at = end + 1
        return true
    }

    /// The first pointer whose symbol begins with a character: the number of the set it leads to.
    private func pointer(_ symbol: Unicode.Scalar) -> String? {
        var from = at
        while let found = fields.firstOffset(of: UInt8(ascii: symbol), after: from) {
            from = found + 1
            // `@` a kind of, `@i` an instance of; no other symbol has the character.
            guard let blank = fields.firstOffset(of: UInt8(ascii: " "), after: from), blank + 9 <= fields.count else {
                return nil
            }
            return Self.text(fields, blank + 1..<blank + 9)
        }
        return nil
    }

    /// The meaning, and the quoted sentences after it.
    private func parts() -> (meaning: String, examples: [String]) {
        let quote = UInt8(ascii: "\"")
        var meaningEnd = gloss.count
        var examples: [String] = []
        var from = 0
        while let open = gloss.firstOffset(of: quote, after: from) {
            from = open + 1
            let before = gloss.dropFirst(max(0, open - 2)).prefix(open - max(0, open - 2))
            guard before.elementsEqual(Array("; ".utf8)) else { continue }
            if examples.isEmpty { meaningEnd = open - 2 }
            let close = gloss.firstOffset(of: quote, after: from) ?? gloss.count
            examples.append(Self.text(gloss, open + 1..<close))
            from = close + 1
        }
        var meaning = Self.text(gloss, 0..<meaningEnd).trimmingCharacters(in: .whitespaces)
        while meaning.hasSuffix(";") { meaning.removeLast() }
        return (meaning, examples)
    }

    /// A word with blanks for underscores and without the marker of an adjective's place, such as `(p)`.
    private static func plain(_ word: String) -> String {
        var word = word
        if word.utf8.last == UInt8(ascii: ")"), let marker = word.lastIndex(of: "(") { word = String(word[..<marker]) }
        return word.utf8.contains(UInt8(ascii: "_"))
            ? word.split(separator: "_", omittingEmptySubsequences: false).joined(separator: " ") : word
    }

    /// Some bytes as text: Latin-1, as WordNet says, or UTF-8 where they are that.
    private static func text(_ bytes: Data, _ range: Range<Int>) -> String {
        let slice = bytes[bytes.startIndex + range.lowerBound..<bytes.startIndex + range.upperBound]
        return String(validating: slice, as: UTF8.self) ?? String(data: slice, encoding: .isoLatin1) ?? ""
    }
}
