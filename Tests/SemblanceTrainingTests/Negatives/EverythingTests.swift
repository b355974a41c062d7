import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

/// Augmentation, mixed and balanced negatives, mining by steps and batches by clusters in one run.
@Suite struct EverythingTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    func configuration(threads: Int? = nil) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 4, batchSize: 30, negatives: [.mined, .related, .lexical])
        configuration.negativesPerRow = 3
        configuration.mining.pick = .balanced
        configuration.mining.mixture = .even
        configuration.mining.competence = 0.7
        configuration.mining.rankTo = 20
        configuration.remineEvery = 2
        configuration.remineEverySteps = 3
        configuration.batches = BatchComposition(.clusters)
        configuration.batches.clusters = 6
        configuration.augmentation = TextAugmentation([.deletion(share: 0.3), .replacement(), .substitution()])
        configuration.compute.threads = threads
        return configuration
    }

    func run(
        _ configuration: TrainingConfiguration,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> [[Float]] {
        try await Embedder.fit(
            toy.pairs(150),
            startingFrom: .embedder(toy.embedder(projection: 8)),
            configuration: configuration,
            checkpoints: checkpoints,
            resumingFrom: resumingFrom,
            progress: progress
        ).weights
    }

    @Test func `any number of threads gives the same weights, and every setting others`() async throws {
        let weights = try await run(configuration(threads: 1))
        for threads in [2, 3] { #expect(try await run(configuration(threads: threads)) == weights) }
        let changes: [(inout TrainingConfiguration) -> Void] = [
            { $0.mining.pick = .top }, { $0.mining.mixture = .inTurn }, { $0.remineEverySteps = 4 },
            { $0.batches = BatchComposition() }, { $0.batches.clusters = 3 }, { $0.augmentation = nil },
            { $0.mining.competence = nil }, { $0.seed = 1 },
        ]
        for (index, change) in changes.enumerated() {
            var other = configuration()
            change(&other)
            #expect(try await run(other) != weights, "change \(index)")
        }
    }

    @Test func `any checkpoint of a run continues it`() async throws {
        try await withTemporaryFolder { folder in
            let (whole, found) = try await copyingCheckpoints(everySteps: 1, in: folder) { checkpoints, progress in
                try await run(configuration(), checkpoints: checkpoints, progress: progress)
            }
            #expect(found.count == 20)
            for (index, copy) in found.enumerated() {
                let threads = index % 3 + 1
                #expect(try await run(configuration(threads: threads), resumingFrom: copy) == whole, "\(index)")
            }
        }
    }
}
