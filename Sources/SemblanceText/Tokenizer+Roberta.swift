extension Tokenizer {
    /// RoBERTa's tokenizer over a `vocab.json` and a `merges.txt`: what its `tokenizer.json` would say.
    ///
    /// - Parameters:
    ///   - vocabulary: a JSON object of tokens and ids.
    ///   - merges: two tokens a line; lines that begin with `#version` are left out.
    ///   - addsPrefixSpace: whether a text is taken to begin with a blank.
    ///   - files: what messages call the files.
    convenience init(
        vocabulary: [UInt8],
        merges: [UInt8],
        addsPrefixSpace: Bool,
        of files: String
    ) throws(TextError) {
        var list = TokenList()
        try JSONDocument(vocabulary, of: files).root.appendVocabulary(to: &list)
        let known = try Vocabulary(list, of: files)
        func id(_ token: String) throws(TextError) -> Int32 {
            guard let id = known.id(for: token) else {
                throw TextError(.invalidVocabulary, "\(files): the vocabulary lacks “\(token)”; save a tokenizer.json")
            }
            return id
        }
        let (first, last) = (try id("<s>"), try id("</s>"))
        let added = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].compactMap { token in
            known.id(for: token).map { id in
                """
                { "id": \(id), "content": "\(token)", "single_word": false, "lstrip": \(token == "<mask>"), \
                "rstrip": false, "normalized": false, "special": true }
                """
            }
        }
        let lines = merges.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") })
            .map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.hasPrefix("#version") }
            .map(quoted)
        let json = """
            {
              "version": "1.0",
              "added_tokens": [\(added.joined(separator: ", "))],
              "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": \(addsPrefixSpace), "trim_offsets": true },
              "post_processor": {
                "type": "RobertaProcessing", "sep": ["</s>", \(last)], "cls": ["<s>", \(first)],
                "trim_offsets": true, "add_prefix_space": \(addsPrefixSpace)
              },
              "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
              "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": \(String(decoding: vocabulary, as: UTF8.self)),
                "merges": [\(lines.joined(separator: ", "))]
              }
            }
            """
        try self.init(json: Array(json.utf8), of: files)
    }
}
