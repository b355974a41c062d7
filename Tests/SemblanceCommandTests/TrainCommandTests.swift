import ArgumentParser
import Foundation
import Semblance
import Testing

@testable import SemblanceCommand

@Suite struct TrainCommandTests {
    private func settings(_ flags: String...) throws -> TrainingConfiguration {
        try TrainCommand.parse(["pairs.jsonl", "--output", "model"] + flags).trainingConfiguration()
    }

    private func file(_ text: String) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).json")
        try Data(text.utf8).write(to: file)
        return file.path
    }

    @Test func `without flags the settings are the library's`() throws {
        #expect(try settings() == TrainingConfiguration())
    }

    @Test func `a flag wins over the file, the file over the preset`() throws {
        let path = try file(#"{"epochs": 7, "batchSize": 96, "negativesPerRow": 9}"#)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let found = try settings("--preset", "taxonomy", "--configuration", path, "--batch-size", "64")
        let preset = TrainingConfiguration(.taxonomy)
        #expect(found.batchSize == 64)
        #expect(found.epochs == 7)
        #expect(found.negativesPerRow == 9 && preset.negativesPerRow != 9)
        #expect(found.negatives == preset.negatives && preset.negatives != TrainingConfiguration().negatives)
    }

    @Test func `freezing no layer freezes the embeddings`() throws {
        let found = try settings("--freeze-layers", "0").tuning
        #expect(found.freezesEmbeddings && found.frozenLayers == 0)
        #expect(try settings("--freeze-layers", "2").tuning.frozenLayers == 2)
        #expect(try !settings().tuning.freezesEmbeddings)
    }

    @Test func `a named way of mining leaves the file's other settings of mining`() throws {
        let path = try file(#"{"mining": {"pick": "random"}}"#)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let found = try settings("--configuration", path, "--mining", "topk-abs").mining
        #expect(found.pick == .random)
        #expect(found.maximumScore == MiningConfiguration.topKAbsolute().maximumScore)
    }

    @Test func `a setting out of its range is refused by name`() throws {
        #expect { try settings("--batch-size", "0") } throws: { "\($0)".contains("batchSize is 0") }
    }
}
