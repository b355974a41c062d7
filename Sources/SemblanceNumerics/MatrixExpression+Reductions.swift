// Sums over rows, columns and all.

internal import CSemblanceKernels

extension MatrixExpression {
    /// `[R, 1]`: Σ over each row.
    public var rowSums: MatrixExpression {
        let columns = value.columns
        let place = place
        return Self.result(value.rowSums, of: [self]) { dY, flow in
            flow.add(Matrix(repeatingColumn: dY, times: columns), to: place)
        }
    }

    /// `[1, N]`: Σ over each column.
    public var columnSums: MatrixExpression {
        let rows = value.rows
        let place = place
        return Self.result(value.columnSums, of: [self]) { dY, flow in
            flow.add(dY.gatheringRows(Array(repeating: 0, count: rows)), to: place)
        }
    }

    /// `[1, 1]`: Σ over all elements.
    public var sum: MatrixExpression { rowSums.columnSums }

    /// `[1, 1]`: the mean of all elements.
    public var mean: MatrixExpression { sum / Float(max(value.count, 1)) }

    /// `[R, 1]`: the inner product of each row with the same row of another matrix.
    public func rowDots(_ other: MatrixExpression) -> MatrixExpression { (self * other).rowSums }

    /// `[R, 1]`: log Σ exp over each row; a row of −∞ is −∞ and has gradient 0.
    public var logSumExpOfRows: MatrixExpression {
        var softmax = value
        var y = Matrix(uninitializedRows: value.rows, columns: 1)
        unsafe softmax.withMutablePointer { x in
            unsafe y.withMutablePointer { y in
                unsafe semblance_log_sum_exp(x, value.rows, value.columns, y)
            }
        }
        let (kept, place) = (softmax, place)
        return Self.result(y, of: [self]) { dY, flow in
            flow.add(kept.scalingRows(by: dY.elements), to: place)
        }
    }
}

extension Matrix {
    /// `[R, 1]`: Σ over each row.
    package var rowSums: Matrix {
        var sums = Matrix(uninitializedRows: rows, columns: 1)
        unsafe sums.withMutablePointer { sums in
            unsafe withPointer { unsafe semblance_row_sums($0, rows, columns, sums) }
        }
        return sums
    }

    /// `[1, N]`: Σ over each column.
    package var columnSums: Matrix {
        var sums = Matrix(rows: 1, columns: columns)
        sums.add(columnSumsOf: self, workers: nil)
        return sums
    }

    fileprivate init(repeatingColumn column: Matrix, times columns: Int) {
        self.init(rows: column.rows, columns: columns, repeating: 1)
        self = scalingRows(by: column.elements)
    }
}
