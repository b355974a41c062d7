import SemblanceEncoders
import SemblanceTraining
import Testing

/// Each warning fires where its fault is planted, and none where there is no fault.
@Suite struct GuardRailTests {
    let toy: ToyModel
    let embedder: Embedder

    init() throws {
        toy = try ToyModel()
        embedder = try toy.embedder(dimension: 16)
    }

    func warnings(
        _ pairs: [TrainingPair],
        change: (inout TrainingConfiguration) -> Void = { _ in }
    ) async throws -> [TrainingWarning.Kind] {
        var configuration = TrainingConfiguration(epochs: 20, batchSize: 48)
        change(&configuration)
        return try await fit(pairs, from: embedder, configuration).log.warnings
    }

    @Test func `a healthy run has no warnings`() async throws {
        #expect(try await warnings(toy.pairs(480, groups: 240)) == [])
        let mined = try await warnings(toy.pairs(480)) {
            $0.negatives = [.mined]
            $0.mining.maximumShareOfPositive = nil
            $0.remineEvery = 5
        }
        #expect(mined == [])
    }

    @Test(arguments: [1e-6, 100] as [Float])
    func `an unusual learning rate is named`(learningRate: Float) async throws {
        let found = try await warnings(toy.pairs(48)) { $0.learningRate = learningRate }
        #expect(found == [.learningRate])
    }

    @Test(arguments: [0.001, 20] as [Float])
    func `an unusual temperature is named, such as a scale in its place`(temperature: Float) async throws {
        let found = try await warnings(toy.pairs(48)) { $0.objective.temperature.value = temperature }
        #expect(found == [.temperature])
    }

    @Test func `pairs that don't belong together are named once`() async throws {
        var pairs = toy.pairs(480)
        // Every anchor gets a positive of other words: there is nothing to learn.
        for index in pairs.indices { pairs[index].positives = ["sate \(index)"] }
        let found = try await warnings(pairs)
        #expect(found == [.noProgress])
    }

    @Test func `a batch of twins is named once`() async throws {
        #expect(try await warnings(toy.pairs(480, groups: 1)).filter { $0 == .twins }.count == 1)
        var pairs = toy.pairs(480)
        for index in pairs.indices where index % 10 != 0 { pairs[index].positives = ["kaka"] }
        #expect(try await warnings(pairs).contains(.twins))
    }

    @Test func `too few hard negatives are named`() async throws {
        let found = try await warnings(toy.pairs(96)) {
            $0.negatives = [.mined]
            $0.mining.rankTo = 2
        }
        #expect(found == [.fewNegatives])
    }
}
