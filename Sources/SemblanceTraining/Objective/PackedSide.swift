// Embeddings as right operands of products.

internal import CSemblanceKernels
internal import SemblanceNumerics

/// An operand of the products, packed once for scores (`[D, N]`) and once for gradients (`[N, D]`).
struct PackedSide {
    let forScores: Matrix
    let forGradients: Matrix

    init(_ side: Matrix, workers: Workers) {
        forScores = side.packed(rows: side.columns, columns: side.rows, strides: (1, side.columns), workers)
        forGradients = side.packed(rows: side.rows, columns: side.columns, strides: (side.columns, 1), workers)
    }
}

extension Matrix {
    /// Packs a right operand on all threads, some panels each.
    ///
    /// - Parameters:
    ///   - k: its rows, beginning with this matrix' row `firstRow`.
    ///   - n: its columns.
    ///   - strides: how far its rows, and its columns, are apart here.
    func packed(
        rows k: Int,
        columns n: Int,
        firstRow: Int = 0,
        strides: (row: Int, column: Int),
        _ workers: Workers
    ) -> Matrix {
        var result = Matrix(uninitializedRows: 1, columns: semblance_packed_count(k, n))
        let block = semblance_panel_width() * max(1, 1024 / max(k, 1))
        unsafe result.withMutablePointer { target in
            unsafe withPointer { source in
                workers.forEach((n + block - 1) / block) { index in
                    let first = index * block
                    unsafe semblance_pack(
                        k,
                        min(block, n - first),
                        source + firstRow * columns + first * strides.column,
                        strides.row,
                        strides.column,
                        target + first * k
                    )
                }
            }
        }
        return result
    }
}
