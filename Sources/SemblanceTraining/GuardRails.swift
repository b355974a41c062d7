internal import Foundation
internal import SemblanceEncoders

/// Watches for settings and data that can't be meant; says so once.
struct GuardRails {
    private let configuration: TrainingConfiguration
    private let learningRate: Double
    private let usualLearningRates: ClosedRange<Double>
    private var recentLosses: [Double] = []
    private var recentGuesses: [Double] = []
    private var saidNoProgress = false
    private var saidTwins = false

    /// Steps the loss is watched over.
    private static let window = 50

    init(configuration: TrainingConfiguration, learningRate: Double, model: TrainedModel) {
        self.configuration = configuration
        self.learningRate = learningRate
        usualLearningRates = model.usualLearningRates(of: configuration.optimizer.rule)
    }

    /// What can be said before the first step.
    func initialWarnings() -> [TrainingWarning] {
        var warnings: [TrainingWarning] = []
        if !usualLearningRates.contains(learningRate) {
            warnings.append(
                TrainingWarning(
                    kind: .learningRate,
                    message: "a learning rate of \(learningRate) is unusual for this encoder: "
                        + "\(usualLearningRates.lowerBound) to \(usualLearningRates.upperBound) is"
                )
            )
        }
        let temperature = configuration.objective.temperature.value
        if temperature < 0.005 || temperature > 0.5 {
            warnings.append(
                TrainingWarning(
                    kind: .temperature,
                    message: "a temperature of \(temperature) is unusual for cosine similarities: "
                        + "0.01 to 0.1 is (a scale of 100 to 10)"
                )
            )
        }
        return warnings
    }

    /// What a step shows.
    mutating func check(_ contrast: Contrast, step: Int, total: Int) -> [TrainingWarning] {
        var warnings: [TrainingWarning] = []
        let open = Double(contrast.candidatesPerRow) - contrast.maskedPerRow
        if !saidTwins, contrast.candidatesPerRow > 2, contrast.maskedPerRow > Double(contrast.candidatesPerRow) / 2 {
            saidTwins = true
            warnings.append(
                TrainingWarning(
                    kind: .twins,
                    message: "step \(step): masks close \(Int(contrast.maskedPerRow)) of "
                        + "\(contrast.candidatesPerRow) candidates of an anchor, because most pairs of the batch share a "
                        + "positive or a group: little is left to learn from; add other pairs or hard negatives"
                )
            )
        }
        // Guessing is about the softmax: neither terms nor further views.
        let losses = contrast.losses
        recentLosses.append(losses.isEmpty ? contrast.loss : losses.reduce(0, +) / Double(losses.count))
        recentGuesses.append(log(max(open, 1)))
        if recentLosses.count > Self.window {
            recentLosses.removeFirst()
            recentGuesses.removeFirst()
        }
        let warmedUp = Double(step) > max(Double(Self.window), configuration.warmup * Double(total) * 2)
        if !saidNoProgress, warmedUp, recentLosses.count == Self.window {
            let loss = recentLosses.reduce(0, +) / Double(Self.window)
            let guess = recentGuesses.reduce(0, +) / Double(Self.window)
            if loss > 0.97 * guess, guess > 0 {
                saidNoProgress = true
                warnings.append(
                    TrainingWarning(
                        kind: .noProgress,
                        message:
                            "after \(step) steps the loss is \(String(format: "%.3f", loss)), where guessing gives "
                            + "\(String(format: "%.3f", guess)): nothing is learned; check that anchors and positives "
                            + "belong together, and the learning rate (\(learningRate))"
                    )
                )
            }
        }
        return warnings
    }

    static func fewNegatives(_ report: MiningReport, wanted: Int) -> TrainingWarning {
        TrainingWarning(
            kind: .fewNegatives,
            message: "\(report.shortRows) of \(report.rows) rows have fewer than \(wanted) hard negatives: "
                + "\(report.shortOfCandidates) for want of candidates (widen the ranks or the corpus), "
                + "\(report.shortByLimits) because candidates are too close to the positive (loosen the limits)"
        )
    }
}
