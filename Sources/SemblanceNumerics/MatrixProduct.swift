// Products of matrices over the packed kernels. Letters: C [m, n] = A [m, k] · B [k, n].

internal import CSemblanceKernels

/// A right operand in the layout the product kernels read: packed once, multiplied often (weights).
package struct PackedMatrix: Sendable {
    /// The inner dimension of a product: k.
    package let rows: Int
    /// The columns of a product: n.
    package let columns: Int
    /// One row for each panel of columns.
    fileprivate let panels: Matrix

    /// Packs `matrix`, or its transpose.
    ///
    /// - Parameters:
    ///   - matrix: `[k, n]`, or `[n, k]` when `transposed`.
    ///   - workers: threads to pack on; `nil` packs on the calling thread. The bytes are the same.
    /// - Complexity: O(k·n).
    package init(_ matrix: Matrix, transposed: Bool = false, workers: Workers? = nil) {
        let (k, n) = transposed ? (matrix.columns, matrix.rows) : (matrix.rows, matrix.columns)
        let width = semblance_panel_width()
        let count = n / width + (n % width == 0 ? 0 : 1)
        rows = k
        columns = n
        var panels = Matrix(uninitializedRows: count, columns: k * width)
        let (rowStride, columnStride) = transposed ? (1, k) : (n, 1)
        // Some 256 KiB at a time: less isn't worth a thread.
        let run = max(1, 65_536 / max(1, k * width))
        unsafe panels.withMutablePointer { packed in
            unsafe matrix.withPointer { source in
                (0..<count).split(by: run, on: workers) { part in
                    let first = part.lowerBound * width
                    unsafe semblance_pack(
                        k,
                        min(n, part.upperBound * width) - first,
                        source + first * columnStride,
                        rowStride,
                        columnStride,
                        packed + part.lowerBound * k * width
                    )
                }
            }
        }
        self.panels = panels
    }
}

extension Matrix {
    /// scale · A·B, or scale · Aᵀ·B: A is this matrix.
    ///
    /// The same bits for any number of threads: each element is one chain of multiply-adds in ascending order of k.
    ///
    /// - Parameters:
    ///   - right: B, `[k, n]`.
    ///   - transposed: whether this matrix is `[k, m]` and its transpose is multiplied.
    ///   - scale: multiplies the sums.
    ///   - bias: `[1, n]`, added to every row after scaling.
    ///   - workers: threads to compute on; `nil` stays on the calling thread, as the chunks of a batch do.
    /// - Returns: `[m, n]`.
    /// - Complexity: 2·m·n·k operations.
    package func product(
        _ right: PackedMatrix,
        transposed: Bool = false,
        scale: Float = 1,
        bias: Matrix? = nil,
        workers: Workers? = nil
    ) -> Matrix {
        var result = Matrix(uninitializedRows: transposed ? columns : rows, columns: right.columns)
        result.setProduct(
            self,
            right,
            transposed: transposed,
            scale: scale,
            bias: bias,
            accumulating: false,
            workers: workers
        )
        return result
    }

    /// scale · A·B with either one transposed; packs B first.
    ///
    /// - Parameters:
    ///   - right: B, `[k, n]`, or `[n, k]` when `rightTransposed`.
    ///   - transposed: whether this matrix is `[k, m]` and its transpose is multiplied.
    ///   - rightTransposed: whether the transpose of `right` is multiplied.
    ///   - scale: multiplies the sums.
    ///   - workers: threads to compute on; `nil` stays on the calling thread.
    /// - Returns: `[m, n]`.
    package func product(
        _ right: Matrix,
        transposed: Bool = false,
        rightTransposed: Bool = false,
        scale: Float = 1,
        workers: Workers? = nil
    ) -> Matrix {
        let packed = PackedMatrix(right, transposed: rightTransposed, workers: workers)
        return product(packed, transposed: transposed, scale: scale, workers: workers)
    }

    /// Adds scale · A·B, or scale · Aᵀ·B, to this matrix: c + scale · sum, element by element.
    package mutating func add(
        productOf left: Matrix,
        _ right: PackedMatrix,
        transposed: Bool = false,
        scale: Float = 1,
        workers: Workers? = nil
    ) {
        setProduct(
            left,
            right,
            transposed: transposed,
            scale: scale,
            bias: nil,
            accumulating: true,
            workers: workers
        )
    }

    private mutating func setProduct(
        _ left: Matrix,
        _ right: PackedMatrix,
        transposed: Bool,
        scale: Float,
        bias: Matrix?,
        accumulating: Bool,
        workers: Workers?
    ) {
        let (m, n, k) = (rows, columns, right.rows)
        precondition(
            (transposed ? left.rows : left.columns) == k && (transposed ? left.columns : left.rows) == m
                && right.columns == n,
            "\(left)\(transposed ? ", transposed," : "") by \(k) × \(right.columns) doesn't give \(m) × \(n)"
        )
        precondition(bias.map { $0.rows == 1 && $0.columns == n } ?? true, "a bias of 1 × \(n) is needed")
        let (rowStride, columnStride) = transposed ? (1, m) : (k, 1)
        let tiles = ProductTiles(m: m, n: n, k: k, threads: workers?.threads ?? 1)
        let bias = bias ?? Matrix(rows: 0, columns: 0)
        unsafe withMutablePointer { result in
            unsafe left.withPointer { left in
                unsafe right.panels.withPointer { panels in
                    unsafe bias.withPointer { biases in
                        func compute(_ tile: Int) {
                            let (rows, columns) = tiles[tile]
                            unsafe semblance_product_packed(
                                rows.count,
                                columns.count,
                                k,
                                left + rows.lowerBound * rowStride,
                                rowStride,
                                columnStride,
                                panels + columns.lowerBound * k,
                                scale,
                                accumulating ? 1 : 0,
                                bias.count == 0 ? nil : biases + columns.lowerBound,
                                result + rows.lowerBound * n + columns.lowerBound,
                                n
                            )
                        }
                        if let workers, tiles.count > 1 {
                            workers.forEach(tiles.count) { compute($0) }
                        } else {
                            for tile in 0..<tiles.count { compute(tile) }
                        }
                    }
                }
            }
        }
    }
}

/// How a product is cut for several threads: into blocks of rows, and of columns too where rows are few.
private struct ProductTiles {
    let m: Int
    let n: Int
    let rowStep: Int
    let columnStep: Int
    let rowBlocks: Int
    let columnBlocks: Int

    var count: Int { rowBlocks * columnBlocks }

    init(m: Int, n: Int, k: Int, threads: Int) {
        self.m = m
        self.n = n
        // Below some 20 microseconds of work a second thread isn't worth waking.
        let parts = Double(m) * Double(n) * Double(k) < 2e6 ? 1 : 4 * threads
        // 96 rows, a whole number of tiles on every level, amortise the reading of B; 128 columns the packing of A.
        rowStep = threads == 1 || parts == 1 ? max(m, 1) : min(384, max(96, (m / parts + 11) / 12 * 12))
        rowBlocks = (m + rowStep - 1) / rowStep
        let wanted = (parts + max(rowBlocks, 1) - 1) / max(rowBlocks, 1)
        columnStep = threads == 1 || wanted <= 1 ? max(n, 1) : max(128, (n / wanted + 31) / 32 * 32)
        columnBlocks = (n + columnStep - 1) / columnStep
    }

    subscript(tile: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        // Neighbouring tiles share their columns of B.
        let row = tile % rowBlocks * rowStep
        let column = tile / rowBlocks * columnStep
        return (row..<min(m, row + rowStep), column..<min(n, column + columnStep))
    }
}
