// The training loop.

internal import Foundation
internal import Logging
internal import SemblanceEncoders
internal import SemblanceEvaluation
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// Trains a dual encoder on pairs, step by step.
///
/// `Embedder.fit` makes one and runs it on the threads of its workers.
final class Trainer {
    let configuration: TrainingConfiguration
    let set: TrainingSet
    private let development: DevelopmentSet?
    private let checkpoints: CheckpointConfiguration?
    let workers: Workers
    let logger = Logger(label: "semblance.training")

    var model: TrainedModel
    var state: TrainingState
    let queries: TokenStore
    let documents: TokenStore
    let sampler: any BatchSampler
    private let objective: NestedObjective
    private let peakLearningRate: Double
    let sources: [NegativeSource]
    /// The texts under the models that negatives are asked of.
    var guides: [MiningSpace] = []
    private var guardRails: GuardRails
    var report = TrainingReport()
    private var suspects = SuspectList()
    private var retention: Retention
    private let guards: Guards
    private var tokenCount = 0

    /// Numbers and tokenizes the texts, and continues a checkpoint where one is given.
    ///
    /// - Parameters:
    ///   - embedder: the model to start from.
    ///   - corpus: further texts hard negatives are chosen from; without it, the positives of all pairs.
    ///   - development: evaluated while training.
    ///   - guards: evaluated with it; the best weights are those within the bound.
    ///   - retained: what the model should still be good for.
    ///   - checkpoints: where and how often to write one.
    ///   - resumption: the folder of a checkpoint to continue.
    /// - Throws: ``TrainingError``.
    init(
        _ pairs: [TrainingPair],
        startingFrom embedder: Embedder,
        configuration: TrainingConfiguration = TrainingConfiguration(),
        methods: [any ContrastiveMethod] = [],
        corpus: [String] = [],
        evaluating development: DevelopmentSet? = nil,
        guarding guards: [GuardSet] = [],
        retaining retained: RetainedData = RetainedData(),
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom resumption: URL? = nil
    ) throws {
        try configuration.validate()
        let started = ContinuousClock.now
        self.configuration = configuration
        self.development = development
        self.checkpoints = checkpoints
        workers = Workers.shared(threads: configuration.compute.threads)
        set = try TrainingSet(pairs, corpus: corpus)
        let embedder = try embedder.tuned(by: configuration.tuning, seed: configuration.seed)
        model = TrainedModel(embedder)
        queries = try set.tokens(of: .query, by: embedder, workers: workers)
            .edited(.query, as: configuration, embedder: embedder, workers: workers)
        documents = try set.tokens(of: .document, by: embedder, workers: workers)
            .edited(.document, as: configuration, embedder: embedder, workers: workers)
        sampler = try set.sampler(for: configuration)
        objective = try NestedObjective(
            ContrastiveObjective(configuration.objective, methods: methods),
            for: embedder
        )
        retention = try Retention(retained, for: embedder, configuration, workers: workers)
        self.guards = try Guards(guards, bound: configuration.retention.guardBound)
        peakLearningRate = Double(
            configuration.learningRate ?? model.defaultLearningRate(of: configuration.optimizer.rule)
        )
        sources = configuration.negatives ?? (set.hasNegatives ? [.rows] : [])
        try configuration.mining.require(guides: configuration.mining.guides.count, for: sources)
        guardRails = GuardRails(configuration: configuration, learningRate: peakLearningRate, model: model)
        state = TrainingState(
            model: model,
            configuration: configuration,
            negatives: sources == [.rows] ? set.rows.map(\.negatives) : []
        )
        state.methods = try objective.start(methodContext())
        if let resumption {
            state = try Checkpoint.read(
                from: resumption,
                matching: checkpointIdentity,
                shapes: state,
                rows: set.rows.count
            )
        }
        report.pairs = set.rows.count
        report.seconds = started.duration(to: .now).seconds
    }

    /// Trains to the end and returns the model with a report.
    ///
    /// - Parameters:
    ///   - cancellation: ends training between two steps.
    ///   - progress: called after every step and whenever something else happens.
    /// - Throws: ``TrainingError`` where the loss is no longer a number; `CancellationError` once cancelled, after a
    ///   checkpoint was written where checkpoints are.
    func run(
        cancellation: Cancellation,
        progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws -> (embedder: Embedder, report: TrainingReport) {
        for warning in guardRails.initialWarnings() { warn(warning, progress) }
        let perEpoch = sampler.batchesPerEpoch
        let total = perEpoch * configuration.epochs
        var batches: [ArraySlice<Int32>] = []
        var batchesOfEpoch = -1
        do {
            try retention.begin(from: model, workers: workers, cancellation: cancellation)
            if !guards.isEmpty, state.guarded.isEmpty {
                try watchGuards(model.embedder, cancellation: cancellation, progress)
            }
            // A run that was cancelled in an evaluation continues with it.
            try evaluateIfDue(perEpoch: perEpoch, total: total, cancellation: cancellation, progress)
            while state.step < total, !state.isFinished {
                try cancellation.check()
                let (epoch, index) = state.step.quotientAndRemainder(dividingBy: perEpoch)
                if state.minedStep < 0 || isMiningDue(epoch: epoch, index: index) {
                    try mine(epoch: epoch, cancellation: cancellation, progress)
                }
                let started = ContinuousClock.now
                if batchesOfEpoch != epoch {
                    if configuration.batches.kind == .clusters, index == 0 { try cluster(epoch, cancellation) }
                    batches = sampler.batches(epoch: epoch, clusters: state.clusters)
                    batchesOfEpoch = epoch
                    if index == 0 { state.beginEpoch() }
                }
                let loss = try step(
                    batches[index],
                    isLastEpoch: epoch == configuration.epochs - 1,
                    total: total,
                    progress
                )
                report.seconds += started.duration(to: .now).seconds
                announce(loss: loss, epoch: epoch, total: total, progress)
                try evaluateIfDue(perEpoch: perEpoch, total: total, cancellation: cancellation, progress)
                if let checkpoints, state.step % checkpoints.everySteps == 0, state.step < total {
                    try writeCheckpoint(checkpoints, progress)
                }
            }
        } catch let error as CancellationError {
            if let checkpoints { try writeCheckpoint(checkpoints, progress) }
            throw error
        }
        if let checkpoints { try writeCheckpoint(checkpoints, progress) }
        return try finish(total: total, progress)
    }

    // MARK: One step

    /// Embeds a batch, contrasts it, takes the gradient back and updates the weights; the loss comes out.
    private func step(
        _ rows: ArraySlice<Int32>,
        isLastEpoch: Bool,
        total: Int,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws -> Double {
        let batch = ContrastiveBatch(rows.map { batchRow(Int($0)) })
        let (nested, gradients) = contrast(batch, rows: Array(rows), total: total)
        let contrast = nested.total
        guard contrast.loss.isFinite else {
            throw TrainingError(
                code: .diverged,
                message: "the loss of step \(state.step + 1) is \(contrast.loss): "
                    + "lower the learning rate (\(peakLearningRate)) or bound the gradient norm"
            )
        }
        let factor = configuration.schedule.factor(
            step: state.step,
            total: total,
            warmupSteps: Int((configuration.warmup * Double(total)).rounded(.up))
        )
        state.take(
            gradients,
            scaledBy: clippingScale(of: gradients),
            scaleGradient: contrast.scaleGradient,
            loss: contrast.loss,
            learningRate: peakLearningRate * factor,
            workers: workers
        )
        let methods = objective.objective.methods
        for (view, contrast) in nested.views {
            for (index, method) in methods.enumerated() {
                method.update(
                    &state.methods[view * methods.count + index],
                    after: StepOutcome(
                        step: contrast.step(seenBy: index),
                        losses: contrast.losses,
                        gradients: contrast.learned[index],
                        parameters: state.parameters,
                        learningRate: state.learningRate
                    )
                )
            }
        }
        if isLastEpoch { noteSuspects(contrast, batch) }
        for warning in guardRails.check(contrast, step: state.step, total: total) { warn(warning, progress) }
        return contrast.loss
    }

    /// A row with the hard negatives it has now, and what a teacher said of those the data named.
    private func batchRow(_ index: Int) -> ContrastiveRow {
        var row = set.rows[index]
        let negatives =
            state.negatives.isEmpty ? [] : Array(state.negatives[index].prefix(configuration.negativesPerRow))
        if !row.negativeScores.isEmpty {
            row.negativeScores = negatives.map { negative in
                row.negatives.firstIndex(of: negative).map { row.negativeScores[$0] } ?? .nan
            }
        }
        row.negatives = negatives
        return row
    }

    private func methodContext() -> MethodContext {
        MethodContext(
            texts: set.texts,
            rows: set.rows,
            batchSize: sampler.batchSize,
            dimension: model.embedder.tower(for: .query).encoder.dimension,
            totalSteps: sampler.batchesPerEpoch * configuration.epochs,
            seed: configuration.seed,
            model: model.embedder,
            parameters: model.parameters,
            configuration: configuration
        ) { [set, workers] texts, model, role in
            try set.embed(texts, with: model, as: role, workers: workers, cancellation: Cancellation())
        }
    }

    /// The three phases: a batch embedded, contrasted, and its gradient taken back to the parameters.
    ///
    /// What holds the weights ends with this call, so that the optimizer changes them in place.
    private func contrast(
        _ batch: ContrastiveBatch,
        rows: [Int32],
        total: Int
    ) -> (NestedContrast, [ParameterGradient?]) {
        let queryWeights = weights(of: .query)
        let documentWeights = model.embedder.sharesWeights ? queryWeights : weights(of: .document)
        let selection = objective.views.selection(step: state.step, seed: configuration.seed)
        let anchors = embed(batch.anchors, .query, queries, queryWeights, layers: selection.layers)
        let candidates = embed(batch.documents, .document, documents, documentWeights, layers: selection.layers)
        // Methods may ask for embeddings under other weights, which reads the state.
        var methods: [MethodState] = []
        swap(&methods, &state.methods)
        let contrast = objective.contrast(
            anchors: anchors.embeddings,
            documents: candidates.embeddings,
            batch: batch,
            context: stepContext(batch, rows: rows, total: total, layers: selection.layers),
            scale: state.temperature.scale,
            selection: selection,
            states: &methods,
            workers: workers
        )
        swap(&methods, &state.methods)
        tokenCount += anchors.tokenCount + candidates.tokenCount
        // One sum for both roles where they share the weights.
        var sums = [ParameterGradients()]
        anchors.backpropagate(contrast.total.anchorGradient, into: &sums[0])
        if !model.embedder.sharesWeights { sums.append(ParameterGradients()) }
        candidates.backpropagate(contrast.total.documentGradient, into: &sums[sums.count - 1])
        let side = SideStep(
            number: state.step,
            scale: state.temperature.scale,
            workers: workers,
            selection: selection
        ) { [self] texts, role, store, part in
            embed(
                texts,
                role,
                store,
                role == .query ? queryWeights : documentWeights,
                // Dropout differs from the batch's own.
                seed: configuration.seed &+ 2,
                layers: part == .views ? selection.layers : [],
                drops: part == .views
            )
        }
        let retained = retention.run(side, into: &sums)
        report.retentionLoss = retained.loss
        tokenCount += retained.tokens
        return (contrast, gradients(sums))
    }

    private func stepContext(
        _ batch: ContrastiveBatch,
        rows: [Int32],
        total: Int,
        layers: [Int]
    ) -> ContrastiveStep.Context {
        var context = ContrastiveStep.Context()
        context.rows = rows
        context.number = state.step
        context.total = total
        context.epoch = state.step / sampler.batchesPerEpoch
        context.seed = configuration.seed
        context.embed = { [self] side, parameters in
            let (texts, role, store) =
                side == .anchors ? (batch.anchors, Role.query, queries) : (batch.documents, .document, documents)
            let weights = weights(of: role, in: parameters)
            // Dropout differs from the batch's own.
            return embed(texts, role, store, weights, seed: configuration.seed &+ 1, layers: layers).embeddings
        }
        return context
    }

    func weights(of role: Role, in parameters: [Matrix]? = nil) -> Weights {
        let range = model.range(of: role)
        return Weights(
            Array((parameters ?? state.parameters)[range]),
            isTrained: parameters == nil ? model.traits[range].map(\.isTrained) : range.map { _ in false },
            precision: configuration.compute.precision
        )
    }

    private func embed(
        _ texts: [Int32],
        _ role: Role,
        _ store: TokenStore,
        _ weights: Weights,
        seed: UInt64? = nil,
        layers: [Int] = [],
        drops: Bool = true
    ) -> EmbeddedBatch {
        let randomness = DropoutRandomness(
            seed: ~(seed ?? configuration.seed),
            // Steps, roles and chunks have streams of their own.
            stream: UInt64(state.step) << 32 | (role == .query ? 0 : 1 << 31),
            rate: configuration.dropout
        )
        return EmbeddedBatch(
            texts,
            from: .init(
                store: store,
                step: state.step,
                encoder: model.embedder.tower(for: role).encoder,
                weights: weights,
                randomness: drops ? randomness : nil,
                layers: layers,
                workers: workers
            ),
            tapeBudget: configuration.tapeMemory
        )
    }

    /// The gradient of every parameter; in tables, all tokens' summed.
    private func gradients(_ sums: [ParameterGradients]) -> [ParameterGradient?] {
        state.parameters.indices.map { index in
            let range = model.range(of: model.range(of: .query).contains(index) ? .query : .document)
            let sum = sums[range.lowerBound == 0 ? 0 : sums.count - 1]
            guard let tokens = sum.tables[index - range.lowerBound] else {
                return sum.dense[index - range.lowerBound].map(ParameterGradient.dense)
            }
            let parameter = state.parameters[index]
            let rows = RowGradient(
                summing: tokens,
                tableRows: parameter.rows,
                columns: parameter.columns,
                workers: workers
            )
            return .rows(rows)
        }
    }

    /// 1, or what brings the norm over all gradients down to the limit.
    private func clippingScale(of gradients: [ParameterGradient?]) -> Float {
        guard let limit = configuration.maximumGradientNorm ?? model.defaultMaximumGradientNorm else { return 1 }
        let norm = gradients.reduce(0) { $0 + ($1?.sumOfSquares ?? 0) }.squareRoot()
        return norm > Double(limit) ? limit / Float(norm) : 1
    }

    private func noteSuspects(_ contrast: Contrast, _ batch: ContrastiveBatch) {
        report.suspectedFalseNegativeCount += contrast.suspects.count
        for suspect in contrast.suspects {
            suspects.add(
                SuspectList.Entry(
                    anchor: batch.anchors[suspect.row],
                    positive: batch.documents[suspect.row],
                    candidate: batch.documents[suspect.document],
                    score: suspect.score,
                    positiveScore: suspect.positiveScore
                )
            )
        }
    }

    // MARK: Evaluation and checkpoints

    /// Evaluates the weights of the last step, where it is time to.
    private func evaluateIfDue(
        perEpoch: Int,
        total: Int,
        cancellation: Cancellation,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws {
        guard development != nil || !guards.isEmpty, state.step > state.evaluatedStep,
            state.step == total || state.step % (configuration.evaluateEvery ?? perEpoch) == 0
        else { return }
        let embedder = try embedder(with: state.parameters)
        let result = try development.map { try evaluate(embedder, on: $0, cancellation) }
        if !guards.isEmpty { try watchGuards(embedder, cancellation: cancellation, progress) }
        state.evaluatedStep = state.step
        // Where the guards alone are watched, the last weights within their bound are the best.
        let score = result?.score ?? Double(state.step)
        if let result {
            logger.info("evaluated", metadata: ["step": "\(state.step)", "\(result.metric)": "\(score)"])
            progress?(.evaluated(step: state.step, report: result))
        }
        let found = TrainingState.Best(
            score: score,
            excess: guards.excess(of: state.guarded.last),
            step: state.step,
            parameters: configuration.keepsBest ? state.parameters : []
        )
        if state.best.map(found.isBetter) ?? true {
            state.best = found
            state.evaluationsWithoutGain = 0
            report.evaluation = result
        } else {
            state.evaluationsWithoutGain += 1
        }
        if !configuration.keepsBest { report.evaluation = result }
        if let patience = configuration.patience, state.evaluationsWithoutGain >= patience { state.isFinished = true }
    }

    private func evaluate(
        _ embedder: Embedder,
        on set: DevelopmentSet,
        _ cancellation: Cancellation
    ) throws -> DevelopmentReport {
        try Evaluator.evaluate(
            embedder,
            on: set,
            precision: configuration.compute.precision,
            workers: workers,
            cancellation: cancellation
        )
    }

    /// The weights that would be returned: those of a step, or between them and the start's.
    private func embedder(with parameters: [Matrix]) throws -> Embedder {
        let tuned = model.embedder(with: parameters)
        let factor = configuration.retention.interpolation
        return factor == 1 ? tuned : try model.embedder.interpolated(with: tuned, by: factor)
    }

    private func watchGuards(
        _ embedder: Embedder,
        cancellation: Cancellation,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws {
        let found = try guards.evaluate(step: state.step, against: state.guarded.first) {
            try evaluate(embedder, on: $0, cancellation)
        }
        state.guarded.append(found)
        logger.info("guards", metadata: ["step": "\(state.step)", "loss": "\(found.loss)"])
        progress?(.guarded(found))
    }

    private func writeCheckpoint(
        _ checkpoints: CheckpointConfiguration,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws {
        try Checkpoint.write(state, identity: checkpointIdentity, to: checkpoints.folder)
        progress?(.checkpoint(checkpoints.folder))
    }

    private var checkpointIdentity: Checkpoint.Identity {
        Checkpoint.Identity(
            configuration: configuration,
            methods: objective.objective.methods,
            set: set,
            model: model,
            further: retention.digested
        )
    }

    // MARK: Reporting

    private func announce(
        loss: Double,
        epoch: Int,
        total: Int,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) {
        report.steps += 1
        let rate = Double(report.steps * sampler.batchSize) / report.seconds
        progress?(
            .step(
                TrainingProgress(
                    step: state.step,
                    totalSteps: total,
                    epoch: epoch + 1,
                    loss: loss,
                    retentionLoss: report.retentionLoss,
                    learningRate: state.learningRate,
                    temperature: Double(1 / state.temperature.scale),
                    pairsPerSecond: rate,
                    tokensPerSecond: Double(tokenCount) / report.seconds,
                    secondsLeft: Double((total - state.step) * sampler.batchSize) / rate
                )
            )
        )
        logger.debug("step", metadata: ["step": "\(state.step)", "loss": "\(loss)"])
    }

    func warn(_ warning: TrainingWarning, _ progress: (@Sendable (TrainingEvent) -> Void)?) {
        report.warnings.append(warning)
        logger.warning("\(warning.message)")
        progress?(.warning(warning))
    }

    private func finish(
        total: Int,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws -> (embedder: Embedder, report: TrainingReport) {
        let stepsHere = report.steps
        report.pairsPerSecond =
            Double(stepsHere) * Double(set.rows.count) / Double(sampler.batchesPerEpoch) / report.seconds
        report.tokensPerSecond = Double(tokenCount) / report.seconds
        report.steps = state.step
        report.loss = state.meanLossOfEpoch
        report.temperature = Double(1 / state.temperature.scale)
        report.stoppedEarly = state.step < total
        report.suspectedFalseNegatives = suspects.clearest.map { entry in
            SuspectedFalseNegative(
                anchor: set.texts[Int(entry.anchor)],
                positive: set.texts[Int(entry.positive)],
                candidate: set.texts[Int(entry.candidate)],
                score: entry.score,
                positiveScore: entry.positiveScore
            )
        }
        var parameters = state.parameters
        report.evaluationStep = report.evaluation == nil ? nil : state.step
        if configuration.keepsBest, let best = state.best {
            parameters = best.parameters
            report.evaluationStep = best.step
            if best.excess > 0 { warn(guards.warning(step: best.step, state.guarded), progress) }
        }
        report.guards = state.guarded
        progress?(.finished(report))
        return (try embedder(with: parameters), report)
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
