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
    ///   - weight: index of W, `[O, I]`.
    ///   - bias: index of b, `[1, O]`.
    /// - Returns: `[B, O]`.
    package func linear(_ x: Variable, weight: Int, bias: Int?) -> Variable {
        let input = x.value
        let output = input.product(
            weights.packed(weight, transposed: true, workers: workers),
            bias: bias.map { weights[$0] },
            workers: workers
        )
        let place = x.place
        // Where products round, the gradient of W needs x rounded: half the memory, and packed while it is in the cache.
        let isKept = isRecording && weights.isTrained[weight]
        let packed =
            isKept && weights.precision != .float32
            ? PackedMatrix(input, precision: weights.precision, workers: workers) : nil
        let kept = isKept && packed == nil ? input : nil
        return record(
            output,
            from: [x],
            parameters: [weight] + (bias.map { [$0] } ?? []),
            keeping: packed?.byteCount ?? 0
        ) { dY, flow in
            // y = x · Wᵀ + b, so dX = dY · W, dW = dYᵀ · x, and db is the sum of dY's rows.
            if flow.reaches(place) {
                let w = flow.weights.packed(weight, transposed: false, workers: flow.workers)
                flow.add(dY.product(w, workers: flow.workers), to: place)
            }
            if let packed = packed ?? kept.map({ PackedMatrix($0, workers: flow.workers) }) {
                flow.add(productOf: dY, packed, to: weight)
            }
            if let bias { flow.add(columnSumsOf: dY, to: bias) }
        }
    }
}

extension Matrix {
    /// Adds Σ over rows of x, times y element by element where given, to this matrix of one row.
    mutating func add(columnSumsOf x: Matrix, times y: Matrix? = nil, workers: Workers?) {
        precondition(rows == 1 && columns == x.columns, "\(self) for the columns of \(x)")
        unsafe withMutablePointer { sums in
            unsafe x.withPointer { x_ in
                // Every thread has some columns of its own, so the rows are added in their order.
                (0..<x.columns).split(by: max(128, 65_536 / max(x.rows, 1) / 16 * 16), on: workers) { part in
                    func add(_ y: UnsafePointer<Float>?) {
                        unsafe semblance_add_column_sums(
                            x_ + part.lowerBound,
                            y.map { unsafe $0 + part.lowerBound },
                            x.rows,
                            part.count,
                            x.columns,
                            sums + part.lowerBound
                        )
                    }
                    if let y { unsafe y.withPointer { unsafe add($0) } } else { add(nil) }
                }
            }
        }
    }
}
