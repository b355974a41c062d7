// Row-wise L2 normalisation, forward and backward.

internal import CSemblanceKernels

/// The rows of a matrix scaled to unit length; a zero row stays zero.
///
///     y = x / ‖x‖
///
/// The value keeps what its backward pass needs.
package struct UnitRows: Sendable {
    /// `[B, D]`, every row of length 1 or 0.
    package private(set) var output: Matrix
    /// `[1, B]`: 1/‖x‖, and 0 for a zero row.
    private var inverseNorms: Matrix

    /// Scales the rows of `x`; on the threads of `workers` where given.
    package init(_ x: Matrix, workers: Workers? = nil) {
        output = Matrix(uninitializedRows: x.rows, columns: x.columns)
        inverseNorms = Matrix(uninitializedRows: 1, columns: x.rows)
        unsafe output.withMutablePointer { y in
            unsafe inverseNorms.withMutablePointer { norms in
                unsafe x.withPointer { x_ in
                    (0..<x.rows).splitRows(of: x.columns, on: workers) { part in
                        let offset = part.lowerBound * x.columns
                        unsafe semblance_unit_rows(
                            x_ + offset,
                            part.count,
                            x.columns,
                            y + offset,
                            norms + part.lowerBound
                        )
                    }
                }
            }
        }
    }

    /// ∂loss/∂x, given `dY` = ∂loss/∂output; both `[B, D]`.
    ///
    /// Forward was y = x · r with r = 1/‖x‖ and ∂r/∂x = −r² y, so dX = r (dY − ⟨dY, y⟩ y).
    /// A zero row has gradient 0 by convention.
    package func gradient(_ dY: Matrix, workers: Workers? = nil) -> Matrix {
        precondition(dY.rows == output.rows && dY.columns == output.columns, "\(dY) is no gradient of \(output)")
        var dX = Matrix(uninitializedRows: dY.rows, columns: dY.columns)
        unsafe dX.withMutablePointer { dX in
            unsafe output.withPointer { y in
                unsafe inverseNorms.withPointer { norms in
                    unsafe dY.withPointer { dY_ in
                        (0..<dY.rows).splitRows(of: dY.columns, on: workers) { part in
                            let offset = part.lowerBound * dY.columns
                            unsafe semblance_unit_rows_gradient(
                                y + offset,
                                norms + part.lowerBound,
                                dY_ + offset,
                                part.count,
                                dY.columns,
                                dX + offset
                            )
                        }
                    }
                }
            }
        }
        return dX
    }
}

extension Tape {
    /// Rows scaled to unit length: ``UnitRows``.
    package func unitRows(_ x: Variable) -> Variable {
        let unit = UnitRows(x.value, workers: workers)
        let place = x.place
        return record(unit.output, from: [x]) { dY, flow in
            flow.add(unit.gradient(dY, workers: flow.workers), to: place)
        }
    }
}
