// Layer normalisation of a sum, forward and backward.
// B rows, D dimension.

internal import CSemblanceKernels

extension Tape {
    /// Layer normalisation (arXiv:1607.06450) of rows, with a residual added first.
    ///
    ///     s = x + residual,   x̂ = (s − mean(s)) / √(var(s) + ε),   y = γ · x̂ + β
    ///
    /// - Parameters:
    ///   - x: `[B, D]`.
    ///   - residual: `[B, D]`, or none.
    ///   - gamma: index of γ, `[1, D]`.
    ///   - beta: index of β, `[1, D]`, or none.
    /// - Returns: `[B, D]`.
    package func layerNorm(
        _ x: Variable,
        residual: Variable? = nil,
        gamma: Int,
        beta: Int?,
        epsilon: Float
    ) -> Variable {
        let (rows, columns) = (x.value.rows, x.value.columns)
        let inputs = [x] + (residual.map { [$0] } ?? [])
        let parameters = [gamma] + (beta.map { [$0] } ?? [])
        let keeps = records(inputs, parameters: parameters)
        var normalized = Matrix(uninitializedRows: keeps ? rows : 0, columns: columns)
        var inverseDeviations = Matrix(uninitializedRows: 1, columns: keeps ? rows : 0)
        var y = Matrix(uninitializedRows: rows, columns: columns)
        let (scale, shift) = (weights[gamma], beta.map { weights[$0] } ?? Matrix(rows: 0, columns: 0))
        let other = residual?.value ?? Matrix(rows: 0, columns: 0)
        unsafe y.withMutablePointer { y in
            unsafe normalized.withMutablePointer { normalized in
                unsafe inverseDeviations.withMutablePointer { inverse in
                    unsafe x.value.withPointer { x in
                        unsafe other.withPointer { other in
                            unsafe scale.withPointer { scale in
                                unsafe shift.withPointer { shift in
                                    (0..<rows).splitRows(of: columns, on: workers) { part in
                                        let offset = part.lowerBound * columns
                                        unsafe semblance_layer_norm(
                                            x + offset,
                                            residual == nil ? nil : other + offset,
                                            part.count,
                                            columns,
                                            scale,
                                            beta == nil ? nil : shift,
                                            epsilon,
                                            keeps ? normalized + offset : nil,
                                            keeps ? inverse + part.lowerBound : nil,
                                            y + offset
                                        )
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        let (kept, keptInverse) = (normalized, inverseDeviations)
        let places = inputs.map(\.place)
        return record(y, from: inputs, parameters: parameters, keeping: kept.byteCount) { dY, flow in
            flow.add(columnSumsOf: dY, times: kept, to: gamma)
            if let beta { flow.add(columnSumsOf: dY, to: beta) }
            guard places.contains(where: flow.reaches) else { return }
            let dS = Self.gradient(dY, kept, keptInverse, flow.weights[gamma], flow.workers)
            for place in places { flow.add(dS, to: place) }
        }
    }

    /// With g = γ · dY: dS = (g − mean(g) − x̂ · mean(g · x̂)) / √(var(s) + ε).
    private static func gradient(
        _ dY: Matrix,
        _ normalized: Matrix,
        _ inverseDeviations: Matrix,
        _ gamma: Matrix,
        _ workers: Workers?
    ) -> Matrix {
        let columns = dY.columns
        var dS = Matrix(uninitializedRows: dY.rows, columns: columns)
        unsafe dS.withMutablePointer { dS in
            unsafe dY.withPointer { dY_ in
                unsafe normalized.withPointer { normalized in
                    unsafe inverseDeviations.withPointer { inverse in
                        unsafe gamma.withPointer { gamma in
                            (0..<dY.rows).splitRows(of: columns, on: workers) { part in
                                let offset = part.lowerBound * columns
                                unsafe semblance_layer_norm_gradient(
                                    normalized + offset,
                                    inverse + part.lowerBound,
                                    gamma,
                                    dY_ + offset,
                                    part.count,
                                    columns,
                                    dS + offset
                                )
                            }
                        }
                    }
                }
            }
        }
        return dS
    }
}
