import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// What methods make of the data before the first step, and that training with them goes through.
@Suite struct MethodStartTests {
    /// A context over rows whose texts are known.
    private func context(_ pairs: [TrainingPair]) throws -> MethodContext {
        let set = try TrainingSet(pairs)
        let model = try ToyModel().embedder()
        return MethodContext(
            texts: set.texts,
            rows: set.rows,
            batchSize: 4,
            dimension: model.dimension,
            totalSteps: 10,
            seed: 1,
            model: model,
            parameters: []
        ) { texts, model, role in
            try set.embed(texts, with: model, as: role, workers: .shared(threads: 1), cancellation: Cancellation())
        }
    }

    @Test func `a curriculum ranks positives and negatives by their words`() throws {
        let training = try context([
            .init(anchor: "night nurse", positive: "night nurse hospital"),
            .init(anchor: "data engineer", positive: "plumber", negatives: ["data engineer senior"]),
            .init(anchor: "truck driver", positive: "pilot"),
            .init(anchor: "chief cook", positive: "head cook", negatives: ["chief cook of a ship"]),
        ])
        let easiness = try DifficultyCurriculum().start(training).derived["easiness"]?.elements
        // Found first; its negative found first and it not at all; not found; found second, its negative first.
        #expect(easiness == [1, 0, 0, 0.25])
        var scores = DifficultyCurriculum()
        scores.heuristic = .normalizedScore
        #expect(try scores.start(training).derived["easiness"]?.elements == [1, 0, 0, 0])
    }

    @Test func `tasks are asked for`() throws {
        let pairs = try ToyModel().pairs(4)
        #expect(throws: TrainingError.self) { try TaskRobustness().start(context(pairs)) }
        var named = pairs
        for index in named.indices { named[index].task = index < 2 ? "a" : "b" }
        let weights = try TaskRobustness().start(context(named)).saved["log weights"]
        #expect(weights?.elements.map { exp($0) } == [0.5, 0.5])
    }

    @Test func `a guide is asked for`() throws {
        let training = try context(ToyModel().pairs(4))
        for method in [GuidedMask(), FalseNegativeWeights(), InversePropensityWeights()] as [any ContrastiveMethod] {
            let error = #expect(throws: TrainingError.self) { try method.start(training) }
            #expect(error?.message.contains("guide") == true)
        }
    }

    @Test func `a guide's vectors are those of its folder's model`() async throws {
        try await withTemporaryFolder { folder in
            let guide = try ToyModel().embedder(dimension: 5, seed: 7)
            let folder = folder.appending(path: "guide")
            try guide.write(to: folder)
            let training = try context(ToyModel().pairs(4))
            var method = GuidedMask()
            method.guide = folder.path
            let state = try method.start(training)
            let texts = training.texts.indices.map { Int32($0) }
            let expected = MatrixExpression(try training.embed(texts, with: guide, as: .document)).unitRows.value
            #expect(state.derived["guide documents"] == expected && state.derived["guide anchors"] == expected)
        }
    }

    @Test func `settings out of range are named`() {
        func expectRefused<Method: StandardMethod>(_ method: Method, _ name: String, _ change: (inout Method) -> Void) {
            var method = method
            #expect(throws: Never.self) { try method.validate() }
            change(&method)
            let error = #expect(throws: TrainingError.self) { try method.validate() }
            #expect(error?.message.contains(name) == true)
        }
        expectRefused(AdditiveMargin(), "margin") { $0.margin = -1 }
        expectRefused(HardnessWeights(), "strength") { $0.strength = .nan }
        expectRefused(HardNegativeImportance(), "alpha") { $0.alpha = 0 }
        expectRefused(HardNegativeImportance(), "beta") { $0.beta = -1 }
        expectRefused(IndividualTemperatures(), "minimum") { $0.minimum = 0.1 }
        expectRefused(IndividualTemperatures(), "radius") { $0.radius = .infinity }
        expectRefused(FalseNegativeWeights(), "threshold") { $0.threshold = 2 }
        expectRefused(GuidedMask(), "margin") { $0.margin = .nan }
        expectRefused(InversePropensityWeights(), "floor") { $0.floor = 0 }
        expectRefused(ModelAwareTemperature(), "alpha") { $0.alpha = 2 }
        expectRefused(ProgressiveAttention(), "strength") { $0.strength = -1 }
        expectRefused(DifficultyCurriculum(), "end") { $0.end = 2 }
        expectRefused(ClusterRobustness(), "clusters") { $0.clusters = 1 }
        expectRefused(TaskRobustness(), "rate") { $0.rate = .nan }
        expectRefused(ConfidenceWeights(), "threshold") { $0.threshold = 2 }
        expectRefused(EarlyLearning(), "momentum") { $0.momentum = 1 }
    }
}
