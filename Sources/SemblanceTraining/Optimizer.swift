// One step of the optimizer over all parameters; its state is what a checkpoint keeps.

internal import CSemblanceKernels
internal import Foundation
package import SemblanceEncoders
package import SemblanceNumerics

/// The moments of one parameter.
package struct OptimizerMoments: Sendable {
    /// Adam: the decaying mean of gradients; unused by Adagrad.
    var first: Matrix?
    /// Adam: the decaying mean of squared gradients. Adagrad: their sum.
    var second: Matrix
}

/// A batch's gradient of one parameter.
package enum ParameterGradient {
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
package struct Optimizer {
    let configuration: OptimizerConfiguration
    /// Steps taken so far.
    var step = 0
    /// In the order of the parameters; empty for those that stay as they are.
    var moments: [OptimizerMoments]
    let isTrained: [Bool]
    private let rateFactors: [Float]
    private let decays: [Bool]

    /// - Parameter parameters: biases and the weights of normalisation don't decay (as in arXiv:1810.04805).
    package init(_ configuration: OptimizerConfiguration, parameters: [Parameter]) {
        self.configuration = configuration
        moments = parameters.map { parameter in
            let zero = Matrix(rows: parameter.isTrained ? parameter.value.rows : 0, columns: parameter.value.columns)
            return OptimizerMoments(first: configuration.rule == .adagrad ? nil : zero, second: zero)
        }
        isTrained = parameters.map(\.isTrained)
        rateFactors = parameters.map(\.rateFactor)
        decays = parameters.map { !$0.isVector }
    }

    /// Changes every parameter that has a gradient.
    ///
    /// - Parameter gradientScale: multiplies all gradients first: 1, or less where the norm was clipped.
    package mutating func update(
        _ parameters: inout [Matrix],
        with gradients: [ParameterGradient?],
        learningRate: Float,
        gradientScale: Float,
        workers: Workers
    ) {
        step += 1
        for (index, gradient) in gradients.enumerated() where isTrained[index] {
            var rule = Step(configuration, step, learningRate * rateFactors[index], gradientScale, workers)
            if !decays[index] { rule.weightDecay = 0 }
            switch gradient {
            case .dense(let gradient): rule.update(&parameters[index], &moments[index], gradient)
            case .rows(let gradient) where configuration.rule == .adamW:
                rule.update(&parameters[index], &moments[index], gradient.dense(rows: parameters[index].rows))
            case .rows(let gradient):
                rule.update(&parameters[index], &moments[index], gradient.values, rows: gradient.rows)
            case nil: break
            }
        }
    }
}

/// The rule at one step; apart from ``Optimizer``, so that no copy of the moments is alive while they change.
private struct Step {
    private let c: OptimizerConfiguration
    private let correction1: Float
    private let correction2: Float
    private let learningRate: Float
    private let gradientScale: Float
    private let workers: Workers
    var weightDecay: Float

    init(
        _ configuration: OptimizerConfiguration,
        _ step: Int,
        _ learningRate: Float,
        _ gradientScale: Float,
        _ workers: Workers
    ) {
        c = configuration
        weightDecay = configuration.weightDecay
        correction1 = Float(1 - pow(Double(c.beta1), Double(step)))
        correction2 = Float(1 - pow(Double(c.beta2), Double(step)))
        self.learningRate = learningRate
        self.gradientScale = gradientScale
        self.workers = workers
    }

    /// Updates all of a parameter, or only `rows` of it, of which `gradient` then has one row each.
    func update(
        _ parameter: inout Matrix,
        _ moments: inout OptimizerMoments,
        _ gradient: Matrix,
        rows: [Int32]? = nil
    ) {
        let columns = parameter.columns
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
                                    weightDecay,
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
