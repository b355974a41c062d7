internal import SemblanceNumerics
package import SemblanceText

/// One side of a dual encoder: how its texts become tokens, and tokens vectors.
package struct Tower: Sendable {
    package let tokenizer: Tokenizer
    package var encoder: any TextEncoder
    package let preparation: TextPreparation

    package init(tokenizer: Tokenizer, encoder: any TextEncoder, preparation: TextPreparation) {
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.preparation = preparation
    }

    /// The tokens of some texts, on the calling thread.
    package func tokenize(_ texts: ArraySlice<String>, prompt: String) -> TokenBatch {
        preparation.tokenize(texts, prompt: prompt, with: tokenizer)
    }
}

/// What happens to a text around the tokenizer.
package struct TextPreparation: Hashable, Sendable {
    /// Whether [CLS] and [SEP], or what the tokenizer has for them, are added.
    package var addsSpecialTokens = false
    /// Whether unknown tokens are left out (model2vec).
    package var dropsUnknown = false
    /// The most Unicode scalars of a text that are read (model2vec: its limit of tokens times their median length).
    package var maximumScalars: Int?
    /// The most tokens of a text, special ones included; `nil` is the tokenizer's own limit, `.max` none.
    package var maximumLength: Int?

    package init() {}

    func tokenize(_ texts: ArraySlice<String>, prompt: String, with tokenizer: Tokenizer) -> TokenBatch {
        tokenizer.encode(
            prompt.isEmpty ? texts : texts.map { prompt + $0 }[...],
            addingSpecialTokens: addsSpecialTokens,
            maximumLength: maximumLength,
            maximumScalars: maximumScalars,
            droppingUnknown: dropsUnknown
        )
    }
}
