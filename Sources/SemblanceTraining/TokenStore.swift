internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceText

/// The tokens of the training texts that play one role, each text tokenized once.
struct TokenStore: Sendable {
    private let tokens: TokenBatch
    /// By text number: its place in `tokens`, or −1 where the text does not play this role.
    private let places: [Int32]
    /// Tokens at each text's beginning that are read but not pooled.
    let skippedTokens: Int
    /// Edits the texts of a step.
    private var editor: TextEditor?

    /// Tokenizes the texts numbered in `used`.
    init(_ texts: [String], used: [Int32], embedder: Embedder, role: Role, workers: Workers) {
        var places = [Int32](repeating: -1, count: texts.count)
        var chosen: [String] = []
        for text in used where places[Int(text)] < 0 {
            places[Int(text)] = Int32(chosen.count)
            chosen.append(texts[Int(text)])
        }
        self.places = places
        let tower = embedder.tower(for: role)
        let prompt = embedder.prompts[role] ?? ""
        skippedTokens = tower.skippedTokens(prompt: prompt)
        let chunk = 512
        var parts = [TokenBatch](repeating: TokenBatch(), count: (chosen.count + chunk - 1) / chunk)
        unsafe parts.withUnsafeMutableBufferPointer { parts in
            workers.forEach(parts.count) { index in
                let range = index * chunk..<min(chosen.count, (index + 1) * chunk)
                unsafe parts[index] = tower.tokenize(chosen[range], prompt: prompt)
            }
        }
        var tokens = TokenBatch()
        for part in parts { tokens.append(contentsOf: part) }
        self.tokens = tokens
    }

    /// The same texts, edited whenever they come into a batch.
    func edited(by editor: (_ tokens: TokenBatch) throws -> TextEditor) rethrows -> TokenStore {
        var result = self
        result.editor = try editor(tokens)
        return result
    }

    /// The tokens of a batch's texts, by number, as step `step` sees them.
    func tokens(of texts: [Int32], step: Int) -> TokenBatch {
        let tokens = tokens(of: texts[...])
        return editor?.edit(tokens, step: step) ?? tokens
    }

    /// The tokens of some of the texts, by number.
    func tokens(of texts: ArraySlice<Int32>) -> TokenBatch {
        tokens.selecting(texts.map { places[Int($0)] })
    }
}
