internal import CSemblanceText

extension Tokenizer {
    /// Learns a vocabulary of word pieces from texts, and tokenizes by it.
    ///
    /// Words are normalised and cut as BERT does, and spelt in letters; then the most frequent pair of neighbouring
    /// pieces becomes a new piece, again and again. Of equally frequent pairs the one made of older pieces goes first,
    /// so neither the order of the texts nor the machine matters.
    ///
    /// - Throws: ``TextError`` if a setting is impossible, or if no text holds a word.
    /// - Complexity: linear in the texts, then about O(`size` · log(different pairs) + occurrences of merged pairs in
    ///   different words). Memory is that of the different words.
    /// - Note: Source: Sennrich et al. 2016, arXiv:1508.07909; word pieces as in arXiv:1609.08144.
    public static func train(
        on texts: some Sequence<String>,
        configuration: VocabularyConfiguration = VocabularyConfiguration()
    ) throws -> Tokenizer {
        try configuration.check()
        let normalizer = BertNormalizer(
            stripAccents: configuration.stripAccents,
            lowercase: configuration.lowercase
        )
        let pieces = WordPieces(
            unknownToken: configuration.unknownToken,
            continuingPrefix: configuration.continuingPrefix
        )
        var definition = TokenizerDefinition(normalizer: Normalizer(normalizer), model: .wordPieces(pieces))
        definition.decoder = pieces.decoderSource
        let counts = WordCounts(options: normalizer.options, maximumWordLength: pieces.maximumWordLength)
        for text in texts { counts.add(text) }
        guard counts.count > 0 else {
            throw TextError(.invalidVocabulary, "the texts hold no word to learn a vocabulary from; give some text")
        }

        var list = TokenList()
        for token in configuration.specialTokens { list.append(token, id: Int32(list.count)) }
        counts.learn(configuration, into: &list)
        let vocabulary = try Vocabulary(list, of: "the vocabulary learned")
        definition.addSpecialTokens(configuration.specialTokens, from: vocabulary)
        return try Tokenizer(definition, vocabulary, of: "the vocabulary learned")
    }
}

extension VocabularyConfiguration {
    /// Every special token, and two pieces for each of at least one scalar.
    private var minimumSize: Int { specialTokens.count + 2 }

    fileprivate func check() throws(TextError) {
        func fail(_ message: String) -> TextError { TextError(.invalidConfiguration, message) }
        guard size >= minimumSize, size <= Int(Vocabulary.idLimit) else {
            throw fail("a vocabulary has \(minimumSize) to \(Vocabulary.idLimit) tokens, not \(size)")
        }
        guard minimumFrequency >= 0 else { throw fail("the minimum frequency is \(minimumFrequency); 0 is the least") }
        if let alphabetLimit, alphabetLimit < 1 {
            throw fail("the alphabet is limited to \(alphabetLimit) scalars; 1 is the least")
        }
        guard specialTokens.contains(where: { $0.utf8.elementsEqual(unknownToken.utf8) }) else {
            throw fail("the unknown token “\(unknownToken)” is not among the special tokens; add it")
        }
        for (index, token) in specialTokens.enumerated() {
            guard !token.isEmpty else { throw fail("special token \(index) is empty") }
            guard !specialTokens[..<index].contains(where: { $0.utf8.elementsEqual(token.utf8) }) else {
                throw fail("the special token “\(token)” is there twice")
            }
        }
    }

    fileprivate var alphabet: Int {
        min(alphabetLimit ?? max(size / 3, 256), (size - specialTokens.count) / 2)
    }
}

/// How often each word occurs; used by one thread.
@safe
private final class WordCounts {
    private let raw: OpaquePointer

    init(options: UInt32, maximumWordLength: Int) {
        unsafe raw = semblance_word_counts_create(options, maximumWordLength)
    }

    var count: Int { unsafe semblance_word_counts_size(raw) }

    func add(_ text: String) {
        var text = text
        text.withUTF8 { unsafe semblance_word_counts_add(raw, $0.baseAddress, $0.count) }
    }

    func learn(_ configuration: VocabularyConfiguration, into list: inout TokenList) {
        var prefix = configuration.continuingPrefix
        prefix.withUTF8 { prefix in
            let how = unsafe semblance_learning(
                size: configuration.size,
                alphabet: configuration.alphabet,
                minimum: UInt64(configuration.minimumFrequency),
                prefix: prefix.baseAddress,
                prefix_count: prefix.count
            )
            unsafe semblance_learn_vocabulary(raw, how, &list.raw)
        }
    }

    deinit { unsafe semblance_word_counts_destroy(raw) }
}
