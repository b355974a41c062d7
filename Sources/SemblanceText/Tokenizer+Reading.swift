internal import CSemblanceText
public import Foundation

extension Tokenizer {
    /// Reads a `tokenizer.json`, or a folder that holds one; or one with BERT's `vocab.txt`, or with RoBERTa's
    /// `vocab.json` and `merges.txt`.
    ///
    /// - Throws: ``TextError`` that names the file and what in it is broken or not supported.
    public convenience init(contentsOf file: URL) throws {
        var isFolder: ObjCBool = false
        let exists = unsafe FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
        guard exists, isFolder.boolValue else {
            try self.init(json: readFile(file), of: file.path)
            return
        }
        func named(_ name: String) -> URL? {
            let url = file.appendingPathComponent(name)
            return FileManager.default.fileExists(atPath: url.path) ? url : nil
        }
        let configuration = file.appendingPathComponent("tokenizer_config.json")
        if let json = named("tokenizer.json") {
            try self.init(json: readFile(json), of: json.path)
        } else if let lines = named("vocab.txt") {
            let normalizer = try normalizer(ofConfiguration: configuration)
            try self.init(lines: readFile(lines), normalizer: normalizer, of: lines.path)
        } else if let vocabulary = named("vocab.json"), let merges = named("merges.txt") {
            try self.init(
                vocabulary: readFile(vocabulary),
                merges: readFile(merges),
                addsPrefixSpace: readConfiguration(configuration)?.optional("add_prefix_space")?.bool() ?? false,
                of: "\(vocabulary.path) and merges.txt"
            )
        } else if let model = ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model"].compactMap(named).first {
            throw TextError(
                .unsupported,
                "\(model.path): models of sentencepiece aren't read; save a tokenizer.json beside it with "
                    + "transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
            )
        } else {
            throw TextError(
                .unreadableFile,
                "\(file.path): the folder holds no tokenizer.json, vocab.txt, or vocab.json with merges.txt"
            )
        }
    }

    /// Reads a `vocab.txt`: a token a line, its id the number of the line, from 0.
    ///
    /// The text is cleaned and ideographs are set off, as BERT does. `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]`
    /// are special tokens where the vocabulary has them, and `[CLS]` and `[SEP]` stand around each text.
    ///
    /// - Parameters:
    ///   - file: the vocabulary.
    ///   - lowercase: whether texts are lowered.
    ///   - stripAccents: whether accents are dropped; nil follows `lowercase`.
    /// - Throws: ``TextError`` that names the file and what is wrong with it.
    public convenience init(wordPieceVocabulary file: URL, lowercase: Bool = true, stripAccents: Bool? = nil) throws {
        let normalizer = BertNormalizer(stripAccents: stripAccents, lowercase: lowercase)
        try self.init(lines: readFile(file), normalizer: normalizer, of: file.path)
    }

    convenience init(lines: [UInt8], normalizer: BertNormalizer, of file: String) throws(TextError) {
        var list = TokenList()
        unsafe lines.withUnsafeBufferPointer {
            unsafe semblance_token_list_append_lines(&list.raw, $0.baseAddress, $0.count)
        }
        guard list.count <= Int(Vocabulary.idLimit) else {
            throw TextError(.invalidVocabulary, "\(file): \(list.count) tokens; at most \(Vocabulary.idLimit) are read")
        }
        let vocabulary = try Vocabulary(list, of: file)
        let pieces = WordPieces()
        var definition = TokenizerDefinition(normalizer: Normalizer(normalizer), model: .wordPieces(pieces))
        definition.decoder = pieces.decoderSource
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        definition.addSpecialTokens(special, from: vocabulary)
        try self.init(definition, vocabulary, of: file)
    }

    convenience init(json: [UInt8], of file: String) throws(TextError) {
        let root = try JSONDocument(json, of: file).root
        let (model, vocabulary) = try TokenizerModel.read(root.required("model"))
        let normalizer = try Normalizer(root.optional("normalizer"))
        let preTokenizer = try PreTokenizer(root.optional("pre_tokenizer"))
        if preTokenizer.asksForTextsBeginning, !normalizer.keepsTextsBeginning,
            let value = try root.optional("pre_tokenizer")
        {
            throw value.unsupported(
                "Metaspace with the prepend_scheme first, after a normalizer that may drop a text's beginning"
            )
        }
        var definition = TokenizerDefinition(normalizer: normalizer, preTokenizer: preTokenizer, model: model)
        definition.added = try addedTokens(root, vocabulary)
        if let processor = try root.optional("post_processor") { definition.template = try Template(processor) }
        for id in definition.template.before + definition.template.after
        where vocabulary.token(for: id) == nil && !definition.added.contains(where: { $0.id == id }) {
            throw TextError(.invalidVocabulary, "\(file): post_processor names id \(id), which no token has")
        }
        definition.truncation = try root.optional("truncation").map(Truncation.init)
        definition.padding = try root.optional("padding")?.source ?? "null"
        definition.decoder = try root.optional("decoder")?.source ?? "null"
        try self.init(definition, vocabulary, of: file)
    }
}

extension TokenizerDefinition {
    /// Special tokens, where the vocabulary has them, and of these `[CLS]` and `[SEP]` around each text.
    mutating func addSpecialTokens(_ tokens: [String], from vocabulary: Vocabulary) {
        for token in tokens {
            if let id = vocabulary.id(for: token) { added.append(AddedToken(id: id, content: token)) }
        }
        guard let first = added.first(where: { $0.content == "[CLS]" })?.id,
            let last = added.first(where: { $0.content == "[SEP]" })?.id
        else { return }
        template = Template(before: [first], after: [last], source: Template.bertSource(first, last))
    }
}

extension Truncation {
    init(_ value: JSONValue) throws(TextError) {
        maximumLength = try value.required("max_length").integer(in: 0...Int.max)
        let direction = try value.optional("direction")
        switch try direction?.string() ?? "Right" {
        case "Right": fromLeft = false
        case "Left": fromLeft = true
        case let other:
            throw TextError(
                .malformedFile,
                "\(value.document.file): \(value.path).direction is \(other), not Left or Right"
            )
        }
        source = value.source
    }
}

/// Added tokens in the order in which they win: special ones first.
///
/// An id must be the one `tokenizers` gives the token: the vocabulary's, or the next one past the vocabulary.
private func addedTokens(_ root: JSONValue, _ vocabulary: Vocabulary) throws(TextError) -> [AddedToken] {
    let file = root.document.file
    var tokens: [AddedToken] = []
    var next = Int32(vocabulary.count)
    for value in try root.optional("added_tokens")?.array() ?? [] {
        let token = AddedToken(
            id: try value.required("id").id(),
            content: try value.required("content").string(),
            singleWord: try value.required("single_word").bool(),
            stripsLeft: try value.required("lstrip").bool(),
            stripsRight: try value.required("rstrip").bool(),
            normalized: try value.required("normalized").bool(),
            special: try value.required("special").bool()
        )
        let known = vocabulary.id(for: token.content)
        guard token.id == known ?? next else {
            throw TextError(
                .invalidVocabulary,
                "\(file): \(value.path) “\(token.content)” has id \(token.id); the vocabulary makes it \(known ?? next)"
            )
        }
        if known == nil {
            guard vocabulary.token(for: next) == nil else {
                throw TextError(.invalidVocabulary, "\(file): id \(next) of \(value.path) belongs to a token already")
            }
            next += 1
        }
        tokens.append(token)
    }
    return tokens.filter(\.special) + tokens.filter { !$0.special }
}

/// How a folder's `tokenizer_config.json` wants texts normalised; BERT's way where it is silent or missing.
private func normalizer(ofConfiguration file: URL) throws -> BertNormalizer {
    var normalizer = BertNormalizer()
    guard let root = try readConfiguration(file) else { return normalizer }
    normalizer.lowercase = try root.optional("do_lower_case")?.bool() ?? true
    normalizer.stripAccents = try root.optional("strip_accents")?.bool()
    normalizer.handleChineseCharacters = try root.optional("tokenize_chinese_chars")?.bool() ?? true
    return normalizer
}

/// A folder's `tokenizer_config.json`, if there is one.
private func readConfiguration(_ file: URL) throws -> JSONValue? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    return try JSONDocument(readFile(file), of: file.path).root
}

/// The bytes of a plain file of reasonable size.
private func readFile(_ file: URL) throws(TextError) -> [UInt8] {
    let limit = 256 << 20
    guard FileManager.default.fileExists(atPath: file.path) else {
        throw TextError(.unreadableFile, "\(file.path): there is no such file")
    }
    do {
        let attributes = try FileManager.default.attributesOfItem(atPath: file.resolvingSymlinksInPath().path)
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        guard attributes[.type] as? FileAttributeType == .typeRegular, size <= limit else {
            throw TextError(.unreadableFile, "\(file.path): not a plain file of at most \(limit) bytes")
        }
        return [UInt8](try Data(contentsOf: file))
    } catch let error as TextError {
        throw error
    } catch {
        throw TextError(.unreadableFile, "\(file.path): \(error.localizedDescription)")
    }
}
