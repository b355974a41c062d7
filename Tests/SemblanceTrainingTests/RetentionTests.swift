import Foundation
import SemblanceEncoders
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Synchronization
import Testing

/// What keeps a model from forgetting.
@Suite struct RetentionTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    func bert() throws -> Embedder {
        try Embedder(contentsOf: fixture(of: "SemblanceEncodersTests", "transformers/bert"))
    }

    /// Pairs over one half of the vocabulary, no word of which is in the other half's.
    func pairs(ofHalf half: Int) -> [TrainingPair] {
        (0..<12).flatMap { first in
            (0..<12).filter { $0 != first }.map { second in
                let words = [first, second].map { 12 * half + $0 }
                return TrainingPair(
                    anchor: words.map { ToyModel.words[$0] }.joined(separator: " "),
                    positive: words.reversed().map { ToyModel.words[24 + $0] }.joined(separator: " ")
                )
            }
        }
    }

    func train(
        _ pairs: [TrainingPair],
        from start: Embedder? = nil,
        _ configuration: TrainingConfiguration,
        evaluating development: RetrievalDataset? = nil,
        guarding guards: [GuardSet] = [],
        replaying replayed: [TrainingPair] = [],
        retaining retained: [String] = [],
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom: URL? = nil,
        progress: @escaping @Sendable (TrainingEvent) -> Void = { _ in }
    ) async throws -> (embedder: Embedder, log: EventLog) {
        let log = EventLog()
        let embedder = try await Embedder.fit(
            pairs,
            startingFrom: .embedder(start ?? toy.embedder(projection: 8)),
            configuration: configuration,
            evaluating: development.map { .retrieval($0) },
            guarding: guards,
            replaying: replayed,
            retaining: retained,
            checkpoints: checkpoints,
            resumingFrom: resumingFrom
        ) { event in
            log.append(event)
            progress(event)
        }
        return (embedder, log)
    }

    // MARK: Interpolation

    @Test func `interpolation by 0 and 1 is the ends, bit for bit, and by a part what lies between`() async throws {
        let start = try toy.embedder(projection: 8)
        let tuned = try await train(toy.pairs(60), from: start, TrainingConfiguration(epochs: 2, batchSize: 30))
            .embedder
        #expect(try start.interpolated(with: tuned, by: 0).weights == start.weights)
        #expect(try start.interpolated(with: tuned, by: 1).weights == tuned.weights)
        let between = try start.interpolated(with: tuned, by: 0.25).weights
        for (found, (a, b)) in zip(between, zip(start.weights, tuned.weights)) {
            expectClose(
                found.map(Double.init),
                zip(a, b).map { 0.75 * Double($0) + 0.25 * Double($1) },
                Tolerance(relative: 1e-6)
            )
        }
        #expect(between != start.weights)
    }

    @Test func `low-rank updates are merged between the ends`() async throws {
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 12, learningRate: 1e-2)
        configuration.tuning.lora = LoRAConfiguration(rank: 2)
        let start = try bert()
        let tuned = try await train(toy.pairs(24), from: start, configuration).embedder
        let merged = tuned.documentTower.encoder.merged.parameters.map(\.value)
        let half = try start.interpolated(with: tuned, by: 0.5).documentTower.encoder.parameters.map(\.value)
        #expect(half.count == merged.count)
        for (index, value) in half.enumerated() {
            let own = start.documentTower.encoder.parameters[index].value
            expectClose(
                value,
                DoubleMatrix(
                    rows: own.rows,
                    columns: own.columns,
                    elements: zip(own.elements, merged[index].elements).map { (Double($0) + Double($1)) / 2 }
                ),
                Tolerance(relative: 1e-6)
            )
        }
    }

    @Test func `models of other shapes and factors outside 0 to 1 are refused`() throws {
        let start = try toy.embedder()
        #expect(throws: EncoderError.self) { try start.interpolated(with: toy.embedder(dimension: 9), by: 0.5) }
        #expect(throws: EncoderError.self) { try start.interpolated(with: toy.embedder(projection: 8), by: 0.5) }
        for factor in [-0.1, 1.1, .nan] as [Float] {
            #expect(throws: EncoderError.self) { try start.interpolated(with: start, by: factor) }
        }
    }

    @Test func `training returns what lies between the start and the tuned weights`() async throws {
        let start = try toy.embedder(projection: 8)
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 30)
        let tuned = try await train(toy.pairs(60), from: start, configuration).embedder
        for share in [0, 0.5, 1] as [Float] {
            configuration.retention.interpolation = share
            let found = try await train(toy.pairs(60), from: start, configuration).embedder
            #expect(try found.weights == start.interpolated(with: tuned, by: share).weights)
        }
        #expect(tuned.weights != start.weights)
    }

    // MARK: Pull

    @Test(arguments: [1, 2] as [UInt64])
    func `the pull and its gradient match central differences, and are 0 at the start`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let embeddings = random.reference(rows: 5, columns: 7)
        let start = random.reference(rows: 5, columns: 7).unitRows.float
        let loss = { (x: DoubleMatrix) in
            zip(x.unitRows.elements, start.elements).reduce(0) { $0 + pow($1.0 - Double($1.1), 2) } * 3 / 5
        }
        let found = Pull.term(of: embeddings.float, from: start, weight: 3, workers: .shared(threads: 2))
        expectClose([found.loss], [loss(embeddings)], Tolerance(relative: 1e-6))
        expectClose(found.gradient, differences(at: embeddings, of: loss), Tolerance(relative: 2e-6))
        let still = Pull.term(
            of: embeddings.float,
            from: UnitRows(embeddings.float).output,
            weight: 3,
            workers: .shared(threads: 2)
        )
        #expect(still.loss == 0 && still.gradient.sumOfSquares == 0)
    }

    @Test func `the pull is 0 in the first step, whatever dropout does, and holds texts where they were`() async throws
    {
        let texts = toy.pairs(20, seed: 5).map(\.anchor)
        var configuration = TrainingConfiguration(epochs: 8, batchSize: 12, learningRate: 1e-3)
        configuration.dropout = 0.1
        configuration.retention.pullTexts = 8
        configuration.retention.pullWeight = 30
        let start = try bert()
        let pulled = try await train(toy.pairs(48), from: start, configuration, retaining: texts)
        let steps = pulled.log.events.compactMap { if case .step(let step) = $0 { step } else { nil } }
        #expect(steps[0].retentionLoss == 0 && steps[1].retentionLoss > 0)
        let plain = try await train(toy.pairs(48), from: start, configuration)
        #expect(plain.log.losses[0] == steps[0].loss)
        let before = try await start.embed(texts)
        func moved(_ embedder: Embedder) async throws -> Double {
            try await Pull.term(
                of: embedder.embed(texts),
                from: UnitRows(before).output,
                weight: 1,
                workers: .shared(threads: 2)
            ).loss
        }
        let (near, far) = (try await moved(pulled.embedder), try await moved(plain.embedder))
        #expect(near < far / 4, "\(near) and \(far)")
    }

    @Test func `where roles have a prompt or weights of their own, both are pulled`() async throws {
        var settings = StaticConfiguration()
        settings.dimension = 8
        settings.sharesWeights = false
        let start = try settings.makeEmbedder(tokenizer: toy.tokenizer, frequencies: [], seed: 1)
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 30)
        configuration.retention.pullWeight = 1000
        let texts = toy.pairs(60).flatMap { [$0.anchor] + $0.positives }
        configuration.retention.pullTexts = 120
        let pulled = try await train(toy.pairs(60), from: start, configuration, retaining: texts).embedder
        let plain = try await train(toy.pairs(60), from: start, configuration).embedder
        for role in Role.allCases {
            let before = UnitRows(try await start.embed(texts, as: role)).output
            let (near, far) = (
                Pull.term(of: try await pulled.embed(texts, as: role), from: before, weight: 1, workers: .shared()),
                Pull.term(of: try await plain.embed(texts, as: role), from: before, weight: 1, workers: .shared())
            )
            #expect(near.loss < far.loss / 2, "\(role)")
        }
    }

    // MARK: Replay

    @Test func `replayed pairs are no candidates of the others: words of the two never meet`() async throws {
        let (task, general) = (pairs(ofHalf: 0), pairs(ofHalf: 1))
        let start = try toy.embedder()
        var configuration = TrainingConfiguration(epochs: 3, batchSize: 44)
        configuration.retention.replayRate = 0.5
        func rows(_ embedder: Embedder, of pairs: [TrainingPair]) async throws -> [[Float]] {
            let words = Set(pairs.flatMap { [$0.anchor] + $0.positives }.flatMap { $0.split(separator: " ") }).sorted()
            return try await embedder.embed(words.map(String.init), options: .init(normalizes: false)).rowArrays
        }
        let alone = try await train(task, from: start, configuration)
        let replaying = try await train(task, from: start, configuration, replaying: general)
        #expect(try await rows(alone.embedder, of: task) == rows(replaying.embedder, of: task))
        #expect(replaying.log.losses == alone.log.losses)
        // What is replayed is learned; and the twin that must differ: in one list the halves do meet.
        #expect(try await rows(alone.embedder, of: general) == rows(start, of: general))
        #expect(try await rows(replaying.embedder, of: general) != rows(start, of: general))
        let mixed = try await train(task + general, from: start, configuration)
        #expect(try await rows(mixed.embedder, of: task) != rows(alone.embedder, of: task))
    }

    @Test func `a task that is replayed is not forgotten`() async throws {
        let (task, general) = (pairs(ofHalf: 0), pairs(ofHalf: 1))
        let settings = TrainingConfiguration(epochs: 30, batchSize: 44)
        let skilled = try await train(general, from: toy.embedder(projection: 8), settings).embedder
        var configuration = settings
        configuration.retention.replayRate = 0.5
        let set = try dataset(general)
        func score(_ embedder: Embedder) async throws -> Double {
            try await Evaluator.retrieval(embedder, on: set).value(of: .ndcg(10))
        }
        let plain = try await train(task, from: skilled, configuration).embedder
        let replaying = try await train(task, from: skilled, configuration, replaying: general).embedder
        let (start, forgot, kept) = (try await score(skilled), try await score(plain), try await score(replaying))
        #expect(kept > start - 0.02 && kept > forgot + 0.05, "\(start), then \(forgot), replaying \(kept)")
    }

    // MARK: Guards

    func dataset(_ pairs: [TrainingPair]) throws -> RetrievalDataset {
        try RetrievalDataset(
            documents: pairs.enumerated().map { .init(id: "d\($0)", text: $1.positives[0]) },
            queries: pairs.enumerated().map { .init(id: "q\($0)", text: $1.anchor) },
            judgements: Dictionary(uniqueKeysWithValues: pairs.indices.map { ("q\($0)", ["d\($0)": 1]) })
        )
    }

    /// Texts with the query's words, which a new model finds, among their counterparts, which a trained one puts first.
    func wordGuard() throws -> RetrievalDataset {
        let pairs = toy.pairs(30, seed: 9)
        return try RetrievalDataset(
            documents: pairs.enumerated().flatMap { index, pair in
                [
                    RetrievalDataset.Document(
                        id: "same\(index)",
                        text: pair.anchor.split(separator: " ").prefix(2).joined(separator: " ")
                    ),
                    .init(id: "other\(index)", text: pair.positives[0]),
                ]
            },
            queries: pairs.enumerated().map { .init(id: "q\($0)", text: $1.anchor) },
            judgements: Dictionary(uniqueKeysWithValues: pairs.indices.map { ("q\($0)", ["same\($0)": 1]) })
        )
    }

    func guarded(bound: Double) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 8, batchSize: 48)
        configuration.evaluateEvery = 2
        configuration.retention.guardBound = bound
        return configuration
    }

    @Test(arguments: [true, false])
    func `the best weights are those within the bound`(hasDevelopment: Bool) async throws {
        let development = try dataset(toy.pairs(30, seed: 9))
        let guards = try [
            GuardSet(wordGuard(), name: "words"), GuardSet(dataset(toy.pairs(10, seed: 7)), name: "pairs"),
        ]
        let (embedder, log) = try await train(
            toy.pairs(240),
            from: toy.embedder(dimension: 16),
            guarded(bound: 0.03),
            evaluating: hasDevelopment ? development : nil,
            guarding: guards
        )
        let report = try #require(log.report)
        let scores = log.events.reduce(into: [Int: Double]()) { scores, event in
            if case .evaluated(let step, let report) = event { scores[step] = report.score }
        }
        let events = log.events.compactMap { if case .guarded(let evaluation) = $0 { evaluation } else { nil } }
        #expect(events == report.guards && events.map(\.step) == Array(stride(from: 0, through: 40, by: 2)))
        for evaluation in events {
            let words = try #require(evaluation.scores["words"]), pairs = try #require(evaluation.scores["pairs"])
            #expect(abs(evaluation.mean - (30 * words + 10 * pairs) / 40) < 1e-12)
            #expect(abs(evaluation.loss - (events[0].mean - evaluation.mean)) < 1e-12)
            #expect(evaluation.isWithinBound == (evaluation.loss <= 0.03))
        }
        // Planted: learning the pairs costs the words, more and more.
        let within = events.dropFirst().filter(\.isWithinBound).map(\.step)
        #expect(!within.isEmpty && within.count < events.count - 1)
        let expected = hasDevelopment ? within.max { scores[$0] ?? 0 < scores[$1] ?? 0 } : within.last
        #expect(report.evaluationStep == expected && !log.warnings.contains(.guardBound))
        let words = try await Evaluator.retrieval(embedder, on: guards[0].dataset).value(of: .ndcg(10))
        #expect(events.first { $0.step == expected }?.scores["words"] == words)
        if hasDevelopment {
            // The twin: without guards other weights are the best.
            let free = try await train(
                toy.pairs(240),
                from: toy.embedder(dimension: 16),
                guarded(bound: 0.03),
                evaluating: development
            )
            #expect(free.log.report?.evaluationStep != expected && free.log.report?.guards.isEmpty == true)
        }
    }

    @Test func `where nothing is within the bound, the weights that lose least are returned, and it is said`()
        async throws
    {
        var configuration = guarded(bound: 0)
        configuration.epochs = 1
        configuration.evaluateEvery = 3
        let log = try await train(
            toy.pairs(240),
            from: toy.embedder(dimension: 16),
            configuration,
            evaluating: dataset(toy.pairs(30, seed: 9)),
            guarding: [GuardSet(wordGuard(), name: "words")]
        ).log
        let report = try #require(log.report)
        #expect(log.warnings.contains(.guardBound))
        let least = report.guards.dropFirst().min { $0.loss < $1.loss }
        #expect(report.guards.count == 3 && report.evaluationStep == least?.step)
    }

    @Test func `two guard sets of one name are refused`() async throws {
        let guards = try (0..<2).map { _ in GuardSet(try wordGuard(), name: "words") }
        await #expect(throws: TrainingError.self) {
            try await train(toy.pairs(10), TrainingConfiguration(epochs: 1, batchSize: 10), guarding: guards)
        }
    }

    // MARK: Resuming

    @Test(arguments: [1, 4, 7])
    func `a run with all of it, stopped and resumed, ends with the same bits and the same report`(step: Int)
        async throws
    {
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 16, learningRate: 1e-3)
        configuration.dropout = 0.1
        configuration.evaluateEvery = 2
        configuration.retention.interpolation = 0.7
        configuration.retention.pullTexts = 5
        let (settings, start) = (configuration, try bert())
        let guards = try [GuardSet(wordGuard(), name: "words")]
        @Sendable func run(
            _ settings: TrainingConfiguration,
            texts: [String]? = nil,
            checkpoints: CheckpointConfiguration? = nil,
            resumingFrom: URL? = nil,
            progress: @escaping @Sendable (TrainingEvent) -> Void = { _ in }
        ) async throws -> (embedder: Embedder, log: EventLog) {
            try await train(
                toy.pairs(80),
                from: start,
                settings,
                evaluating: dataset(toy.pairs(20, seed: 9)),
                guarding: guards,
                replaying: toy.pairs(30, seed: 3),
                retaining: texts ?? toy.pairs(12, seed: 4).map(\.anchor),
                checkpoints: checkpoints,
                resumingFrom: resumingFrom,
                progress: progress
            )
        }
        let whole = try await run(settings)
        try await withTemporaryFolder { folder in
            let running = Mutex<Task<Void, any Error>?>(nil)
            let task = Task {
                while running.withLock({ $0 == nil }) { await Task.yield() }
                _ = try await run(settings, checkpoints: CheckpointConfiguration(folder: folder, everySteps: 1000)) {
                    if case .step(let progress) = $0, progress.step == step { running.withLock { $0?.cancel() } }
                }
            }
            running.withLock { $0 = task }
            await #expect(throws: CancellationError.self) { try await task.value }
            var other = settings
            other.compute.threads = 1
            let resumed = try await run(other, resumingFrom: folder)
            #expect(resumed.embedder.weights == whole.embedder.weights)
            #expect(resumed.log.report?.guards == whole.log.report?.guards)
            await #expect(throws: TrainingError.self) {
                _ = try await run(settings, texts: ["x"], resumingFrom: folder)
            }
        }
    }
}

extension Matrix {
    /// Its rows.
    fileprivate var rowArrays: [[Float]] { (0..<rows).map { self[row: $0] } }
}
