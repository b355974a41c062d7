// A linear layer, forward and backward.
// B rows, I inputs, O outputs.

internal import CSemblanceKernels

extension Tape {
    /// A linear layer.
    ///
    ///     y = x · Wᵀ + b
    ///
    /// - Parameters:
    ///   - x: `[B, I]`.
    ///   - weight: `[O, I]`.
    ///   - bias: `[1, O]`.
    /// - Returns: `[B, O]`.
    package func linear(_ x: Variable, weight: Variable, bias: Variable?) -> Variable {
        let (input, w) = (self[x], self[weight])
        var output = product(input, w, transposingRight: true)
        if let bias { output.addToRows(self[bias]) }
        return record(output) { dY, flow in
            // y = x · Wᵀ + b, so dX = dY · W, dW = dYᵀ · x, and db is the sum of dY's rows.
            flow.add(product(dY, w), to: x)
            flow.add(product(dY, input, transposingLeft: true), to: weight)
            if let bias { flow.add(dY.sumOfRows, to: bias) }
        }
    }
}

/// A · B on the calling thread, either side transposed first.
package func product(
    _ a: Matrix,
    _ b: Matrix,
    transposingLeft: Bool = false,
    transposingRight: Bool = false
) -> Matrix {
    let (m, k) = transposingLeft ? (a.columns, a.rows) : (a.rows, a.columns)
    let (inner, n) = transposingRight ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(k == inner, "\(a) and \(b) do not fit each other")
    var packed = Matrix(uninitializedRows: 1, columns: semblance_packed_count(k, n))
    var result = Matrix(uninitializedRows: m, columns: n)
    unsafe packed.withMutablePointer { packed in
        unsafe b.withPointer {
            unsafe semblance_pack(k, n, $0, transposingRight ? 1 : b.columns, transposingRight ? b.columns : 1, packed)
        }
        unsafe a.withPointer { a_ in
            unsafe result.withMutablePointer {
                unsafe semblance_product_packed(
                    m,
                    n,
                    k,
                    a_,
                    transposingLeft ? 1 : a.columns,
                    transposingLeft ? a.columns : 1,
                    packed,
                    1,
                    0,
                    nil,
                    $0,
                    n
                )
            }
        }
    }
    return result
}

extension Matrix {
    /// Adds a `[1, columns]` matrix to every row.
    fileprivate mutating func addToRows(_ row: Matrix) {
        let (rows, columns) = (rows, columns)
        unsafe withMutablePointer { target in
            unsafe row.withPointer {
                for index in 0..<rows { unsafe semblance_add_scaled(target + index * columns, $0, columns, 1) }
            }
        }
    }

    /// `[1, columns]`: the sum of all rows, in their order.
    fileprivate var sumOfRows: Matrix {
        var sum = Matrix(rows: 1, columns: columns)
        unsafe sum.withMutablePointer { sum in
            unsafe withPointer {
                for index in 0..<rows { unsafe semblance_add_scaled(sum, $0 + index * columns, columns, 1) }
            }
        }
        return sum
    }
}
