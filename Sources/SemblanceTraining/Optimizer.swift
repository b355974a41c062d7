// One step of the optimizer over all parameters; its state is what a checkpoint keeps.

internal import CSemblanceKernels
internal import SemblanceEncoders
internal import SemblanceNumerics

/// The moments of one parameter.
struct OptimizerMoments: Sendable {
    /// Adam: the decaying mean of gradients; unused by Adagrad.
    var first: Matrix?
    /// Adam: the decaying mean of squared gradients. Adagrad: their sum.
    var second: Matrix
}

/// A batch's gradient of one parameter.
enum ParameterGradient {
    case dense(Matrix)
    case rows(RowGradient)

    var sumOfSquares: Double {
        switch self {
        case .dense(let gradient): gradient.sumOfSquares
        case .rows(let gradient): gradient.values.sumOfSquares
        }
    }
}

/// Applies gradients to parameters.
struct Optimizer {
    let configuration: OptimizerConfiguration
    /// Steps taken so far.
    var step = 0
    /// In the order of the parameters.
    var moments: [OptimizerMoments]

    init(_ configuration: OptimizerConfiguration, parameters: [Matrix]) {
        self.configuration = configuration
        moments = parameters.map { parameter in
            let zero = Matrix(rows: parameter.rows, columns: parameter.columns)
            return OptimizerMoments(first: configuration.rule == .adagrad ? nil : zero, second: zero)
        }
    }

    /// Changes every parameter that has a gradient.
    ///
    /// - Parameter gradientScale: multiplies all gradients first: 1, or less where the norm was clipped.
    mutating func update(
        _ parameters: inout [Matrix],
        with gradients: [ParameterGradient?],
        learningRate: Float,
        gradientScale: Float,
        workers: Workers
    ) {
        step += 1
        for (index, gradient) in gradients.enumerated() {
            switch gradient {
            case .dense(let gradient):
                update(&parameters[index], &moments[index], gradient, nil, learningRate, gradientScale, workers)
            case .rows(let gradient) where configuration.rule == .adamW:
                let dense = gradient.dense(rows: parameters[index].rows)
                update(&parameters[index], &moments[index], dense, nil, learningRate, gradientScale, workers)
            case .rows(let gradient):
                update(
                    &parameters[index],
                    &moments[index],
                    gradient.values,
                    gradient.rows,
                    learningRate,
                    gradientScale,
                    workers
                )
            case nil: break
            }
        }
    }

    /// Updates all of a parameter, or only `rows` of it, of which `gradient` then has one row each.
    private func update(
        _ parameter: inout Matrix,
        _ moments: inout OptimizerMoments,
        _ gradient: Matrix,
        _ rows: [Int32]?,
        _ learningRate: Float,
        _ gradientScale: Float,
        _ workers: Workers
    ) {
        let c = configuration
        let columns = parameter.columns
        let correction1 = Float(1 - pow(Double(c.beta1), step))
        let correction2 = Float(1 - pow(Double(c.beta2), step))
        let blockRows = max(1, 16_384 / max(columns, 1))
        unsafe parameter.withMutablePointer { p in
            unsafe moments.second.withMutablePointer { v in
                unsafe gradient.withPointer { g in
                    func forEachBlock(_ body: (_ first: Int, _ count: Int) -> Void) {
                        workers.forEach((gradient.rows + blockRows - 1) / blockRows) { index in
                            body(index * blockRows, min(blockRows, gradient.rows - index * blockRows))
                        }
                    }
                    switch (c.rule, rows) {
                    case (.adagrad, nil):
                        forEachBlock { first, count in
                            let offset = first * columns
                            unsafe semblance_adagrad(
                                p + offset,
                                v + offset,
                                g + offset,
                                count * columns,
                                learningRate,
                                c.epsilon,
                                gradientScale
                            )
                        }
                    case (.adagrad, let rows?):
                        unsafe rows.withUnsafeBufferPointer { rows in
                            guard let rows = rows.baseAddress else { return }
                            forEachBlock { first, count in
                                unsafe semblance_adagrad_rows(
                                    p,
                                    v,
                                    columns,
                                    rows + first,
                                    g + first * columns,
                                    count,
                                    learningRate,
                                    c.epsilon,
                                    gradientScale
                                )
                            }
                        }
                    case (_, nil):
                        unsafe moments.first?.withMutablePointer { m in
                            forEachBlock { first, count in
                                let offset = first * columns
                                unsafe semblance_adam(
                                    p + offset,
                                    m + offset,
                                    v + offset,
                                    g + offset,
                                    count * columns,
                                    learningRate,
                                    c.beta1,
                                    c.beta2,
                                    c.epsilon,
                                    c.weightDecay,
                                    correction1,
                                    correction2,
                                    gradientScale
                                )
                            }
                        }
                    case (_, let rows?):
                        unsafe rows.withUnsafeBufferPointer { rows in
                            guard let rows = rows.baseAddress else { return }
                            unsafe moments.first?.withMutablePointer { m in
                                forEachBlock { first, count in
                                    unsafe semblance_adam_rows(
                                        p,
                                        m,
                                        v,
                                        columns,
                                        rows + first,
                                        g + first * columns,
                                        count,
                                        learningRate,
                                        c.beta1,
                                        c.beta2,
                                        c.epsilon,
                                        correction1,
                                        correction2,
                                        gradientScale
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// base^exponent for the small whole exponents of bias corrections.
private func pow(_ base: Double, _ exponent: Int) -> Double {
    var (result, square, left) = (1.0, base, exponent)
    while left > 0 {
        if left & 1 == 1 { result *= square }
        square *= square
        left >>= 1
    }
    return result
}
