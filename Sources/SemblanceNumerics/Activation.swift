// Activation functions, plain and gated, forward and backward.

internal import CSemblanceKernels

/// What stands between two linear layers.
package enum Activation: String, Sendable, Hashable, CaseIterable {
    /// x · Φ(x) (arXiv:1606.08415).
    case gelu
    /// GELU approximated by tanh.
    case geluTanh
    case relu
    /// x · σ(x).
    case silu
    case tanh

    fileprivate var kernel: semblance_activation {
        switch self {
        case .gelu: SEMBLANCE_GELU
        case .geluTanh: SEMBLANCE_GELU_TANH
        case .relu: SEMBLANCE_RELU
        case .silu: SEMBLANCE_SILU
        case .tanh: SEMBLANCE_TANH
        }
    }
}

extension Tape {
    /// y = f(x), element by element.
    package func activation(_ x: Variable, _ kind: Activation) -> Variable {
        let input = x.value
        var y = Matrix(uninitializedRows: input.rows, columns: input.columns)
        unsafe y.withMutablePointer { y in
            unsafe input.withPointer { x in
                (0..<input.count).split(by: elementsOfRun, on: workers) { part in
                    unsafe semblance_activate(kind.kernel, x + part.lowerBound, part.count, y + part.lowerBound)
                }
            }
        }
        let place = x.place
        return record(y, from: [x]) { dY, flow in
            var dX = Matrix(uninitializedRows: input.rows, columns: input.columns)
            unsafe dX.withMutablePointer { dX in
                unsafe input.withPointer { x in
                    unsafe dY.withPointer { dY in
                        (0..<input.count).split(by: elementsOfRun, on: flow.workers) { part in
                            let first = part.lowerBound
                            unsafe semblance_activate_gradient(
                                kind.kernel,
                                x + first,
                                dY + first,
                                part.count,
                                dX + first
                            )
                        }
                    }
                }
            }
            flow.add(dX, to: place)
        }
    }

    /// Gated units (arXiv:2002.05202): y = f(a) · b for rows x = [a, b].
    package func gated(_ x: Variable, _ kind: Activation) -> Variable {
        let input = x.value
        let (rows, columns) = (input.rows, input.columns / 2)
        var y = Matrix(uninitializedRows: rows, columns: columns)
        unsafe y.withMutablePointer { y in
            unsafe input.withPointer { x in
                (0..<rows).splitRows(of: columns, on: workers) { part in
                    let offset = part.lowerBound * columns
                    unsafe semblance_gated(kind.kernel, x + 2 * offset, part.count, columns, y + offset)
                }
            }
        }
        let place = x.place
        return record(y, from: [x]) { dY, flow in
            var dX = Matrix(uninitializedRows: rows, columns: 2 * columns)
            unsafe dX.withMutablePointer { dX in
                unsafe input.withPointer { x in
                    unsafe dY.withPointer { dY in
                        (0..<rows).splitRows(of: columns, on: flow.workers) { part in
                            let offset = part.lowerBound * columns
                            unsafe semblance_gated_gradient(
                                kind.kernel,
                                x + 2 * offset,
                                dY + offset,
                                part.count,
                                columns,
                                dX + 2 * offset
                            )
                        }
                    }
                }
            }
            flow.add(dX, to: place)
        }
    }
}
