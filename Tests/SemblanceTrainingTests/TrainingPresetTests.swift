import Foundation
import SemblanceEncoders
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct TrainingPresetTests {
    @Test(arguments: TrainingPreset.allCases)
    func `a preset trains, and learns otherwise than the defaults`(preset: TrainingPreset) async throws {
        try await withTemporaryFolder { folder in
            let toy = try ToyModel()
            try toy.embedder(seed: 5).write(to: folder.appending(path: "guide"))
            var pairs = toy.pairs(40, groups: 8)
            for index in pairs.indices { pairs[index].score = Float(index % 5) / 4 }
            func weights(_ configuration: TrainingConfiguration) async throws -> [[Float]] {
                var configuration = configuration
                configuration.epochs = 2
                configuration.batchSize = 8
                let start = InitialModel.embedder(try toy.embedder())
                return try await Embedder.fit(pairs, startingFrom: start, configuration: configuration).weights
            }
            var configuration = TrainingConfiguration(preset)
            if preset == .teacher {
                await #expect(throws: TrainingError.self) { try await weights(configuration) }
                configuration.mining.guides = [folder.appending(path: "guide").path]
            }
            let tuned = try await weights(configuration)
            #expect(try await tuned != weights(TrainingConfiguration()))
        }
    }

    @Test func `a file's fields come over a preset's, which keeps the others`() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "settings.json")
            try Data(#"{"epochs": 7, "mining": {"rankTo": 30}}"#.utf8).write(to: file)
            let read = try TrainingConfiguration(contentsOf: file, over: TrainingConfiguration(.pairs))
            var expected = TrainingConfiguration(.pairs)
            expected.epochs = 7
            expected.mining.rankTo = 30
            #expect(read == expected)
            #expect(try TrainingConfiguration(contentsOf: file) != expected)
        }
    }
}
