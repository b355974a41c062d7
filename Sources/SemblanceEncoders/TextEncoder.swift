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

    /// The name in the model's file.
    package let name: String
    package let layout: Layout
    package var value: Matrix

    package init(name: String, layout: Layout, value: Matrix) {
        self.name = name
        self.layout = layout
        self.value = value
    }
}

/// Turns tokens into one vector a text. Immutable; training makes new ones from new parameters.
package protocol TextEncoder: Sendable {
    /// The dimension of an embedding.
    var dimension: Int { get }
    /// What is trained, in a fixed order.
    var parameters: [Parameter] { get }
    /// The same encoder with other values, in the order of ``parameters``.
    func replacingParameters(_ values: [Matrix]) -> Self
    /// `[texts, dimension]`, before any normalisation; parameters are read from the tape.
    func encode(_ tokens: TokenBatch, on tape: Tape) -> Variable
}

extension TextEncoder {
    /// The embeddings of a chunk of texts, nothing kept for a way back.
    package func encode(_ tokens: TokenBatch) -> Matrix {
        let tape = Tape(parameters: parameters.map(\.value), isRecording: false)
        return tape[encode(tokens, on: tape)]
    }
}
