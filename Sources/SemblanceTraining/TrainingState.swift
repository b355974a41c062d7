// Everything a resumed run needs to go on as if it had never stopped.

internal import Foundation
internal import SemblanceNumerics

/// The state of training after a step.
struct TrainingState {
    /// Steps taken.
    var step = 0
    var parameters: [Matrix]
    var optimizer: Optimizer
    var temperature: LearnedTemperature
    /// Of the objective's methods, in their order.
    var methods: [MethodState] = []
    /// The step negatives were mined before; −1 before the first time.
    var minedStep = -1
    /// Hard negatives of each row by text number; empty where there are none.
    var negatives: [[Int32]]
    /// By row, the cluster of its anchor, where batches go by clusters; else empty.
    var clusters: [Int32] = []
    /// The best evaluation so far.
    var best: Best?
    var evaluationsWithoutGain = 0
    /// The step of the last evaluation; 0 before the first.
    var evaluatedStep = 0
    /// Whether training ended early.
    var isFinished = false
    var learningRate = 0.0
    var lossSumOfEpoch = 0.0
    var lossesOfEpoch = 0

    /// How the model did on its guard sets, first at the start.
    var guarded: [GuardEvaluation] = []

    struct Best {
        var score: Double
        /// How far the guard sets lose more than they may.
        var excess = 0.0
        var step: Int
        /// Empty where the last weights are wanted instead of the best.
        var parameters: [Matrix]

        /// What is within the guards' bound comes first, then what is nearer to it, then the score.
        func isBetter(than other: Best) -> Bool {
            excess == other.excess ? score > other.score : excess < other.excess
        }
    }

    init(model: TrainedModel, configuration: TrainingConfiguration, negatives: [[Int32]]) {
        parameters = model.parameters
        optimizer = Optimizer(configuration.optimizer, parameters: model.traits)
        temperature = LearnedTemperature(configuration.objective.temperature)
        self.negatives = negatives
    }

    var meanLossOfEpoch: Double { lossesOfEpoch > 0 ? lossSumOfEpoch / Double(lossesOfEpoch) : 0 }

    mutating func beginEpoch() {
        lossSumOfEpoch = 0
        lossesOfEpoch = 0
    }

    /// Takes a step.
    mutating func take(
        _ gradients: [ParameterGradient?],
        scaledBy gradientScale: Float,
        scaleGradient: Double,
        loss: Double,
        learningRate: Double,
        workers: Workers
    ) {
        self.learningRate = learningRate
        optimizer.update(
            &parameters,
            with: gradients,
            learningRate: Float(learningRate),
            gradientScale: gradientScale,
            workers: workers
        )
        temperature.update(scaleGradient: scaleGradient, step: optimizer.step)
        step += 1
        lossSumOfEpoch += loss
        lossesOfEpoch += 1
    }
}

/// The temperature, learned as θ = log(1/τ) by Adam where asked for, and clamped.
struct LearnedTemperature: Codable, Hashable {
    private let configuration: Temperature
    private var logScale: Double
    private var firstMoment = 0.0
    private var secondMoment = 0.0

    init(_ configuration: Temperature) {
        self.configuration = configuration
        logScale = -log(Double(configuration.value))
    }

    /// 1/τ.
    var scale: Float { configuration.isLearned ? Float(exp(logScale)) : 1 / configuration.value }

    /// Takes a step of Adam with rate 0.01: τ moves by at most about a hundredth of itself.
    mutating func update(scaleGradient: Double, step: Int) {
        guard configuration.isLearned else { return }
        let gradient = scaleGradient * exp(logScale)
        firstMoment = 0.9 * firstMoment + 0.1 * gradient
        secondMoment = 0.999 * secondMoment + 0.001 * gradient * gradient
        let first = firstMoment / (1 - pow(0.9, Double(step)))
        let second = secondMoment / (1 - pow(0.999, Double(step)))
        logScale -= 0.01 * first / (second.squareRoot() + 1e-8)
        logScale = min(max(logScale, -log(Double(configuration.maximum))), -log(Double(configuration.minimum)))
    }
}
