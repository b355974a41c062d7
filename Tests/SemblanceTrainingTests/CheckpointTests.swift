import Foundation
import SemblanceEncoders
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceTraining
import SemblanceTestSupport
import Testing

@Suite struct CheckpointTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// A run whose next step depends on everything a checkpoint must hold.
    func configuration(_ rule: OptimizerConfiguration.Rule = .lazyAdam) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 4, batchSize: 30, negatives: [.mined])
        configuration.optimizer = OptimizerConfiguration(rule: rule)
        configuration.objective.temperature.isLearned = true
        configuration.negativesPerRow = 2
        configuration.mining.pick = .random
        configuration.remineEvery = 2
        configuration.evaluateEvery = 3
        configuration.keepsBest = false
        return configuration
    }

    var pairs: [TrainingPair] { toy.pairs(150, groups: 20) }

    func development() throws -> RetrievalDataset {
        let pairs = toy.pairs(30, seed: 9)
        return try RetrievalDataset(
            documents: pairs.enumerated().map { .init(id: "d\($0)", text: $1.positives[0]) },
            queries: pairs.enumerated().map { .init(id: "q\($0)", text: $1.anchor) },
            judgements: Dictionary(uniqueKeysWithValues: pairs.indices.map { ("q\($0)", ["d\($0)": 1]) })
        )
    }

    func run(
        _ configuration: TrainingConfiguration,
        pairs: [TrainingPair]? = nil,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> [[Float]] {
        try await Embedder.fit(
            pairs ?? self.pairs,
            startingFrom: .embedder(toy.embedder(projection: 8)),
            configuration: configuration,
            evaluating: .retrieval(development()),
            checkpoints: checkpoints,
            resumingFrom: resumingFrom,
            progress: progress
        ).weights
    }

    /// Runs until `step`, is cancelled there, and leaves a checkpoint in `folder`.
    func interrupt(_ configuration: TrainingConfiguration, after step: Int, in folder: URL) async {
        await SemblanceTrainingTests.interrupt(after: step) { progress in
            _ = try await run(
                configuration,
                checkpoints: CheckpointConfiguration(folder: folder, everySteps: 1000),
                progress: progress
            )
        }
    }

    @Test(arguments: OptimizerConfiguration.Rule.allCases, [1, 4, 5, 7, 10, 13, 19])
    func `a run stopped and resumed ends with the same bits`(
        rule: OptimizerConfiguration.Rule,
        step: Int
    ) async throws {
        try await withTemporaryFolder { folder in
            let configuration = configuration(rule)
            await interrupt(configuration, after: step, in: folder)
            let log = EventLog()
            let resumed = try await run(configuration, resumingFrom: folder, progress: log.append)
            #expect(log.losses.count == 20 - step)
            #expect(try await resumed == run(configuration))
        }
    }

    @Test func `a run resumed with another number of threads ends with the same bits`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = configuration()
            configuration.compute.threads = 1
            await interrupt(configuration, after: 7, in: folder)
            configuration.compute.threads = 3
            let resumed = try await run(configuration, resumingFrom: folder)
            #expect(try await resumed == run(configuration))
        }
    }

    @Test func `any checkpoint of a run continues it`() async throws {
        try await withTemporaryFolder { folder in
            let configuration = configuration()
            let (whole, found) = try await copyingCheckpoints(everySteps: 3, in: folder) { checkpoints, progress in
                try await run(configuration, checkpoints: checkpoints, progress: progress)
            }
            #expect(found.count == 7)
            for copy in found { #expect(try await run(configuration, resumingFrom: copy) == whole) }
        }
    }

    @Test func `the best weights and the patience left survive`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = configuration()
            configuration.keepsBest = true
            configuration.learningRate = 0.3
            configuration.evaluateEvery = 1
            configuration.patience = 6
            await interrupt(configuration, after: 5, in: folder)
            let (resumed, whole) = (EventLog(), EventLog())
            let weights = try await run(configuration, resumingFrom: folder, progress: resumed.append)
            #expect(try await run(configuration, progress: whole.append) == weights)
            #expect(resumed.report?.evaluationStep == whole.report?.evaluationStep)
            #expect(resumed.report?.steps == whole.report?.steps)
            #expect(resumed.report?.stoppedEarly == whole.report?.stoppedEarly)
        }
    }

    @Test func `a checkpoint of other settings or data is refused, with the difference`() async throws {
        try await withTemporaryFolder { folder in
            await interrupt(configuration(), after: 3, in: folder)
            var other = configuration()
            other.learningRate = 0.01
            try await expectUnusable(folder, "learningRate", other)
            other = configuration()
            other.objective.temperature.value = 0.1
            try await expectUnusable(folder, "temperature", other)
            var pairs = pairs
            pairs[7].anchor += " kaka"
            try await expectUnusable(folder, "data", configuration(), pairs: pairs)
        }
    }

    private func expectUnusable(
        _ folder: URL,
        _ word: String,
        _ configuration: TrainingConfiguration,
        pairs: [TrainingPair]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let error = try await #require(throws: TrainingError.self, sourceLocation: sourceLocation) {
            try await run(configuration, pairs: pairs, resumingFrom: folder)
        }
        #expect(error.code == .unusableCheckpoint, sourceLocation: sourceLocation)
        for word in [word, folder.lastPathComponent] {
            #expect(error.message.contains(word), "\(error.message)", sourceLocation: sourceLocation)
        }
    }

    @Test func `a damaged checkpoint is refused`() async throws {
        try await withTemporaryFolder { folder in
            let files = FileManager.default
            try await expectUnusable(folder.appending(path: "nothing"), "none", configuration())
            let whole = folder.appending(path: "whole")
            await interrupt(configuration(), after: 3, in: whole)
            let names = try files.subpathsOfDirectory(atPath: whole.path).filter { name in
                !(try whole.appending(path: name).resourceValues(forKeys: [.isDirectoryKey]).isDirectory ?? false)
            }
            #expect(names.count == 3)
            for name in names {
                let size = try Data(contentsOf: whole.appending(path: name)).count
                for length in [0, 1, size / 2, size - 1] {
                    let cut = folder.appending(path: "cut")
                    try? files.removeItem(at: cut)
                    try files.copyItem(at: whole, to: cut)
                    try Data(contentsOf: cut.appending(path: name)).prefix(length).write(to: cut.appending(path: name))
                    try await expectUnusable(cut, "checkpoint", configuration())
                }
            }
        }
    }

    @Test func `a folder that can't be written ends training with an error`() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "file")
            try Data("in the way".utf8).write(to: file)
            await #expect(throws: (any Error).self) {
                try await run(configuration(), checkpoints: CheckpointConfiguration(folder: file, everySteps: 2))
            }
            #expect(try Data(contentsOf: file) == Data("in the way".utf8))
        }
    }
}
