internal import ArgumentParser
internal import Foundation
internal import Semblance
internal import Synchronization

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a model on pairs.",
        discussion: """
            PAIRS.jsonl holds one {"anchor", "positive", "negatives", "group"} a line; positive may be a list, the last two \
            may be missing. Without --base a static encoder is trained from scratch over a vocabulary learned from the \
            texts, or over --tokenizer. A file whose name ends with .txt holds one text a line instead: a model is then \
            trained without pairs, a transformer by dropout (SimCSE), any model with --augment.
            """
    )

    @Argument(help: "Training pairs, or texts alone (.txt).")
    var pairs: String
    @Option(help: "The folder the model is written to.")
    var output: String
    @Option(help: "What to start from: scratch, or a model folder.")
    var base = "scratch"
    @Option(help: "A tokenizer.json or vocab.txt (scratch only; else a vocabulary is trained).")
    var tokenizer: String?
    @Option(help: "Tokens of a trained vocabulary, at most. (default: \(VocabularyConfiguration().size))")
    var vocabularySize: Int?
    @Option(help: "The embeddings' dimension (scratch only). (default: \(StaticConfiguration().dimension))")
    var dimension: Int?
    @Option(help: "The most tokens of a text; all unless given (scratch only).")
    var maxLength: Int?
    @Option(help: "Passes over the pairs. (default: \(TrainingConfiguration().epochs))")
    var epochs: Int?
    @Option(help: "Pairs in a step. (default: \(TrainingConfiguration().batchSize))")
    var batchSize: Int?
    @Option(
        help:
            "The peak learning rate. (default: transformers 2e-5; static encoders 0.3 lazy-adam, 0.2 adamw, 1 adagrad)"
    )
    var learningRate: Float?
    @Option(help: "The temperature of the softmax. (default: \(Temperature().value))")
    var temperature: Float?
    @Option(
        help: ArgumentHelp(
            "A method of the objective, with its defaults; may be given several times.",
            discussion: "One of: \(MethodRegistry.names.joined(separator: ", ")). Settings go into --configuration."
        )
    )
    var objective: [String] = []
    @Option(help: "The update rule. (default: \(OptimizerConfiguration().rule.rawValue))")
    var optimizer: OptimizerConfiguration.Rule?
    @Option(help: "How the learning rate falls. (default: \(TrainingConfiguration().schedule.rawValue))")
    var schedule: LearningRateSchedule?
    @Option(help: "The share of steps the learning rate rises over. (default: \(TrainingConfiguration().warmup))")
    var warmup: Double?
    @Option(help: "Train low-rank updates of this rank beside the model's weights (LoRA).")
    var lora: Int?
    @Option(help: "Leave the embeddings and so many layers as they are; 0: the embeddings alone.")
    var freezeLayers: Int?
    @Option(help: "Train bottleneck adapters of this width beside the model's weights.")
    var adapter: Int?
    @Option(help: "Train so many vectors put before each text's, beside the model's weights.")
    var softPrompt: Int?
    @Flag(help: "Train a linear layer behind the pooling alone.")
    var headAlone = false
    @Option(help: "The rate of dropout in a transformer; as the model says unless given.")
    var dropout: Float?
    @Option(help: "Decides everything random. (default: \(TrainingConfiguration().seed))")
    var seed: UInt64?
    @Option(help: "Hard negatives; may be given several times. (default: rows where the file has them)")
    var negatives: [NegativeSource] = []
    @Option(help: "Hard negatives of a row, at most. (default: \(TrainingConfiguration().negativesPerRow))")
    var negativesPerRow: Int?
    @Option(help: "Mine anew every so many epochs; once unless given.")
    var remineEvery: Int?
    @Option(help: "Mine anew every so many steps.")
    var remineEverySteps: Int?
    @Option(help: "How mined negatives are kept apart from positives, by name. (default: topk-percpos)")
    var mining: MiningConfiguration?
    @Option(help: "A model folder that --negatives guided asks; may be given several times.")
    var guide: [String] = []
    @Option(help: "Change texts at random in every batch; may be given several times, one change after another.")
    var augment: [TextAugmentation] = []
    @Option(help: "Which rows come into a batch together. (default: \(BatchComposition().kind.rawValue))")
    var batches: BatchComposition.Kind?
    @Option(help: "Texts to mine from, a JSON Lines file with text and title; the positives unless given.")
    var corpus: String?
    @Option(
        help: "A BEIR folder or scored pairs (.tsv, .jsonl) to evaluate on after each epoch; the best weights are kept."
    )
    var dev: String?
    @Option(help: "The split of --dev.")
    var devSplit = "dev"
    @Option(
        help: ArgumentHelp(
            "Train these numbers of leading components for use alone, 256,128,64 (Matryoshka); or the first layers with them, "
                + "2:32,4:64 (Starbucks).",
            valueName: "sizes"
        )
    )
    var nesting: NestingSizes?
    @OptionGroup(title: "Against forgetting") var retention: RetentionOptions
    @Option(
        help: "Settings for a situation; --configuration and flags win. teacher asks the models of --guide."
    )
    var preset: TrainingPreset?
    @Option(help: "A JSON file with any of the fields of TrainingConfiguration; flags win.")
    var configuration: String?
    @Option(help: "Write a checkpoint into the output every so many steps.")
    var checkpointEvery: Int?
    @Flag(help: "Continue the checkpoint in the output.")
    var resume = false
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if base != "scratch", tokenizer != nil || vocabularySize != nil || dimension != nil || maxLength != nil {
            throw ValidationError(
                "--tokenizer, --vocabulary-size, --dimension and --max-length go with --base scratch: a model has its own"
            )
        }
        if tokenizer != nil, vocabularySize != nil {
            throw ValidationError("--vocabulary-size is of a trained vocabulary: leave it out, or --tokenizer")
        }
        if let checkpointEvery, checkpointEvery < 1 {
            throw ValidationError("--checkpoint-every is \(checkpointEvery): it must be at least 1 step")
        }
    }

    func run() async throws {
        let checkpointFolder = URL(path: output).appending(path: "checkpoint")
        if resume {
            guard FileManager.default.fileExists(atPath: checkpointFolder.path) else {
                throw CommandError("\(output) holds no checkpoint to resume: train without --resume")
            }
        } else {
            try checkOutput(output, overwriting: outputOptions.overwrite)
            try? FileManager.default.removeItem(at: checkpointFolder)
        }
        let settings = try trainingConfiguration()
        let corpusTexts = try readCorpus(corpus)
        let development = try dev.map { path -> DevelopmentSet in
            isScoredPairs(path)
                ? .similarity(try SimilarityDataset(contentsOf: URL(path: path)))
                : .retrieval(try RetrievalDataset(contentsOf: URL(path: path), split: devSplit))
        }

        let guards = try retention.guards()
        let replayed = try retention.replay.map { try JSONLines.read(TrainingPair.self, from: URL(path: $0)) } ?? []
        let retained = try retention.pull.map { try TextLines.read(from: URL(path: $0)) } ?? []

        let finished = Mutex<TrainingReport?>(nil)
        let show = common.console.trainingProgress()
        let start = try initialModel()
        let checkpoints = checkpointEvery.map { CheckpointConfiguration(folder: checkpointFolder, everySteps: $0) }
        let progress: @Sendable (TrainingEvent) -> Void = { event in
            if case .finished(let report) = event { finished.withLock { $0 = report } }
            show(event)
        }
        let file = URL(path: pairs)
        let embedder =
            if file.pathExtension == "txt" {
                try await Embedder.fit(
                    texts: TextLines.read(from: file),
                    startingFrom: start,
                    configuration: settings,
                    evaluating: development,
                    checkpoints: checkpoints,
                    resumingFrom: resume ? checkpointFolder : nil,
                    progress: progress
                )
            } else {
                try await Embedder.fit(
                    JSONLines.read(TrainingPair.self, from: file),
                    startingFrom: start,
                    configuration: settings,
                    corpus: corpusTexts,
                    evaluating: development,
                    guarding: guards,
                    replaying: replayed,
                    retaining: retained,
                    checkpoints: checkpoints,
                    resumingFrom: resume ? checkpointFolder : nil,
                    progress: progress
                )
            }
        try embedder.write(to: URL(path: output), overwriting: true)
        guard let report = finished.withLock({ $0 }) else { return }
        try common.console.result(TrainResult(report)) {
            var lines = [
                "\(report.pairs) pairs, \(report.steps) steps, loss \(report.loss.formatted(digits: 4)), "
                    + "\(Int(report.pairsPerSecond)) pairs/s"
            ]
            for evaluation in report.guards {
                lines.append(
                    "step \(evaluation.step): guards \(evaluation.mean.formatted(digits: 4)), lost "
                        + "\(evaluation.loss.formatted(digits: 4)): "
                        + evaluation.scores.sorted { $0.key < $1.key }
                        .map { "\($0.key) \($0.value.formatted(digits: 4))" }.joined(separator: ", ")
                )
            }
            switch report.evaluation {
            case .retrieval(let evaluation): lines.append(table([("dev", evaluation.summary)]))
            case .similarity(let evaluation): lines.append(table("dev", evaluation))
            case nil: break
            }
            if report.suspectedFalseNegativeCount > 0 {
                lines.append("\(report.suspectedFalseNegativeCount) suspected false negatives, the clearest:")
                for suspect in report.suspectedFalseNegatives.prefix(3) {
                    lines.append("  \(suspect.anchor) → \(suspect.candidate) (beside \(suspect.positive))")
                }
            }
            return (lines + ["model written to \(output)"]).joined(separator: "\n")
        }
    }

    func trainingConfiguration() throws -> TrainingConfiguration {
        var settings = preset.map { TrainingConfiguration($0) } ?? .init()
        if let configuration {
            settings = try TrainingConfiguration(contentsOf: URL(path: configuration), over: settings)
        }
        if let epochs { settings.epochs = epochs }
        if let batchSize { settings.batchSize = batchSize }
        if let learningRate { settings.learningRate = learningRate }
        if let temperature { settings.objective.temperature.value = temperature }
        settings.objective.methods += try objective.map { try MethodChoice(named: $0) }
        if let optimizer { settings.optimizer.rule = optimizer }
        if let schedule { settings.schedule = schedule }
        if let warmup { settings.warmup = warmup }
        if let lora { settings.tuning.lora = LoRAConfiguration(rank: lora) }
        if let freezeLayers {
            settings.tuning.frozenLayers = freezeLayers
            settings.tuning.freezesEmbeddings = true
        }
        if let adapter { settings.tuning.adapterWidth = adapter }
        if let softPrompt { settings.tuning.softPromptLength = softPrompt }
        if headAlone { settings.tuning.trainsHeadAlone = true }
        if let dropout { settings.dropout = dropout }
        if let seed { settings.seed = seed }
        if !negatives.isEmpty { settings.negatives = negatives }
        if let negativesPerRow { settings.negativesPerRow = negativesPerRow }
        if let nesting { settings.objective.nesting = nesting.configuration }
        retention.apply(to: &settings.retention)
        if let remineEvery { settings.remineEvery = remineEvery }
        if let remineEverySteps { settings.remineEverySteps = remineEverySteps }
        if var method = mining {
            method.pick = settings.mining.pick
            method.mixture = settings.mining.mixture
            method.competence = settings.mining.competence
            method.guides = settings.mining.guides
            settings.mining = method
        }
        if !guide.isEmpty { settings.mining.guides = guide }
        if let first = augment.first {
            settings.augmentation = augment.dropFirst().reduce(first) { $0.followed(by: $1) }
        }
        if let batches { settings.batches.kind = batches }
        if let threads = common.threads { settings.compute.threads = threads }
        if let precision = common.precision { settings.compute.precision = precision }
        try settings.validate()
        return settings
    }

    private func initialModel() throws -> InitialModel {
        guard base == "scratch" else { return .pretrained(at: URL(path: base)) }
        var encoder = StaticConfiguration()
        if let dimension { encoder.dimension = dimension }
        encoder.maximumLength = maxLength
        if let tokenizer {
            let file = URL(path: tokenizer)
            return .untrained(
                encoder,
                tokenizer: file.pathExtension == "txt"
                    ? try Tokenizer(wordPieceVocabulary: file) : try Tokenizer(contentsOf: file)
            )
        }
        var vocabulary = VocabularyConfiguration()
        if let vocabularySize { vocabulary.size = vocabularySize }
        return .scratch(encoder, vocabulary: vocabulary)
    }
}

/// The JSON of `train`.
private struct TrainResult: Encodable {
    let pairsPerSecond: Double
    let seconds: Double
    let steps: Int
    let loss: Double
    let falseNegativesSuspected: Int
    let evaluationStep: Int?
    let dev: Development?
    let guards: [GuardEvaluation]

    init(_ report: TrainingReport) {
        pairsPerSecond = report.pairsPerSecond
        seconds = report.seconds
        steps = report.steps
        loss = report.loss
        falseNegativesSuspected = report.suspectedFalseNegativeCount
        evaluationStep = report.evaluationStep
        guards = report.guards
        dev = report.evaluation.map(Development.init)
    }

    /// The summary, or the correlations, as `evaluate` writes them.
    struct Development: Encodable {
        let report: DevelopmentReport

        func encode(to encoder: any Encoder) throws {
            switch report {
            case .retrieval(let report): try report.summary.encode(to: encoder)
            case .similarity(let report): try report.encode(to: encoder)
            }
        }
    }

    enum CodingKeys: String, CodingKey {
        case pairsPerSecond = "pairs_per_second"
        case seconds, steps, loss, dev, guards
        case evaluationStep = "evaluation_step"
        case falseNegativesSuspected = "false_negatives_suspected"
    }
}
