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
                    Self.forEachBlock(of: x.rows, workers) { first, count in
                        let offset = first * x.columns
                        unsafe semblance_unit_rows(x_ + offset, count, x.columns, y + offset, norms + first)
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
                        Self.forEachBlock(of: dY.rows, workers) { first, count in
                            let offset = first * dY.columns
                            unsafe semblance_unit_rows_gradient(
                                y + offset,
                                norms + first,
                                dY_ + offset,
                                count,
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

    private static func forEachBlock(of rows: Int, _ workers: Workers?, _ body: (_ first: Int, _ count: Int) -> Void) {
        guard let workers else { return body(0, rows) }
        let block = 256
        workers.forEach((rows + block - 1) / block) { body($0 * block, min(block, rows - $0 * block)) }
    }
}

extension Tape {
    /// Rows scaled to unit length: ``UnitRows``.
    package func unitRows(_ x: Variable) -> Variable {
        let unit = UnitRows(self[x])
        return record(unit.output) { dY, flow in flow.add(unit.gradient(dY), to: x) }
    }
}
