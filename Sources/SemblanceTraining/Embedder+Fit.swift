public import Foundation
public import SemblanceEncoders
internal import SemblanceNumerics

extension Embedder {
    /// Trains a dual encoder on pairs, in this process.
    ///
    ///     let embedder = try await Embedder.fit(pairs)
    ///
    /// Every other pair's documents are an anchor's negatives, beside hard negatives where the configuration or the data
    /// has them (InfoNCE, ``ContrastiveConfiguration``). The work runs on threads of its own, not on the cooperative
    /// pool. On one kind of CPU the same pairs, start and configuration give the same weights, bit for bit, for any
    /// number of threads, and also when training was stopped and resumed.
    ///
    /// - Parameters:
    ///   - pairs: anchors with what they should find.
    ///   - start: random weights over a vocabulary learned from the pairs, or a model.
    ///   - configuration: how; the defaults train a static encoder in seconds.
    ///   - methods: what else the objective does differently, beside the configuration's methods: your own.
    ///   - corpus: further texts that hard negatives may be mined from.
    ///   - development: evaluated while training; the best weights are returned.
    ///   - guards: evaluated with it, and at the start; the best weights are those within
    ///     ``RetentionConfiguration/guardBound`` of it, and without a development set the last of them.
    ///   - replayed: pairs of the kind the model was trained on before; some take part in each step.
    ///   - retained: texts whose embeddings are pulled towards where the model had them.
    ///   - checkpoints: where and how often to write one.
    ///   - resumption: the folder of a checkpoint to continue.
    ///   - progress: called for every step and event, on a thread of the workers.
    /// - Returns: the trained model.
    /// - Throws: ``TrainingError``, ``EncoderError`` and `TextError` for settings, data or files that can't be used;
    ///   `CancellationError` when the task is cancelled, after a checkpoint was written where `checkpoints` says so.
    /// - Complexity: per pair 6·N·D multiplications and additions for N candidates of dimension D, beside the encoder's.
    @discardableResult
    public static func fit(
        _ pairs: [TrainingPair],
        startingFrom start: InitialModel = .scratch(),
        configuration: TrainingConfiguration = TrainingConfiguration(),
        methods: [any ContrastiveMethod] = [],
        corpus: [String] = [],
        evaluating development: DevelopmentSet? = nil,
        guarding guards: [GuardSet] = [],
        replaying replayed: [TrainingPair] = [],
        retaining retained: [String] = [],
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom resumption: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> Embedder {
        try configuration.validate()
        return try await Workers.shared(threads: configuration.compute.threads).run { cancellation in
            let embedder = try start.makeEmbedder(for: pairs, corpus: corpus, seed: configuration.seed)
            let trainer = try Trainer(
                pairs,
                startingFrom: embedder,
                configuration: configuration,
                methods: methods,
                corpus: corpus,
                evaluating: development,
                guarding: guards,
                retaining: RetainedData(pairs: replayed, texts: retained),
                checkpoints: checkpoints,
                resumingFrom: resumption
            )
            return try trainer.run(cancellation: cancellation, progress: progress).embedder
        }
    }

    /// Trains on pairs that come one by one, once all are there.
    @discardableResult
    public static func fit<Pairs: AsyncSequence>(
        collecting pairs: Pairs,
        startingFrom start: InitialModel = .scratch(),
        configuration: TrainingConfiguration = TrainingConfiguration(),
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> Embedder where Pairs.Element == TrainingPair {
        var collected: [TrainingPair] = []
        for try await pair in pairs { collected.append(pair) }
        return try await fit(collected, startingFrom: start, configuration: configuration, progress: progress)
    }
}
