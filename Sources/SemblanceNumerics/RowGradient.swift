// The gradient of an embedding table: only the rows that a batch touched.
// U touched rows, V table rows, D dimension.

internal import CSemblanceKernels

/// A gradient that is zero outside a few rows.
package struct RowGradient: Sendable {
    /// The touched rows of the table, ascending.
    package let rows: [Int32]
    /// `[U, D]`: the gradient of each touched row.
    package let values: Matrix

    /// Sums what all tokens of all chunks give to their rows.
    ///
    ///     values[u] = Σ over occurrences j of row u: weights[u] / count(text of j) · gradient[text of j]
    ///
    /// Occurrences are added in the order of the texts, whatever the number of threads.
    ///
    /// - Complexity: O(N·D + V).
    package init(summing pieces: [TokenGradient], tableRows: Int, columns: Int, workers: Workers) {
        var ids: [Int32] = []
        var offsets: [Int32] = [0]
        ids.reserveCapacity(pieces.reduce(0) { $0 + $1.ids.count })
        offsets.reserveCapacity(pieces.reduce(1) { $0 + $1.offsets.count })
        for piece in pieces {
            let base = Int32(ids.count)
            ids.append(contentsOf: piece.ids)
            offsets.append(contentsOf: piece.offsets.dropFirst().map { $0 + base })
        }
        let gradient = Matrix.concatenatingRows(pieces.map(\.gradient), columns: columns)
        let texts = offsets.count - 1
        let inverseCounts = (0..<texts).map { text -> Float in
            let count = offsets[text + 1] - offsets[text]
            return count > 0 ? 1 / Float(count) : 0
        }

        let most = min(ids.count, tableRows)
        var rows = [Int32](repeating: 0, count: most + 1)
        var starts = [Int32](repeating: 0, count: most + 1)
        var occurrences = [Int32](repeating: 0, count: max(ids.count, 1))
        let unique = unsafe semblance_group_tokens(ids, offsets, texts, tableRows, &rows, &starts, &occurrences)
        rows.removeLast(rows.count - unique)

        let weights = pieces.first?.weights
        var values = Matrix(uninitializedRows: unique, columns: columns)
        let chunk = 64
        let textOf = occurrences
        unsafe values.withMutablePointer { out in
            unsafe gradient.withPointer { gradient in
                unsafe rows.withUnsafeBufferPointer { rows in
                    unsafe starts.withUnsafeBufferPointer { starts in
                        guard let rows = rows.baseAddress, let starts = starts.baseAddress else { return }
                        workers.forEach((unique + chunk - 1) / chunk) { index in
                            let first = index * chunk
                            unsafe semblance_embedding_gradient(
                                gradient,
                                columns,
                                weights,
                                rows + first,
                                starts + first,
                                textOf,
                                inverseCounts,
                                min(chunk, unique - first),
                                out + first * columns
                            )
                        }
                    }
                }
            }
        }
        self.rows = rows
        self.values = values
    }
}

extension RowGradient {
    /// The same gradient with a row for every row of the table.
    package func dense(rows tableRows: Int) -> Matrix {
        var result = Matrix(rows: tableRows, columns: values.columns)
        let columns = values.columns
        unsafe result.withMutablePointer { target in
            unsafe values.withPointer { source in
                for (index, row) in rows.enumerated() {
                    unsafe (target + Int(row) * columns).update(from: source + index * columns, count: columns)
                }
            }
        }
        return result
    }
}
