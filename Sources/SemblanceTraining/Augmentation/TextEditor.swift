// Edits on tokens: what an augmentation needs to know of a model and its texts, and the call of the kernel.

internal import CSemblanceKernels
package import SemblanceEncoders
package import SemblanceNumerics
internal import SemblanceRetrieval
package import SemblanceText

/// Edits the texts of one role.
package struct TextEditor: Sendable {
    private let edits: [semblance_text_edit]
    private let seed: UInt64
    private let role: Role
    private let leading: Int
    private let trailing: Int
    private let mask: Int32
    /// The distinct ids of the training texts.
    private let replacements: [Int32]
    private let neighbours: [Int32]
    private let neighboursEach: Int
    private let lengths: [Int32]

    /// - Parameters:
    ///   - tokens: the training texts, for the ids they have.
    ///   - embedder: the model training starts from.
    /// - Throws: ``TrainingError`` where a token is to be masked and the tokenizer has no mask.
    package init(
        _ augmentation: TextAugmentation,
        tokens: TokenBatch,
        embedder: Embedder,
        role: Role,
        seed: UInt64,
        workers: Workers
    ) throws {
        let tower = embedder.tower(for: role)
        let tokenizer = tower.tokenizer
        edits = augmentation.edits.map(\.kernelEdit)
        // Apart from what else is drawn with the seed.
        self.seed = seed ^ 0x7465_7874_6564_6974
        self.role = role
        trailing = tower.preparation.addsSpecialTokens ? tokenizer.trailingSpecialTokens : 0
        let prompt = embedder.prompts[role] ?? ""
        leading = max(0, tower.tokenize([prompt], prompt: "").tokenCount - trailing)

        let mask = tokenizer.id(for: "[MASK]") ?? tokenizer.id(for: "<mask>")
        if let edit = augmentation.edits.first(where: \.needsMask), mask == nil {
            throw TrainingError(
                code: .invalidConfiguration,
                message: "augmentation: \(edit.name) needs a mask token, and the tokenizer has neither [MASK] nor "
                    + "<mask>: take deletion or span-deletion"
            )
        }
        self.mask = mask ?? 0

        let used = Self.distinct(tokens, leading, trailing, tokenizer.vocabularySize)
        replacements = used.isEmpty ? [0] : used
        let most = augmentation.edits.reduce(0) { most, edit in
            if case .substitution(_, let neighbours) = edit { max(most, neighbours) } else { most }
        }
        (neighbours, neighboursEach) =
            most == 0 ? ([], 0) : Self.neighbours(of: used, most, tower, tokenizer.vocabularySize, workers)
        let measures = augmentation.edits.contains { if case .spanMasking = $0 { true } else { false } }
        lengths = measures ? Self.lengths(tokenizer) : []
    }

    /// The ids between the special tokens and prompts, each once, ascending.
    private static func distinct(_ tokens: TokenBatch, _ leading: Int, _ trailing: Int, _ limit: Int) -> [Int32] {
        var isUsed = [Bool](repeating: false, count: limit)
        for text in 0..<tokens.count {
            for id in tokens[text].dropFirst(leading).dropLast(trailing) { isUsed[Int(id)] = true }
        }
        return (0..<Int32(limit)).filter { isUsed[Int($0)] }
    }

    /// By id, those of `used` that are nearest to it in the table of token embeddings, by cosine.
    private static func neighbours(
        of used: [Int32],
        _ count: Int,
        _ tower: Tower,
        _ vocabularySize: Int,
        _ workers: Workers
    ) -> (ids: [Int32], each: Int) {
        guard let table = tower.encoder.parameters.first(where: { $0.layout == .table })?.value, used.count > 1 else {
            return (Array(0..<Int32(vocabularySize)), 1)
        }
        let rows = UnitRows(table.gatheringRows(used.map { Int($0) }), workers: workers).output
        let each = min(count, used.count - 1)
        let found = ExactSearch.nearest(to: rows, in: rows, count: each + 1, workers: workers)
        var result = (0..<Int32(vocabularySize)).flatMap { [Int32](repeating: $0, count: each) }
        for (row, id) in used.enumerated() {
            let others = found.rows[row * (each + 1)..<(row + 1) * (each + 1)].filter { $0 != row }.prefix(each)
            for (place, other) in others.enumerated() { result[Int(id) * each + place] = used[Int(other)] }
        }
        return (result, each)
    }

    /// By id, the scalars of its token without the mark that says whether it begins a word.
    private static func lengths(_ tokenizer: Tokenizer) -> [Int32] {
        (0..<Int32(tokenizer.vocabularySize)).map { id in
            var token = (tokenizer.token(for: id) ?? "").unicodeScalars[...]
            if token.starts(with: "##".unicodeScalars) { token = token.dropFirst(2) }
            if let first = token.first, first == "Ġ" || first == "▁" { token = token.dropFirst() }
            return Int32(token.count)
        }
    }

    /// The texts of a batch, edited for a step.
    ///
    /// - Complexity: O(tokens).
    package func edit(_ texts: TokenBatch, step: Int) -> TokenBatch {
        var offsets = [Int32](repeating: 0, count: texts.count + 1)
        var scratch = [Int32](repeating: 0, count: texts.tokenCount + 1)
        let ids = unsafe [Int32](unsafeUninitializedCapacity: texts.tokenCount + 1) { ids, initialized in
            guard let base = ids.baseAddress else { return }
            unsafe edits.withUnsafeBufferPointer { edits in
                unsafe replacements.withUnsafeBufferPointer { replacements in
                    unsafe neighbours.withUnsafeBufferPointer { neighbours in
                        unsafe lengths.withUnsafeBufferPointer { lengths in
                            guard let first = edits.baseAddress else { return }
                            var settings = unsafe semblance_text_edits(
                                edits: first,
                                edit_count: edits.count,
                                seed: seed,
                                stream: UInt64(step) << 1 | (role == .query ? 0 : 1),
                                leading: leading,
                                trailing: trailing,
                                mask: mask,
                                replacements: replacements.baseAddress,
                                replacement_count: replacements.count,
                                neighbours: neighbours.baseAddress,
                                neighbours_each: neighboursEach,
                                lengths: lengths.baseAddress
                            )
                            unsafe semblance_edit_texts(
                                &settings,
                                texts.ids,
                                texts.offsets,
                                texts.count,
                                base,
                                &offsets,
                                &scratch
                            )
                        }
                    }
                }
            }
            initialized = Int(offsets[texts.count])
        }
        return TokenBatch(ids: ids, offsets: offsets)
    }
}

extension TokenStore {
    /// The same texts, edited whenever they come into a batch where the configuration says so of their role.
    ///
    /// - Throws: ``TrainingError`` where a token is to be masked and the tokenizer has no mask.
    func edited(
        _ role: Role,
        as configuration: TrainingConfiguration,
        embedder: Embedder,
        workers: Workers
    ) throws -> TokenStore {
        guard let augmentation = configuration.augmentation, augmentation.roles.contains(role) else { return self }
        return try edited {
            try TextEditor(
                augmentation,
                tokens: $0,
                embedder: embedder,
                role: role,
                seed: configuration.seed,
                workers: workers
            )
        }
    }
}
