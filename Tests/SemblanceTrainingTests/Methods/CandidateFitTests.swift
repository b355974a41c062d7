import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

@Suite struct CandidateFitTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// The methods, with settings under which their state matters within twenty steps.
    static let methods: [MethodChoice] = {
        var memory = CrossBatchMemory()
        (memory.size, memory.warmup) = (100, 0.1)
        var momentum = MomentumContrast()
        (momentum.queueSize, momentum.momentum, momentum.keyWeight) = (70, 0.9, 0.5)
        (momentum.hardest, momentum.maximumShareOfPositive) = (20, 0.95)
        var mixtures = AnchorMixtures()
        mixtures.window = 0.5
        var views = PolyView()
        views.mean = .arithmetic
        return [
            MethodChoice(memory), MethodChoice(momentum), MethodChoice(NoiseNegatives()),
            MethodChoice(GeodesicMixtures()), MethodChoice(mixtures), MethodChoice(PolyView()), MethodChoice(views),
            MethodChoice(StaticBank()),
        ]
    }()

    private func run(
        _ method: MethodChoice?,
        threads: Int? = nil,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> [[Float]] {
        var configuration = TrainingConfiguration(epochs: 4, batchSize: 30)
        configuration.objective.methods = method.map { [$0] } ?? []
        configuration.objective.temperature.isLearned = true
        configuration.compute.threads = threads
        var pairs = toy.pairs(150, groups: 20)
        for index in pairs.indices { pairs[index].score = Float(index % 11) / 10 }
        return try await Embedder.fit(
            pairs,
            startingFrom: .embedder(toy.embedder(projection: 8)),
            configuration: configuration,
            checkpoints: checkpoints,
            resumingFrom: resumingFrom,
            progress: progress
        ).weights
    }

    @Test(arguments: methods)
    func `any number of threads gives the same weights, and others than without the method`(
        method: MethodChoice
    ) async throws {
        let weights = try await run(method, threads: 1)
        #expect(try await run(method, threads: 3) == weights)
        #expect(try await run(nil) != weights)
        #expect(weights.joined().allSatisfy { $0.isFinite })
    }

    @Test(arguments: methods)
    func `a resumed run ends with the same bits`(method: MethodChoice) async throws {
        try await withTemporaryFolder { folder in
            let (whole, found) = try await copyingCheckpoints(everySteps: 7, in: folder) { checkpoints, progress in
                try await run(method, checkpoints: checkpoints, progress: progress)
            }
            #expect(found.count == 3)
            for copy in found { #expect(try await run(method, resumingFrom: copy) == whole) }
        }
    }

    @Test func `momentum contrast of one side is refused for two towers`() async throws {
        let one = try toy.embedder()
        let two = try Embedder(
            queryTower: one.queryTower,
            documentTower: toy.embedder(seed: 2).documentTower,
            normalizes: true
        )
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 30)
        var momentum = MomentumContrast()
        for keyWeight in [0, 1] as [Float] {
            momentum.keyWeight = keyWeight
            configuration.objective.methods = [MethodChoice(momentum)]
            let trained = try? await Embedder.fit(
                toy.pairs(40),
                startingFrom: .embedder(two),
                configuration: configuration
            )
            #expect((trained != nil) == (keyWeight > 0))
        }
    }

    @Test func `a window without labels is refused, with what to do`() async throws {
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 30)
        var mixtures = AnchorMixtures()
        mixtures.window = 1
        configuration.objective.methods = [MethodChoice(mixtures)]
        await #expect(throws: TrainingError.self) {
            try await Embedder.fit(
                toy.pairs(40),
                startingFrom: .embedder(toy.embedder()),
                configuration: configuration
            )
        }
    }
}
