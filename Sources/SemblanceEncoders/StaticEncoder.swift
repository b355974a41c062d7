// V table rows, D dimension of the table, P of the projection.

package import SemblanceNumerics
package import SemblanceText

/// Subword embeddings averaged over a text, then optionally projected.
///
///     y = mean over tokens j of (weights[j] · table[j])      · Wᵀ + b, with a projection
///
/// Order and context of the tokens don't count; that is what makes it fast.
package struct StaticEncoder: TextEncoder {
    /// `[V, D]`.
    let table: Matrix
    /// `[V]`: constant factors of the rows while training; ``foldingWeights()`` multiplies them in.
    let weights: [Float]?
    let projection: DenseLayer?

    package init(table: Matrix, weights: [Float]? = nil, projection: DenseLayer? = nil) {
        self.table = table
        self.weights = weights
        self.projection = projection
    }

    package var dimension: Int { projection?.weight.rows ?? table.columns }

    package var tokensPerChunk: Int? { nil }

    package var maximumLength: Int? { nil }

    /// There is none: one dropped token would be the change of a word.
    package var dropout: Float { 0 }

    package var merged: StaticEncoder { self }

    package var parameters: [Parameter] {
        [Parameter(names: ["embedding.weight"], layout: .table, value: table)] + (projection?.parameters ?? [])
    }

    package func replacingParameters(_ values: [Matrix]) -> StaticEncoder {
        precondition(values.count == parameters.count, "\(values.count) values for \(parameters.count) parameters")
        var rest = values.dropFirst()
        var projection = projection
        projection?.takeParameters(&rest)
        return StaticEncoder(table: values[0], weights: weights, projection: projection)
    }

    package var layerCount: Int { 0 }

    package func encode(_ tokens: TokenBatch, skipping skipped: Int, layers: [Int], on tape: Tape) -> Variable {
        precondition(layers.isEmpty, "a static encoder has no layers \(layers)")
        let mean = tape.embeddingMean(table: 0, ids: tokens.ids, offsets: tokens.offsets, weights: weights)
        var first = 1
        return projection?.apply(to: mean, first: &first, on: tape) ?? mean
    }

    /// The same encoder with its token weights multiplied into the table, as files hold it.
    package func foldingWeights() -> StaticEncoder {
        guard let weights else { return self }
        return StaticEncoder(table: table.scalingRows(by: weights), projection: projection)
    }
}
