internal import CSemblanceText

/// A word is spelt in letters, then neighbours are merged, the pair learned first before all others.
struct BytePairs {
    /// The id of the token for what is unknown; nil leaves it out.
    var unknown: Int32?
    var ignoresMerges: Bool
    var fusesUnknown: Bool
    var fallsBackToBytes: Bool
    fileprivate var merges: [semblance_merge]
    /// The model as the file has it.
    var source: String
}

extension BytePairs {
    init(_ model: JSONValue, _ vocabulary: Vocabulary) throws(TextError) {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard let value = try model.optional(key), try !value.string().isEmpty else { continue }
            throw value.unsupported(try value.string())
        }
        if let dropout = try model.optional("dropout"), try dropout.double() != 0 {
            throw dropout.unsupported(dropout.source)
        }
        ignoresMerges = try model.optional("ignore_merges")?.bool() ?? false
        fusesUnknown = try model.optional("fuse_unk")?.bool() ?? false
        fallsBackToBytes = try model.optional("byte_fallback")?.bool() ?? false
        if let token = try model.optional("unk_token") {
            let token = try token.string()
            unknown = vocabulary.id(for: token)
            // A vocabulary that spells every byte has no need of it.
            guard unknown != nil || vocabulary.spellsBytes else {
                throw TextError(
                    .invalidVocabulary,
                    "\(model.document.file): the vocabulary lacks the unknown token “\(token)”; add it"
                )
            }
        }
        merges = try model.required("merges").merges(vocabulary)
        source = model.source
    }

    func make(_ vocabulary: Vocabulary, takingBytes: Bool) -> OpaquePointer {
        let options = semblance_byte_pair_options(
            unknown: unknown ?? -1,
            bytes: takingBytes,
            ignore_merges: ignoresMerges,
            fuse_unknown: fusesUnknown,
            byte_fallback: fallsBackToBytes
        )
        return unsafe merges.withUnsafeBufferPointer {
            unsafe semblance_model_byte_pairs(vocabulary.raw, options, $0.baseAddress, $0.count)
        }
    }
}
