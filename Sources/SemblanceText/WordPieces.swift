internal import CSemblanceText

/// The longest token that begins a word, then the longest that goes on from there, and so on.
struct WordPieces {
    var unknownToken = "[UNK]"
    var continuingPrefix = "##"
    var maximumWordLength = 100
}

extension WordPieces {
    init(_ model: JSONValue) throws(TextError) {
        unknownToken = try model.required("unk_token").string()
        continuingPrefix = try model.required("continuing_subword_prefix").string()
        maximumWordLength = try model.required("max_input_chars_per_word").integer(in: 0...Int.max)
    }

    func unknownID(in vocabulary: Vocabulary, of file: String) throws(TextError) -> Int32 {
        guard let unknown = vocabulary.id(for: unknownToken) else {
            throw TextError(
                .invalidVocabulary,
                "\(file): the vocabulary lacks the unknown token “\(unknownToken)”; add it"
            )
        }
        return unknown
    }

    func make(_ vocabulary: Vocabulary, unknown: Int32) -> OpaquePointer {
        var prefix = continuingPrefix
        return prefix.withUTF8 {
            unsafe semblance_model_word_pieces(
                vocabulary.raw,
                unknown,
                maximumWordLength,
                $0.baseAddress,
                $0.count
            )
        }
    }

    func json(_ vocabulary: Vocabulary) -> String {
        var pieces = ""
        for id in 0..<vocabulary.limit {
            guard let token = vocabulary.token(for: id) else { continue }
            pieces += "\(pieces.isEmpty ? "" : ",")\n      \(quoted(token)): \(id)"
        }
        return """
            {
                "type": "WordPiece",
                "unk_token": \(quoted(unknownToken)),
                "continuing_subword_prefix": \(quoted(continuingPrefix)),
                "max_input_chars_per_word": \(maximumWordLength),
                "vocab": {\(pieces)
                }
              }
            """
    }

    /// The decoder that puts pieces together again.
    var decoderSource: String {
        "{ \"type\": \"WordPiece\", \"prefix\": \(quoted(continuingPrefix)), \"cleanup\": true }"
    }
}
