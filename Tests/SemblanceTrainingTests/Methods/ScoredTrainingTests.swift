import Foundation
import SemblanceEncoders
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceTestSupport
import Synchronization
import Testing

@testable import SemblanceTraining

@Suite struct ScoredTrainingTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// The toy's dictionary with scores: 1 where both words have their counterpart, 0.5 where one has, 0 where none has.
    private func scoredPairs(_ count: Int, seed: UInt64 = 1) -> [TrainingPair] {
        let pairs = toy.pairs(count, seed: seed)
        return pairs.indices.map { index in
            var pair = pairs[index]
            let own = pair.positives[0].split(separator: " ")
            let other = pairs[(index + 1) % count].positives[0].split(separator: " ")
            let words = [Array(own.prefix(2)), [own[0], other[0]], Array(other.prefix(2))][index % 3]
            pair.positives = [words.joined(separator: " ") + " d\(index)"]
            pair.score = [1, 0.5, 0][index % 3]
            return pair
        }
    }

    private func development() throws -> SimilarityDataset {
        try SimilarityDataset(
            scoredPairs(120, seed: 7).map {
                .init(first: $0.anchor, second: $0.positives[0], score: Double($0.score ?? 0))
            }
        )
    }

    private func configuration(_ method: some StandardMethod) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 12, batchSize: 50)
        configuration.learningRate = 0.05
        configuration.objective.methods = [MethodChoice(method)]
        return configuration
    }

    @Test(arguments: [MethodChoice(CoSENT()), MethodChoice(AnglE()), MethodChoice(CosineMSE())])
    func `training on scores orders unseen pairs, and the best weights are those of the development set`(
        method: MethodChoice
    ) async throws {
        let start = try toy.embedder(dimension: 16)
        var configuration = configuration(CoSENT())
        configuration.objective.methods = [method]
        let log = EventLog()
        let trained = try await Embedder.fit(
            scoredPairs(400),
            startingFrom: .embedder(start),
            configuration: configuration,
            evaluating: .similarity(development()),
            progress: log.append
        )
        let (before, after) = (
            try await Evaluator.similarity(start, on: development()),
            try await Evaluator.similarity(trained, on: development())
        )
        #expect(after.spearman.value > before.spearman.value + 0.3)
        let scores = log.events.compactMap { event in
            if case .evaluated(_, let report) = event { report.score } else { Double?.none }
        }
        #expect(scores.count == 12 && scores.max() == after.spearman.value)
        #expect(log.report?.evaluation == .similarity(after) && log.report?.evaluation?.metric == "spearman")
        #expect(log.warnings.isEmpty)
    }

    static let demanding: [MethodChoice] = [
        MethodChoice(AnglE()), MethodChoice(ContrastiveDistillation()), MethodChoice(CoSENT()),
        MethodChoice(CosineMSE()), MethodChoice(EmbeddingMSE()), MethodChoice(GradedDistillation()),
        MethodChoice(GradedRelevance()), MethodChoice(ListwiseRanking()), MethodChoice(MarginMSE()),
        MethodChoice(ScoreDistillation()), MethodChoice(SoftLabels()),
    ]

    @Test(arguments: demanding)
    func `a method whose data is missing says what to give it`(method: MethodChoice) async throws {
        var configuration = configuration(CoSENT())
        configuration.objective.methods = [method]
        let error = await #expect(throws: TrainingError.self) {
            _ = try await Embedder.fit(
                toy.pairs(20),
                startingFrom: .embedder(toy.embedder()),
                configuration: configuration
            )
        }
        let message = error?.message ?? ""
        #expect(message.contains(Swift.type(of: method.method).name) && message.contains("give"))
    }

    @Test func `scores outside a method's range are refused with their pair`() async throws {
        var pairs = scoredPairs(20)
        pairs[3].score = 4.5
        for method in [MethodChoice(CosineMSE()), MethodChoice(SoftLabels())] {
            var configuration = configuration(CoSENT())
            configuration.objective.methods = [method]
            let error = await #expect(throws: TrainingError.self) {
                _ = try await Embedder.fit(pairs, startingFrom: .embedder(toy.embedder()), configuration: configuration)
            }
            #expect(error?.message.contains("training pair 4") == true && error?.message.contains("4.5") == true)
        }
    }

    static let settings: [any StandardMethod] = {
        var (cosent, angle) = (CoSENT(), AnglE())
        (cosent.scale, angle.scale) = (0, .nan)
        var (divergence, graded) = (ScoreDistillation(), GradedDistillation())
        (divergence.teacherTemperature, graded.weight) = (-1, -1)
        var (ranking, hinge, penalty) = (ListwiseRanking(), EnergyHinge(), ContrastiveLearningPenalty())
        (ranking.weight, hinge.margin, penalty.weight) = (.infinity, 3, -0.1)
        var (rank, spread) = (RankReduction(), GlobalOrthogonality())
        (rank.weight, spread.meanWeight) = (.nan, -1)
        var (bank, projection) = (ContrastiveDistillation(), EmbeddingMSE())
        (bank.bankSize, projection.projectionRate) = (-1, 0)
        return [cosent, angle, divergence, graded, ranking, hinge, penalty, rank, spread, bank, projection]
    }()

    @Test(arguments: settings)
    func `a setting out of its range is named`(method: any StandardMethod) throws {
        let error = #expect(throws: TrainingError.self) { try method.validate() }
        #expect(error?.message.hasPrefix(Swift.type(of: method).name) == true)
        try Swift.type(of: method).init().validate()
    }

    // MARK: Teachers

    @Test(arguments: [false, true])
    func `a student follows a teacher of another dimension, and a resumed run ends with the same bits`(
        isContrastive: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            let teacher = folder.appending(path: "teacher")
            try toy.embedder(dimension: 12, seed: 5).write(to: teacher)
            var configuration = TrainingConfiguration(epochs: 4, batchSize: 25)
            configuration.learningRate = 0.05
            var contrastive = ContrastiveDistillation(teacher: teacher.path)
            (contrastive.bankSize, contrastive.projectionRate) = (80, 0.02)
            var squares = EmbeddingMSE(teacher: teacher.path)
            squares.projectionRate = 0.02
            configuration.objective.methods = [isContrastive ? MethodChoice(contrastive) : MethodChoice(squares)]
            let settings = configuration
            let pairs = toy.pairs(100)
            func run(
                checkpoints: CheckpointConfiguration? = nil,
                resumingFrom resumption: URL? = nil,
                progress: (@Sendable (TrainingEvent) -> Void)? = nil
            ) async throws -> [[Float]] {
                try await Embedder.fit(
                    pairs,
                    startingFrom: .embedder(toy.embedder()),
                    configuration: settings,
                    checkpoints: checkpoints,
                    resumingFrom: resumption,
                    progress: progress
                ).weights
            }
            let (checkpoint, copy) = (folder.appending(path: "checkpoint"), folder.appending(path: "copy"))
            let log = EventLog()
            let whole = try await run(checkpoints: .init(folder: checkpoint, everySteps: 6)) { event in
                log.append(event)
                if case .checkpoint = event, !FileManager.default.fileExists(atPath: copy.path) {
                    try? FileManager.default.copyItem(at: checkpoint, to: copy)
                }
            }
            let losses = log.losses
            let (first, last) = (losses.prefix(4).reduce(0, +), losses.suffix(4).reduce(0, +))
            #expect(last < 0.8 * first)
            #expect(try await run(resumingFrom: copy) == whole)
        }
    }

    @Test func `a teacher that isn't there is named`() async throws {
        let configuration = configuration(EmbeddingMSE(teacher: "/nowhere/teacher"))
        await #expect(throws: EncoderError.self) {
            _ = try await Embedder.fit(
                toy.pairs(20),
                startingFrom: .embedder(toy.embedder()),
                configuration: configuration
            )
        }
    }
}
