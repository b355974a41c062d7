// The mean of table rows by token, forward and backward.
// T texts, N tokens, V table rows, D dimension.

internal import CSemblanceKernels

/// What the rows of an embedding table receive from one chunk of texts: each token of text t gets
/// `weight / count(t) · gradient[t]`. Rows are summed when all chunks are in.
package struct TokenGradient: Sendable {
    /// Text t has `ids[offsets[t]..<offsets[t + 1]]`.
    let ids: [Int32]
    let offsets: [Int32]
    /// `[T, D]`.
    let gradient: Matrix
    /// One weight for each table row, or none.
    let weights: [Float]?
}

extension Tape {
    /// The mean of each text's table rows.
    ///
    ///     y[t] = 1/count(t) · Σ over tokens j of t: weights[j] · table[j]
    ///
    /// A text without tokens is a zero row. The gradient reaches the table row by row (``RowGradient``).
    ///
    /// - Parameters:
    ///   - table: index of a parameter `[V, D]`.
    ///   - ids: below V; text t has `ids[offsets[t]..<offsets[t + 1]]`.
    ///   - offsets: one more than there are texts.
    ///   - weights: `[V]`, constant.
    package func embeddingMean(table: Int, ids: [Int32], offsets: [Int32], weights: [Float]?) -> Variable {
        let value = Self.embeddingMean(table: self.weights[table], ids: ids, offsets: offsets, weights: weights)
        return record(value, from: [], parameters: [table]) { dY, flow in
            flow.add(TokenGradient(ids: ids, offsets: offsets, gradient: dY, weights: weights), toTable: table)
        }
    }

    private static func embeddingMean(table: Matrix, ids: [Int32], offsets: [Int32], weights: [Float]?) -> Matrix {
        let columns = table.columns
        var result = Matrix(uninitializedRows: offsets.count - 1, columns: columns)
        unsafe result.withMutablePointer { out in
            unsafe table.withPointer { table in
                unsafe semblance_embedding_mean(
                    table,
                    columns,
                    weights,
                    ids,
                    offsets,
                    offsets.count - 1,
                    out,
                    columns
                )
            }
        }
        return result
    }
}
