public import Foundation

/// What happens while a model is trained.
public enum TrainingEvent: Sendable {
    /// A step was taken.
    case step(TrainingProgress)
    /// Hard negatives were chosen.
    case mined(MiningReport)
    /// The model was evaluated on the development set after so many steps.
    case evaluated(step: Int, report: DevelopmentReport)
    /// The model was evaluated on its guard sets.
    case guarded(GuardEvaluation)
    /// Something looks wrong; training goes on.
    case warning(TrainingWarning)
    /// A checkpoint was written there.
    case checkpoint(URL)
    /// Training is over.
    case finished(TrainingReport)
}

/// Where training stands after a step.
public struct TrainingProgress: Hashable, Sendable, Codable {
    /// Steps taken, of all.
    public let step: Int
    /// Steps there will be.
    public let totalSteps: Int
    /// The epoch of the step, counted from 1.
    public let epoch: Int
    /// The step's mean loss, in nats.
    public let loss: Double
    /// What replayed pairs and pulled texts add to it.
    public let retentionLoss: Double
    /// The step's learning rate.
    public let learningRate: Double
    /// The temperature after the step.
    public let temperature: Double
    /// Pairs a second so far, tokenizing included, evaluation and mining not.
    public let pairsPerSecond: Double
    /// Tokens a second so far.
    public let tokensPerSecond: Double
    /// Seconds left at this rate.
    public let secondsLeft: Double
}

/// A sign that a setting or the data is wrong.
public struct TrainingWarning: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The kinds of signs.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// The learning rate is far from what this kind of encoder takes.
        case learningRate
        /// The temperature is far from what cosine similarities take.
        case temperature
        /// The loss stays where guessing is.
        case noProgress
        /// Most candidates of a batch are twins of the anchor's positive.
        case twins
        /// Fewer hard negatives were found than asked for.
        case fewNegatives
        /// No evaluation was within the bound of the guard sets.
        case guardBound
    }

    /// The kind of sign.
    public let kind: Kind
    /// What was seen, and what to try.
    public let message: String
    /// The message.
    public var description: String { message }
}

/// A document that looks more relevant to an anchor than its own positive: perhaps a false negative.
public struct SuspectedFalseNegative: Hashable, Sendable, Codable {
    /// The anchor's text.
    public let anchor: String
    /// The positive the data names.
    public let positive: String
    /// The document that came out above it.
    public let candidate: String
    /// The candidate's similarity to the anchor.
    public let score: Float
    /// The positive's.
    public let positiveScore: Float
}

/// What training did.
public struct TrainingReport: Sendable, Codable {
    /// Training pairs.
    public var pairs = 0
    /// Steps taken, those before a resume included.
    public var steps = 0
    /// Seconds in the training loop of this process, tokenizing included, evaluation and mining not.
    public var seconds = 0.0
    /// Pairs a second in that time.
    public var pairsPerSecond = 0.0
    /// Tokens a second in that time.
    public var tokensPerSecond = 0.0
    /// The mean loss of the last epoch, in nats.
    public var loss = 0.0
    /// What replayed pairs and pulled texts added to the loss of the last step.
    public var retentionLoss = 0.0
    /// The temperature at the end.
    public var temperature = 0.0
    /// Rows of the last epoch in which a document not known to be relevant came out above the positive.
    public var suspectedFalseNegativeCount = 0
    /// The clearest of them, by the distance between the two scores; at most 100.
    public var suspectedFalseNegatives: [SuspectedFalseNegative] = []
    /// What mining found, for each time it ran in this process.
    public var mining: [MiningReport] = []
    /// The evaluation of the weights returned, where there is a development set.
    public var evaluation: DevelopmentReport?
    /// The step of those weights.
    public var evaluationStep: Int?
    /// How the model did on its guard sets, first at the start, then at each evaluation.
    public var guards: [GuardEvaluation] = []
    /// Signs that something is wrong.
    public var warnings: [TrainingWarning] = []
    /// Whether training ended before its last epoch because evaluations no longer improved.
    public var stoppedEarly = false
}
