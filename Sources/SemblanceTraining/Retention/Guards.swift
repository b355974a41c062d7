// Evaluation sets that tuning must not cost more than a bound.

internal import SemblanceEncoders
public import SemblanceEvaluation
internal import SemblanceNumerics

/// An evaluation set of something a model should still do after it was tuned on something else.
public struct GuardSet: Sendable {
    /// What reports call it.
    public let name: String
    /// The set.
    public let dataset: RetrievalDataset

    /// A guard set with a name of its own.
    public init(_ dataset: RetrievalDataset, name: String) {
        self.name = name
        self.dataset = dataset
    }
}

/// How a model does on its guard sets after some steps.
public struct GuardEvaluation: Hashable, Sendable, Codable {
    /// Steps taken; 0 is the start.
    public let step: Int
    /// nDCG@10 on each set.
    public let scores: [String: Double]
    /// The mean over the queries of all sets together.
    public let mean: Double
    /// How far the mean is below the start's; negative where it is above.
    public let loss: Double
    /// Whether the loss is at most ``RetentionConfiguration/guardBound``.
    public let isWithinBound: Bool
}

/// The guard sets of a run.
struct Guards {
    private let sets: [GuardSet]
    private let bound: Double

    var isEmpty: Bool { sets.isEmpty }

    /// - Throws: ``TrainingError`` where two have one name.
    init(_ sets: [GuardSet], bound: Double) throws {
        self.sets = sets
        self.bound = bound
        let counts = Dictionary(sets.map { ($0.name, 1) }, uniquingKeysWith: +)
        if let twice = counts.first(where: { $0.value > 1 }) {
            throw TrainingError(
                code: .invalidConfiguration,
                message: "two guard sets are called \(twice.key): give each a name of its own"
            )
        }
    }

    /// Evaluates a model.
    ///
    /// - Parameter start: the evaluation of the model training starts from; `nil` makes it.
    /// - Parameter evaluate: how a model does on a set.
    func evaluate(
        step: Int,
        against start: GuardEvaluation?,
        _ evaluate: (DevelopmentSet) throws -> DevelopmentReport
    ) rethrows -> GuardEvaluation {
        var scores: [String: Double] = [:]
        var (sum, queries) = (0.0, 0)
        for set in sets {
            let score = try evaluate(.retrieval(set.dataset)).score
            scores[set.name] = score
            sum += score * Double(set.dataset.queries.count)
            queries += set.dataset.queries.count
        }
        let mean = sum / Double(max(queries, 1))
        let loss = (start?.mean ?? mean) - mean
        return GuardEvaluation(step: step, scores: scores, mean: mean, loss: loss, isWithinBound: loss <= bound)
    }

    /// How far a loss is beyond the bound.
    func excess(of evaluation: GuardEvaluation?) -> Double {
        guard let evaluation, !evaluation.isWithinBound else { return 0 }
        return evaluation.loss - bound
    }

    /// What is said where no evaluation was within the bound.
    func warning(step: Int, _ evaluations: [GuardEvaluation]) -> TrainingWarning {
        let loss = evaluations.last { $0.step == step }?.loss ?? 0
        return TrainingWarning(
            kind: .guardBound,
            message: "no evaluation was within \(bound) of the start's nDCG@10 on the guard sets: the weights of step "
                + "\(step), which lose least, lose \(loss.rounded(toDigits: 4)); evaluate more often, lower the learning "
                + "rate or retention.interpolation, or replay pairs of the kind they are for"
        )
    }
}

extension Double {
    /// The number with so many digits after the point, for messages.
    fileprivate func rounded(toDigits digits: Int) -> Double {
        var power = 1.0
        for _ in 0..<digits { power *= 10 }
        return (self * power).rounded() / power
    }
}
