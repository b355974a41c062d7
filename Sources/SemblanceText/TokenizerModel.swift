internal import CSemblanceText

/// What turns a word into tokens of the vocabulary.
enum TokenizerModel {
    case wordPieces(WordPieces)
    case bytePairs(BytePairs)
    case unigram(Unigram)
}

extension TokenizerModel {
    /// The model of a `tokenizer.json`, and its vocabulary.
    static func read(_ value: JSONValue) throws(TextError) -> (TokenizerModel, Vocabulary) {
        switch try type(value) {
        case "WordPiece":
            let vocabulary = try value.vocabulary()
            return (.wordPieces(try WordPieces(value)), vocabulary)
        case "BPE":
            let vocabulary = try value.vocabulary()
            return (.bytePairs(try BytePairs(value, vocabulary)), vocabulary)
        case "Unigram":
            let (unigram, vocabulary) = try Unigram.read(value)
            return (.unigram(unigram), vocabulary)
        case let type: throw value.unsupported(type)
        }
    }

    /// Old files don't name it.
    private static func type(_ value: JSONValue) throws(TextError) -> String {
        if let type = try value.optional("type") { return try type.string() }
        if try value.optional("merges") != nil { return "BPE" }
        return try value.required("vocab").isArray ? "Unigram" : "WordPiece"
    }

    /// The id of the token that stands for what is unknown; nil if there is none.
    func unknownID(in vocabulary: Vocabulary, of file: String) throws(TextError) -> Int32? {
        switch self {
        case .wordPieces(let pieces): return try pieces.unknownID(in: vocabulary, of: file)
        case .bytePairs(let pairs): return pairs.unknown
        case .unigram(let unigram): return unigram.unknown
        }
    }

    /// The C side; whoever gets it owns it. It needs the vocabulary as long as it lives.
    func make(_ vocabulary: Vocabulary, unknown: Int32, takingBytes: Bool) -> OpaquePointer {
        switch self {
        case .wordPieces(let pieces): unsafe pieces.make(vocabulary, unknown: unknown)
        case .bytePairs(let pairs): unsafe pairs.make(vocabulary, takingBytes: takingBytes)
        case .unigram(let unigram): unsafe unigram.make(vocabulary)
        }
    }

    /// As `tokenizer.json` has it.
    func json(_ vocabulary: Vocabulary) -> String {
        switch self {
        case .wordPieces(let pieces): pieces.json(vocabulary)
        case .bytePairs(let pairs): pairs.source
        case .unigram(let unigram): unigram.source
        }
    }
}

extension JSONValue {
    /// The object `vocab` of a model.
    fileprivate func vocabulary() throws(TextError) -> Vocabulary {
        var list = TokenList()
        try required("vocab").appendVocabulary(to: &list)
        return try Vocabulary(list, of: document.file)
    }
}
