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
        let output = input.product(PackedMatrix(w, transposed: true), bias: bias.map { self[$0] })
        return record(output) { dY, flow in
            // y = x · Wᵀ + b, so dX = dY · W, dW = dYᵀ · x, and db is the sum of dY's rows.
            flow.add(dY.product(w), to: x)
            flow.add(dY.product(input, transposed: true), to: weight)
            if let bias { flow.add(dY.sumOfRows, to: bias) }
        }
    }
}

extension Matrix {
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
