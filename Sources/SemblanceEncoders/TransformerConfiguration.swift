package import SemblanceNumerics

/// The shape of a transformer encoder: what `config.json` says, in one form for all architectures.
package struct TransformerConfiguration: Sendable, Hashable {
    /// How a token's place is told.
    package enum Positions: Sendable, Hashable {
        /// A table row for each place, the first at `offset`. Where `padding` is given, tokens with that id have row
        /// `padding` and don't count (RoBERTa).
        case table(rows: Int, offset: Int, padding: Int32?)
        /// Query and key components turn with the place (arXiv:2104.09864); other angles in layers with a window.
        case rotary(base: Float, windowBase: Float)
    }

    /// Where normalisation stands: behind each sum (BERT), or before each part and once at the end (ModernBERT).
    package enum Normalization: Sendable, Hashable { case after, before }

    package var vocabulary: Int
    package var width: Int
    package var layers: Int
    package var heads: Int
    /// The width between the two layers of the feed-forward part; with gated units, of each half.
    package var inner: Int
    package var activation: Activation
    package var isGated = false
    package var epsilon: Float
    package var positions: Positions
    /// Rows of the table of token types; 0 is none. All tokens have type 0.
    package var types = 0
    /// Buckets of the bias by distance that all layers share (MPNet); 0 is none.
    package var distanceBuckets = 0
    package var normalization = Normalization.after
    /// Whether the file has one matrix for queries, keys and values.
    package var hasJointQKV = false
    /// Which parts have biases.
    package var attentionBias = true
    package var innerBias = true
    package var normBias = true
    /// How far tokens see in a layer, to either side; `nil` is all the text. One for each layer.
    package var windows: [Int?]
    /// Dropout of the embeddings and of what each part adds while training.
    package var dropout: Float
    /// Dropout of what tokens see of each other.
    package var attentionDropout: Float
    /// Dropout within the feed-forward part. Where there is one (ModernBERT), what the part adds has none, and what attention
    /// adds has that of attention; `nil` is none.
    package var innerDropout: Float?

    /// The components of a head.
    package var headDimension: Int { width / heads }

    /// The most tokens of a text; `nil` where positions set no limit.
    package var maximumLength: Int? {
        if case .table(let rows, let offset, _) = positions { rows - offset } else { nil }
    }
}
