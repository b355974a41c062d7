// Products of matrices over the packed kernels. Letters: C [m, n] = A [m, k] · B [k, n].

internal import CSemblanceKernels

/// A right operand in the layout the product kernels read: packed once, multiplied often (weights).
package struct PackedMatrix: Sendable {
    /// The inner dimension of a product: k.
    package let rows: Int
    /// The columns of a product: n.
    package let columns: Int
    /// What both operands of a product are rounded to.
    package let precision: Precision
    /// One row for each panel of columns.
    fileprivate var panels: Matrix

    /// What it takes up.
    var byteCount: Int { panels.byteCount }

    /// The largest inner dimension of int8 products: any sum fits 32 bits.
    package static let mostBytes = 65_536

    /// Packs `matrix`, or its transpose.
    ///
    /// - Parameters:
    ///   - matrix: `[k, n]`, or `[n, k]` when `transposed`.
    ///   - precision: of the products; int8 is for k up to ``mostBytes``, and fastest to pack when `transposed`.
    ///   - workers: threads to pack on; `nil` packs on the calling thread. The bytes are the same.
    /// - Complexity: O(k·n).
    package init(
        _ matrix: Matrix,
        transposed: Bool = false,
        precision: Precision = .float32,
        workers: Workers? = nil
    ) {
        let (k, n) = transposed ? (matrix.columns, matrix.rows) : (matrix.rows, matrix.columns)
        precondition(precision != .int8 || k <= Self.mostBytes, "int8 is for at most \(Self.mostBytes) products a sum")
        let (kernels, width) = (precision.kernels, semblance_panel_width())
        let words = semblance_panel_words(kernels, k)
        rows = k
        columns = n
        self.precision = precision
        panels = Matrix(uninitializedRows: (n + width - 1) / width, columns: words)
        let (rowStride, columnStride) = transposed ? (1, k) : (n, 1)
        // Some 256 KiB at a time: less isn't worth a thread.
        let run = max(1, 65_536 / max(1, k * width))
        unsafe panels.withMutablePointer { packed in
            unsafe matrix.withPointer { source in
                (0..<(n + width - 1) / width).split(by: run, on: workers) { part in
                    let first = part.lowerBound * width
                    unsafe semblance_pack_as(
                        kernels,
                        k,
                        min(n, part.upperBound * width) - first,
                        source + first * columnStride,
                        rowStride,
                        columnStride,
                        packed + part.lowerBound * words
                    )
                }
            }
        }
    }
}

extension Matrix {
    /// scale · A·B, or scale · Aᵀ·B: A is this matrix.
    ///
    /// The same bits for any number of threads, and for a row whatever the others are: each element is one sum in
    /// ascending order of k.
    ///
    /// - Parameters:
    ///   - right: B, `[k, n]`; this matrix is rounded to its precision.
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
    ///   - precision: what both are rounded to.
    ///   - workers: threads to compute on; `nil` stays on the calling thread.
    /// - Returns: `[m, n]`.
    package func product(
        _ right: Matrix,
        transposed: Bool = false,
        rightTransposed: Bool = false,
        scale: Float = 1,
        precision: Precision = .float32,
        workers: Workers? = nil
    ) -> Matrix {
        let packed = PackedMatrix(right, transposed: rightTransposed, precision: precision, workers: workers)
        return product(packed, transposed: transposed, scale: scale, workers: workers)
    }

    /// Adds scale · A·B, or scale · Aᵀ·B, to this matrix: c + scale · sum, element by element.
    ///
    /// - Precondition: B isn't int8, which is for inference.
    package mutating func add(
        productOf left: Matrix,
        _ right: PackedMatrix,
        transposed: Bool = false,
        scale: Float = 1,
        workers: Workers? = nil
    ) {
        precondition(right.precision != .int8, "int8 products aren't for gradients")
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
        let (m, n, k, precision) = (rows, columns, right.rows, right.precision.kernels)
        let (width, words) = (semblance_panel_width(), right.panels.columns)
        precondition(
            (transposed ? left.rows : left.columns) == k && (transposed ? left.columns : left.rows) == m
                && right.columns == n,
            "\(left)\(transposed ? ", transposed," : "") by \(k) × \(right.columns) doesn't give \(m) × \(n)"
        )
        precondition(bias.map { $0.rows == 1 && $0.columns == n } ?? true, "a bias of 1 × \(n) is needed")
        let (rowStride, columnStride) = transposed ? (1, m) : (k, 1)
        let tiles = ProductTiles(m: m, n: n, k: k, precision: right.precision, threads: workers?.threads ?? 1)
        let bias = bias ?? Matrix(rows: 0, columns: 0)
        unsafe withMutablePointer { result in
            unsafe left.withPointer { left in
                unsafe right.panels.withPointer { panels in
                    unsafe bias.withPointer { biases in
                        func compute(_ tile: Int) {
                            let (rows, columns) = tiles[tile]
                            unsafe semblance_product(
                                precision,
                                rows.count,
                                columns.count,
                                k,
                                left + rows.lowerBound * rowStride,
                                rowStride,
                                columnStride,
                                panels + columns.lowerBound / width * words,
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

    init(m: Int, n: Int, k: Int, precision: Precision, threads: Int) {
        self.m = m
        self.n = n
        let speed = precision == .float32 ? 1 : precision == .bfloat16 ? 2 : 4
        // Below some 20 microseconds of work a second thread isn't worth waking.
        let parts = Double(m) * Double(n) * Double(k) < 2e6 * Double(speed) ? 1 : 4 * threads
        // 96 rows, whole tiles on every level, amortise the reading of B; 128 columns, or more of faster ones, the packing
        // of A, unless a thread would go without.
        rowStep = threads == 1 || parts == 1 ? max(m, 1) : min(384, max(96, (m / parts + 47) / 48 * 48))
        rowBlocks = (m + rowStep - 1) / rowStep
        let wanted = (parts + max(rowBlocks, 1) - 1) / max(rowBlocks, 1)
        var blocks = min(wanted, max(n / (128 * speed), min(threads, n / 64)))
        if blocks > threads { blocks -= blocks % threads }
        columnStep = threads == 1 || blocks <= 1 ? max(n, 1) : (n / blocks + 31) / 32 * 32
        columnBlocks = (n + columnStep - 1) / columnStep
    }

    subscript(tile: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        // Neighbouring tiles share their columns of B.
        let row = tile % rowBlocks * rowStep
        let column = tile / rowBlocks * columnStep
        return (row..<min(m, row + rowStep), column..<min(n, column + columnStep))
    }
}
