internal import SemblanceEncoders
internal import SemblanceNumerics

/// What a step lends to losses that bring texts of their own.
struct SideStep {
    /// Steps taken before it.
    let number: Int
    /// 1/τ.
    let scale: Float
    let workers: Workers
    /// The views of the embeddings.
    let selection: NestedViews.Selection
    /// Embeds texts of a store by their numbers: all views with dropout, or the whole alone without.
    let embed: (_ texts: [Int32], _ role: Role, _ store: TokenStore, _ part: Part) -> EmbeddedBatch

    enum Part { case views, whole }
}

/// Data that a model should still be good for after it was tuned on other data.
struct RetainedData {
    var pairs: [TrainingPair] = []
    var texts: [String] = []
}

/// The losses beside the objective that keep a model from forgetting: ``Replay`` and ``Pull``.
struct Retention {
    private let data: RetainedData
    private let configuration: TrainingConfiguration
    private var replay: Replay?
    private var pull: Pull?

    init(
        _ data: RetainedData,
        for embedder: Embedder,
        _ configuration: TrainingConfiguration,
        workers: Workers
    ) throws {
        var seen = Set<String>()
        self.data = RetainedData(pairs: data.pairs, texts: data.texts.filter { seen.insert($0).inserted })
        self.configuration = configuration
        if !data.pairs.isEmpty { replay = try Replay(data.pairs, for: embedder, configuration, workers: workers) }
    }

    /// Embeds the texts with the model training starts from.
    mutating func begin(from model: TrainedModel, workers: Workers, cancellation: Cancellation) throws {
        guard !data.texts.isEmpty else { return }
        pull = try Pull(data.texts, from: model, configuration, workers: workers, cancellation: cancellation)
    }

    /// Adds a step's gradients; the losses' sum and the tokens read come out.
    mutating func run(_ step: SideStep, into sums: inout [ParameterGradients]) -> (loss: Double, tokens: Int) {
        var total = (loss: 0.0, tokens: 0)
        for part in [replay?.run(step, into: &sums), pull?.run(step, into: &sums)] {
            total.loss += part?.loss ?? 0
            total.tokens += part?.tokens ?? 0
        }
        return total
    }

    /// All texts, for a checkpoint to tell other data.
    var digested: [String] {
        // Counts stand between the lists, so that no two sets of data are one list of texts.
        var all: [String] = []
        for pair in data.pairs {
            all.append("\(pair.positives.count) \(pair.negatives.count) \(pair.group ?? "")")
            all.append(pair.anchor)
            all += pair.positives
            all += pair.negatives
        }
        return all + ["\(data.pairs.count)"] + data.texts
    }
}
