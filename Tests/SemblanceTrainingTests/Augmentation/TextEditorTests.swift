import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import SemblanceTraining
import Testing

@Suite struct TextEditorTests {
    let toy: ToyModel
    let embedder: Embedder
    /// 400 texts of 0 to 40 tokens of the ids 5 ..< 53.
    let texts: TokenBatch
    let mask: Int32 = 4

    init() throws {
        toy = try ToyModel()
        embedder = try toy.embedder()
        var random = RandomStream(seed: 3)
        texts = TokenBatch(
            (0..<400).map { _ in
                (0..<Int.random(in: 0...40, using: &random)).map { _ in Int32.random(in: 5..<53, using: &random) }
            }
        )
    }

    func editor(
        _ edits: [TextEdit],
        role: Role = .query,
        seed: UInt64 = 1,
        of embedder: Embedder? = nil,
        tokens: TokenBatch? = nil
    ) throws -> TextEditor {
        try TextEditor(
            TextAugmentation(edits),
            tokens: tokens ?? texts,
            embedder: embedder ?? self.embedder,
            role: role,
            seed: seed,
            workers: .shared(threads: 2)
        )
    }

    /// Every text before and after an edit, those without tokens left out.
    func edited(_ edit: TextEdit, step: Int = 0) throws -> [(before: [Int32], after: [Int32])] {
        let edited = try editor([edit]).edit(texts, step: step)
        #expect(edited.count == texts.count)
        for text in 0..<texts.count where texts[text].isEmpty { #expect(edited[text].isEmpty) }
        return (0..<texts.count).filter { !texts[$0].isEmpty }.map { (Array(texts[$0]), Array(edited[$0])) }
    }

    /// Whether `part` comes out of `whole` by leaving tokens out.
    func isSubsequence(_ part: [Int32], of whole: [Int32]) -> Bool {
        var rest = part[...]
        for id in whole where id == rest.first { rest = rest.dropFirst() }
        return rest.isEmpty
    }

    @Test func `a crop is a run of the text, as long as its shares say`() throws {
        var starts = Set<Int>()
        for (before, after) in try edited(.crop(least: 0.2, most: 0.6)) {
            let n = Double(before.count)
            #expect(after.count >= max(1, Int(0.2 * n)) && after.count <= max(1, Int(0.6 * n)))
            let start = (0...before.count - after.count).first { Array(before[$0..<$0 + after.count]) == after }
            starts.insert(try #require(start))
        }
        #expect(starts.count > 20)
        for (before, after) in try edited(.crop(least: 1, most: 1)) { #expect(after == before) }
    }

    @Test(arguments: [0, 0.1, 0.7, 1])
    func `deletion keeps the order, a token at least, and the share it should`(share: Double) throws {
        var (tokens, fallen) = (0, 0)
        for (before, after) in try edited(.deletion(share: share)) {
            #expect(!after.isEmpty && isSubsequence(after, of: before))
            if before.count >= 20 {
                tokens += before.count
                fallen += before.count - after.count
            }
            if share == 0 { #expect(after == before) }
            if share == 1 { #expect(after.count == 1) }
        }
        // Five deviations; a text that loses all keeps one.
        let deviation = (share * (1 - share) * Double(tokens)).squareRoot()
        if share < 1 { #expect(abs(Double(fallen) - share * Double(tokens)) <= 5 * deviation) }
    }

    @Test(arguments: [0, 0.15, 0.5, 1])
    func `masks hit the share they should and leave the rest`(share: Double) throws {
        var (tokens, masked) = (0, 0)
        for (before, after) in try edited(.masking(share: share)) {
            try #require(after.count == before.count)
            for (before, after) in zip(before, after) {
                #expect(after == before || after == mask)
                masked += after == mask ? 1 : 0
            }
            tokens += before.count
        }
        let deviation = (share * (1 - share) * Double(tokens)).squareRoot()
        #expect(abs(Double(masked) - share * Double(tokens)) <= 5 * deviation)
    }

    @Test func `replaced tokens are of the training texts, each as often`() throws {
        let used = TokenBatch([[7, 9, 11, 13]])
        let editor = try editor([.replacement(share: 0.5)], tokens: used)
        let text = TokenBatch([[Int32](repeating: 20, count: 8000)])
        let after = Array(editor.edit(text, step: 0)[0])
        #expect(Set(after) == [20, 7, 9, 11, 13])
        for id: Int32 in [7, 9, 11, 13] {
            // 1000 each, with a deviation of 30.
            #expect(abs(after.count { $0 == id } - 1000) < 150)
        }
    }

    @Test func `a masked span is one mask for the tokens that its characters touch`() throws {
        // Every token of the toy has four characters.
        for (before, after) in try edited(.spanMasking(characters: 5, least: 20)) {
            if before.count < 5 {
                #expect(after == before)
                continue
            }
            let place = try #require(after.firstIndex(of: mask))
            let gone = before.count - after.count + 1
            // Five characters touch two tokens of four, wherever they begin.
            #expect(gone == 2)
            #expect(Array(before[..<place] + [mask] + before[(place + gone)...]) == after)
        }
        for (before, after) in try edited(.spanMasking(characters: 5, least: 161)) { #expect(after == before) }
        let wide = try edited(.spanMasking(characters: 6, least: 20))
        #expect(Set(wide.filter { $0.before.count >= 5 }.map { $0.before.count - $0.after.count + 1 }) == [2, 3])
    }

    @Test func `deleted spans leave the order, and their share falls`() throws {
        for (before, after) in try edited(.spanDeletion(spans: 5, share: 0.05)) {
            let n = before.count
            let length = max(1, Int(0.05 * Double(n)))
            let spans = min(5, min(n, Int((0.25 * Double(n)).rounded())) / length)
            #expect(isSubsequence(after, of: before))
            #expect(before.count - after.count == spans * length)
        }
    }

    @Test func `reordering keeps all tokens and moves at most its share`() throws {
        var moved = 0
        for (before, after) in try edited(.reordering(pairs: 2, share: 0.1)) {
            #expect(after.sorted() == before.sorted())
            let changed = zip(before, after).count { $0 != $1 }
            #expect(changed <= max(2, Int((0.4 * Double(before.count)).rounded())))
            moved += changed > 0 ? 1 : 0
        }
        #expect(moved > 300)
    }

    @Test func `substitutes are nearest in the table training starts from`() throws {
        let table = try #require(embedder.queryTower.encoder.parameters.first?.value)
        let rows = DoubleMatrix(table).unitRows
        func nearest(_ id: Int32) -> Set<Int32> {
            let others = (5..<53 as Range<Int32>).filter { $0 != id }
            func cosine(_ other: Int32) -> Double { dot(rows[row: Int(other)], rows[row: Int(id)]) }
            return Set(others.sorted { cosine($0) > cosine($1) }.prefix(3))
        }
        let allowed = Dictionary(uniqueKeysWithValues: (5..<53 as Range<Int32>).map { ($0, nearest($0)) })
        var (tokens, changed, seen) = (0, 0, Set<Int32>())
        for (before, after) in try edited(.substitution(share: 0.3, neighbours: 3)) {
            try #require(after.count == before.count)
            for (before, after) in zip(before, after) where before != after {
                #expect(allowed[before]?.contains(after) == true)
                if before == 5 { seen.insert(after) }
                changed += 1
            }
            tokens += before.count
        }
        #expect(seen == allowed[5])
        #expect(abs(Double(changed) - 0.3 * Double(tokens)) <= 5 * (0.21 * Double(tokens)).squareRoot())
    }

    @Test func `special tokens and the prompt stay`() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().path
        let bert = try Embedder(contentsOf: fixture(of: "SemblanceEncodersTests", "transformers/bert", here: tests))
        let words = ["river stone", "cold water under the bridge", "a"]
        for role in Role.allCases {
            let tokens = bert.tower(for: role).tokenize(words[...], prompt: bert.prompts[role] ?? "")
            let edits: [TextEdit] = [.replacement(share: 1), .reordering(), .deletion(share: 0.5), .crop()]
            let after = try editor(edits, role: role, of: bert, tokens: tokens).edit(tokens, step: 4)
            for text in words.indices {
                #expect(after[text].first == tokens[text].first && after[text].last == tokens[text].last)
                #expect(after[text].count >= 3 && after[text].count <= tokens[text].count)
                #expect(tokens[text].count > 3 || after[text].count == 3)
            }
        }
    }

    @Test func `what a text becomes depends on seed, step, role and place, and on them alone`() throws {
        let edits: [TextEdit] = [.crop(), .deletion(), .replacement()]
        let whole = try editor(edits).edit(texts, step: 5)
        let part = try editor(edits).edit(texts.selecting(0..<100), step: 5)
        #expect(part == whole.selecting(0..<100))
        let other = texts.selecting([0] + Array(repeating: 7, count: 399))
        #expect(try editor(edits).edit(other, step: 5)[0] == whole[0])
        #expect(try editor(edits).edit(texts, step: 5) == whole)
        #expect(try editor(edits).edit(texts, step: 6) != whole)
        #expect(try editor(edits, seed: 2).edit(texts, step: 5) != whole)
        #expect(try editor(edits, role: .document).edit(texts, step: 5) != whole)
        // The same text at two places.
        let twins = try editor(edits).edit(TokenBatch([Array(5..<45), Array(5..<45)]), step: 0)
        #expect(twins[0] != twins[1])
    }

    @Test func `a mask that the tokenizer lacks is asked for with an error`() throws {
        var vocabulary = VocabularyConfiguration()
        vocabulary.specialTokens = ["[UNK]"]
        let start = InitialModel.scratch(StaticConfiguration(), vocabulary: vocabulary)
        let words = try start.makeEmbedder(for: [], corpus: ToyModel.words, seed: 1)
        let tokens = words.tower(for: .query).tokenize(["kalo mine"], prompt: "")
        let error = #expect(throws: TrainingError.self) { try editor([.masking()], of: words, tokens: tokens) }
        #expect(error?.message.contains("[MASK]") == true)
        #expect(try editor([.deletion(share: 1)], of: words, tokens: tokens).edit(tokens, step: 0).tokenCount == 1)
    }
}
