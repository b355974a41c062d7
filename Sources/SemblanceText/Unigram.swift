internal import CSemblanceText

/// Of all ways to cut a word into tokens, the one with the greatest sum of scores.
struct Unigram {
    var unknown: Int32
    var fallsBackToBytes: Bool
    /// A score for each id.
    var scores: [Double]
    /// The model as the file has it.
    var source: String
}

extension Unigram {
    static func read(_ model: JSONValue) throws(TextError) -> (Unigram, Vocabulary) {
        let file = model.document.file
        let tokens = try model.required("vocab")
        var list = TokenList()
        let scores = try tokens.appendScores(to: &list)
        guard list.count > 0, list.count <= Int(Vocabulary.idLimit) else {
            throw TextError(
                .invalidVocabulary,
                "\(file): \(tokens.path) has \(list.count) tokens, not 1 to \(Vocabulary.idLimit)"
            )
        }
        let vocabulary = try Vocabulary(list, of: file)
        guard vocabulary.count == list.count else {
            throw TextError(.invalidVocabulary, "\(file): \(tokens.path) has a token twice")
        }
        guard let unknown = try model.optional("unk_id") else {
            throw TextError(
                .unsupported,
                "\(file): model.unk_id is missing; say which token stands for what is unknown"
            )
        }
        let unigram = Unigram(
            unknown: Int32(try unknown.integer(in: 0...list.count - 1)),
            fallsBackToBytes: try model.optional("byte_fallback")?.bool() ?? false,
            scores: scores,
            source: model.source
        )
        return (unigram, vocabulary)
    }

    func make(_ vocabulary: Vocabulary) -> OpaquePointer {
        unsafe scores.withUnsafeBufferPointer {
            unsafe semblance_model_unigram(vocabulary.raw, $0.baseAddress, unknown, fallsBackToBytes)
        }
    }
}
