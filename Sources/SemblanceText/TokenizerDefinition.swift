internal import CSemblanceText

/// What a tokenizer does, apart from its vocabulary: what `tokenizer.json` says.
struct TokenizerDefinition {
    var normalizer: Normalizer
    var preTokenizer = PreTokenizer.bert
    var model: TokenizerModel
    var added: [AddedToken] = []
    var template = Template()
    var truncation: Truncation?
    /// Parts that don't change ids, as the file has them; written back as they are.
    var padding = "null"
    var decoder = "null"
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

/// How long texts are cut.
struct Truncation {
    var maximumLength: Int
    var fromLeft: Bool
    /// As the file has it.
    var source: String
}
