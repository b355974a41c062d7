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
    let projection: Projection?

    /// A linear layer behind the mean: `weight` is `[P, D]`, `bias` `[1, P]`.
    package struct Projection: Sendable {
        package var weight: Matrix
        package var bias: Matrix?

        package init(weight: Matrix, bias: Matrix?) {
            self.weight = weight
            self.bias = bias
        }
    }

    package init(table: Matrix, weights: [Float]? = nil, projection: Projection? = nil) {
        self.table = table
        self.weights = weights
        self.projection = projection
    }

    package var dimension: Int { projection?.weight.rows ?? table.columns }

    package var parameters: [Parameter] {
        var parameters = [Parameter(name: "embedding.weight", layout: .table, value: table)]
        if let projection {
            parameters.append(Parameter(name: "linear.weight", layout: .dense, value: projection.weight))
            if let bias = projection.bias {
                parameters.append(Parameter(name: "linear.bias", layout: .dense, value: bias))
            }
        }
        return parameters
    }

    package func replacingParameters(_ values: [Matrix]) -> StaticEncoder {
        precondition(values.count == parameters.count, "\(values.count) values for \(parameters.count) parameters")
        return StaticEncoder(
            table: values[0],
            weights: weights,
            projection: values.count > 1 ? Projection(weight: values[1], bias: values.count > 2 ? values[2] : nil) : nil
        )
    }

    package func encode(_ tokens: TokenBatch, on tape: Tape) -> Variable {
        let mean = tape.embeddingMean(table: 0, ids: tokens.ids, offsets: tokens.offsets, weights: weights)
        guard let projection else { return mean }
        return tape.linear(
            mean,
            weight: tape.parameter(1),
            bias: projection.bias == nil ? nil : tape.parameter(2)
        )
    }

    /// The same encoder with its token weights multiplied into the table, as files hold it.
    package func foldingWeights() -> StaticEncoder {
        guard let weights else { return self }
        return StaticEncoder(table: table.scalingRows(by: weights), projection: projection)
    }
}
