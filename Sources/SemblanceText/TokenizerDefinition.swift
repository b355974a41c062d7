internal import CSemblanceText

/// What a tokenizer does, apart from its vocabulary: what `tokenizer.json` says.
struct TokenizerDefinition {
    var normalizer: BertNormalizer? = BertNormalizer()
    var unknownToken = "[UNK]"
    var continuingPrefix = "##"
    var maximumWordLength = 100
    var added: [AddedToken] = []
    var template = Template()
    var truncation: Truncation?
    /// Parts that don't change ids, as the file has them; written back as they are.
    var padding = "null"
    var decoder = "null"
}

/// BERT's normaliser; see `CSemblanceText` for what each step does.
struct BertNormalizer {
    var cleanText = true
    var handleChineseCharacters = true
    /// nil follows `lowercase`.
    var stripAccents: Bool?
    var lowercase = true

    var options: UInt32 {
        var options = 0
        if cleanText { options |= SEMBLANCE_CLEAN }
        if handleChineseCharacters { options |= SEMBLANCE_IDEOGRAPHS }
        if stripAccents ?? lowercase { options |= SEMBLANCE_STRIP_ACCENTS }
        if lowercase { options |= SEMBLANCE_LOWERCASE }
        return UInt32(options)
    }
}

/// A token that is found in the text before it is cut into words.
struct AddedToken {
    var id: Int32
    var content: String
    var singleWord = false
    var stripsLeft = false
    var stripsRight = false
    var normalized = false
    var special = true

    var flags: UInt32 {
        var flags = 0
        if singleWord { flags |= SEMBLANCE_SINGLE_WORD }
        if stripsLeft { flags |= SEMBLANCE_STRIP_LEFT }
        if stripsRight { flags |= SEMBLANCE_STRIP_RIGHT }
        if normalized { flags |= SEMBLANCE_NORMALIZED }
        return UInt32(flags)
    }
}

/// The special tokens around one text.
struct Template {
    var before: [Int32] = []
    var after: [Int32] = []
    /// The post-processor as the file has it.
    var source = "null"
}

/// How long texts are cut.
struct Truncation {
    var maximumLength: Int
    var fromLeft: Bool
    /// As the file has it.
    var source: String
}
