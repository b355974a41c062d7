package import SemblanceNumerics
package import SemblanceText

/// A trainable matrix of an encoder.
package struct Parameter: Sendable {
    /// How a batch's gradient lies in it.
    package enum Layout: Sendable {
        /// Every element gets a gradient.
        case dense
        /// A table of which a batch touches few rows.
        case table
    }

    /// The tensors of the model's file whose rows, one after another, it holds; mostly one.
    package let names: [String]
    package let layout: Layout
    /// Whether the file holds it as a list of numbers, not as a matrix of one row.
    package let isVector: Bool
    package var value: Matrix
    /// Whether training changes it.
    package var isTrained = true
    /// What the learning rate is multiplied by.
    package var rateFactor: Float = 1

    package init(names: [String], layout: Layout = .dense, isVector: Bool = false, value: Matrix) {
        self.names = names
        self.layout = layout
        self.isVector = isVector
        self.value = value
    }
}

/// Turns tokens into one vector a text. Immutable; training makes new ones from new parameters.
package protocol TextEncoder: Sendable {
    /// The dimension of an embedding.
    var dimension: Int { get }
    /// What is trained, in a fixed order.
    var parameters: [Parameter] { get }
    /// How many tokens are worth a chunk of their own, so that work on them stays in a core's cache; `nil` where a
    /// token is next to no work and texts are counted instead.
    var tokensPerChunk: Int? { get }
    /// The most tokens of a text where that is less than the folder says; else `nil`.
    var maximumLength: Int? { get }
    /// The rate of dropout while training; 0 is none.
    var dropout: Float { get }
    /// The same embeddings with as few weights as can be: what embedding uses, and files hold.
    var merged: Self { get }
    /// The same encoder with other values, in the order of ``parameters``.
    func replacingParameters(_ values: [Matrix]) -> Self
    /// How many layers there are that vectors can be taken from before the last; 0 where there are no layers.
    var layerCount: Int { get }
    /// `[texts, dimension · (1 + layers)]`, before any normalisation: the embeddings, and beside them what they would be
    /// after each of `layers` alone. Weights are read from the tape, in the order of ``parameters``.
    ///
    /// - Parameters:
    ///   - skipped: how many tokens at each text's beginning, its prompt, are read but not pooled.
    ///   - layers: numbers below ``layerCount``; 0 is before the first layer.
    func encode(_ tokens: TokenBatch, skipping skipped: Int, layers: [Int], on tape: Tape) -> Variable
}

extension TextEncoder {
    /// `[texts, dimension]`: the embeddings alone.
    package func encode(_ tokens: TokenBatch, skipping skipped: Int, on tape: Tape) -> Variable {
        encode(tokens, skipping: skipped, layers: [], on: tape)
    }
}
