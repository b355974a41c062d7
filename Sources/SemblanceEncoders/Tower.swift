internal import SemblanceNumerics
package import SemblanceText
internal import Synchronization

/// One side of a dual encoder: how its texts become tokens, and tokens vectors.
package struct Tower: Sendable {
    package let tokenizer: Tokenizer
    package var encoder: any TextEncoder { didSet { prepared = PreparedWeights() } }
    package let preparation: TextPreparation
    /// What a transformer's folder holds beside its weights.
    let source: TransformerSource?
    private var prepared = PreparedWeights()

    package init(tokenizer: Tokenizer, encoder: any TextEncoder, preparation: TextPreparation) {
        self.init(tokenizer: tokenizer, encoder: encoder, preparation: preparation, source: nil)
    }

    init(tokenizer: Tokenizer, encoder: any TextEncoder, preparation: TextPreparation, source: TransformerSource?) {
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.preparation = preparation
        self.source = source
    }

    /// The encoder and its weights for embedding; packed once, used by all calls.
    func prepared(_ precision: Precision) -> (encoder: any TextEncoder, weights: Weights) {
        prepared.parts(of: encoder, precision)
    }

    /// How many tokens at a text's beginning are its prompt's and not pooled.
    package func skippedTokens(prompt: String) -> Int {
        guard !preparation.poolsPrompt, !prompt.isEmpty else { return 0 }
        // The special token that ends a text ends the prompt too, but not within a text.
        let alone = tokenize([prompt], prompt: "").tokenCount
        return max(0, alone - tokenizer.trailingSpecialTokens)
    }

    /// The tokens of some texts, on the calling thread.
    package func tokenize(_ texts: ArraySlice<String>, prompt: String) -> TokenBatch {
        var preparation = preparation
        if let most = encoder.maximumLength { preparation.maximumLength = min(preparation.maximumLength ?? most, most) }
        return preparation.tokenize(texts, prompt: prompt, with: tokenizer)
    }
}

/// One encoder made ready for embedding when that is first asked for, by precision.
private final class PreparedWeights: Sendable {
    private let made = Mutex<[Precision: (encoder: any TextEncoder, weights: Weights)]>([:])

    func parts(
        of encoder: any TextEncoder,
        _ precision: Precision
    ) -> (encoder: any TextEncoder, weights: Weights) {
        made.withLock { made in
            if let parts = made[precision] { return parts }
            let merged = made.values.first?.encoder ?? encoder.merged
            let parts = (merged, Weights(merged.parameters.map(\.value), precision: precision))
            made[precision] = parts
            return parts
        }
    }
}

/// What happens to a text around the tokenizer.
package struct TextPreparation: Hashable, Sendable {
    /// Whether [CLS] and [SEP], or what the tokenizer has for them, are added.
    package var addsSpecialTokens = false
    /// Whether a prompt's tokens are pooled like a text's own.
    package var poolsPrompt = true
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
