import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Every method of the registry, with its defaults, through whole runs of training.
@Suite struct EveryMethodTests {
    /// What a method has to get along with.
    struct Setting: Sendable, CustomTestStringConvertible {
        var isTransformer = false
        /// Mined negatives, and the objective over half of the components too.
        var isRich = false

        var testDescription: String {
            (isTransformer ? "transformer" : "static") + (isRich ? ", mined negatives, nested" : "")
        }

        static let all = [
            Setting(), Setting(isRich: true), Setting(isTransformer: true), Setting(isTransformer: true, isRich: true),
        ]
    }

    private enum Fixtures {
        static let bert = fixture(of: "SemblanceEncodersTests", "transformers/bert", here: tests)
        static let guide = fixture(of: "SemblanceEncodersTests", "sentence-transformers", here: tests)
        private static var tests: String { URL(filePath: #filePath).deletingLastPathComponent().path }
    }

    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// Pairs that say all a method may ask for.
    private var pairs: [TrainingPair] {
        let pairs = toy.pairs(44, groups: 20)
        return pairs.enumerated().map { index, pair in
            var pair = pair
            pair.score = Float(index % 6) / 5
            pair.weight = index % 4 == 0 ? 0.5 : 1
            pair.task = "t\(index % 3)"
            pair.positiveScores = [0.8 + Float(index % 5) / 25]
            pair.negatives = [pairs[(index + 7) % 44].positives[0], pairs[(index + 15) % 44].positives[0]]
            pair.negativeScores = [0.3 + Float(index % 7) / 20, 0.1]
            return pair
        }
    }

    private func embedder(_ setting: Setting) throws -> Embedder {
        setting.isTransformer
            ? try Embedder(contentsOf: Fixtures.bert)
            : try toy.embedder(projection: 8)
    }

    private func configuration(_ setting: Setting) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 3, batchSize: 11)
        if setting.isRich {
            configuration.negatives = [.mined]
            configuration.remineEvery = 2
            configuration.objective.nesting = .matryoshka([4])
        }
        configuration.negativesPerRow = 2
        if setting.isTransformer {
            configuration.learningRate = 1e-3
            configuration.dropout = 0.1
        }
        return configuration
    }

    /// A method with its defaults, and a guide or teacher where it asks for one.
    private func choice(_ name: String) throws -> MethodChoice {
        let data = try JSONEncoder().encode(MethodChoice(named: name))
        var fields = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        for field in ["guide", "teacher"] { fields[field] = Fixtures.guide.path }
        return try JSONDecoder().decode(MethodChoice.self, from: JSONSerialization.data(withJSONObject: fields))
    }

    private func run(
        _ setting: Setting,
        _ configuration: TrainingConfiguration,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> [[Float]] {
        try await Embedder.fit(
            pairs,
            startingFrom: .embedder(embedder(setting)),
            configuration: configuration,
            checkpoints: checkpoints,
            resumingFrom: resumingFrom,
            progress: progress
        ).weights
    }

    @Test(arguments: MethodRegistry.names, Setting.all)
    func `any thread count, gradient caching and a resumed run give the same bits`(
        name: String,
        setting: Setting
    ) async throws {
        var configuration = configuration(setting)
        configuration.objective.methods = [try choice(name)]
        configuration.compute.threads = 2
        let log = EventLog()
        let whole = try await run(setting, configuration, progress: log.append)
        #expect(log.losses.count == 12 && log.losses.allSatisfy(\.isFinite))

        try await withTemporaryFolder { folder in
            var other = configuration
            other.compute.threads = 1
            other.tapeMemory = 0
            await interrupt(after: 5) { [other] progress in
                _ = try await run(
                    setting,
                    other,
                    checkpoints: CheckpointConfiguration(folder: folder, everySteps: 1000),
                    progress: progress
                )
            }
            let resumed = try await run(setting, configuration, resumingFrom: folder)
            #expect(resumed == whole)
        }
        // The twin that must differ: without the method these are other weights.
        configuration.objective.methods = []
        let plain = try await run(setting, configuration)
        #expect(plain != whole)
    }
}
