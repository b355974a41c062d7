import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

@Suite struct AugmentedTrainingTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// Texts of ten words, each text of one of four topics of twelve words.
    func texts(_ count: Int) -> [String] {
        var random = RandomStream(seed: 1)
        return (0..<count).map { index in
            (0..<10).map { _ in ToyModel.words[index % 4 * 12 + Int.random(in: 0..<12, using: &random)] }
                .joined(separator: " ")
        }
    }

    /// How much nearer two words of one topic are than two of different ones, by cosine.
    func separation(_ embedder: Embedder) async throws -> Double {
        let vectors = DoubleMatrix(try await embedder.embed(ToyModel.words)).unitRows
        var (same, other): ([Double], [Double]) = ([], [])
        for a in 0..<48 {
            for b in 0..<a {
                let cosine = dot(vectors[row: a], vectors[row: b])
                if a / 12 == b / 12 { same.append(cosine) } else { other.append(cosine) }
            }
        }
        return same.reduce(0, +) / Double(same.count) - other.reduce(0, +) / Double(other.count)
    }

    @Test(arguments: ["contriever", "contriever-replacement", "clear-word-deletion"])
    func `a static encoder learns from texts alone what occurs together`(name: String) async throws {
        var configuration = TrainingConfiguration(epochs: 10, batchSize: 32)
        configuration.augmentation = TextAugmentation(named: name)
        let start = try toy.embedder(dimension: 32)
        let trained = try await Embedder.fit(
            texts: texts(320),
            startingFrom: .embedder(start),
            configuration: configuration
        )
        let (before, after) = (try await separation(start), try await separation(trained))
        #expect(abs(before) < 0.05 && after > 0.4, "\(before), then \(after)")
    }

    @Test func `without edits or dropout texts alone are refused`() async throws {
        let error = await #expect(throws: TrainingError.self) {
            try await Embedder.fit(texts: texts(8), startingFrom: .embedder(toy.embedder()))
        }
        #expect(error?.message.contains("augmentation") == true)
    }

    @Test func `only the texts of the roles named are edited`() async throws {
        let pairs = toy.pairs(40)
        func weights(_ roles: [Role]) async throws -> [[Float]] {
            var configuration = TrainingConfiguration(epochs: 1, batchSize: 20)
            configuration.augmentation = TextAugmentation([.deletion(share: 0.5)], roles: roles)
            return try await fit(pairs, from: toy.embedder(), configuration).embedder.weights
        }
        let all = [try await weights([.query]), try await weights([.document]), try await weights(Role.allCases)]
        #expect(Set(all).count == 3)
        // An edit that changes nothing changes no bit.
        var none = TrainingConfiguration(epochs: 1, batchSize: 20)
        let plain = try await fit(pairs, from: toy.embedder(), none).embedder.weights
        none.augmentation = TextAugmentation([.deletion(share: 0)])
        #expect(try await fit(pairs, from: toy.embedder(), none).embedder.weights == plain)
        #expect(!all.contains(plain))
    }

    @Test func `an augmentation survives JSON, by name or by its edits`() throws {
        func read(_ json: String) throws -> TextAugmentation {
            try JSONDecoder().decode(TextAugmentation.self, from: Data(json.utf8))
        }
        for (name, augmentation) in TextAugmentation.named {
            #expect(try read("\"\(name)\"") == augmentation)
            let data = try JSONEncoder().encode(augmentation)
            #expect(try JSONDecoder().decode(TextAugmentation.self, from: data) == augmentation)
        }
        let all: [TextEdit] = [
            .crop(least: 0.3, most: 0.4), .deletion(share: 0.2), .replacement(share: 0.2), .masking(share: 0.2),
            .spanMasking(characters: 3, least: 4), .spanDeletion(spans: 2, share: 0.1),
            .reordering(pairs: 2, share: 0.1), .substitution(share: 0.2, neighbours: 3),
        ]
        let data = try JSONEncoder().encode(all)
        #expect(try JSONDecoder().decode([TextEdit].self, from: data) == all)
        #expect(
            try read(#"{"edits": [{"name": "crop", "most": 0.8}, {"name": "deletion"}], "roles": ["document"]}"#)
                == TextAugmentation([.crop(least: 0.1, most: 0.8), .deletion()], roles: [.document])
        )
        for wrong in [#""no-such""#, #"{"edits": [{"name": "no-such"}]}"#, #"{"roles": ["query"]}"#] {
            #expect(throws: DecodingError.self) { try read(wrong) }
        }
    }

    @Test func `a configuration file names an augmentation`() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "c.json")
            try Data(#"{"augmentation": {"edits": [{"name": "reordering", "pairs": 1}]}}"#.utf8).write(to: file)
            let expected = TextAugmentation([.reordering(pairs: 1)])
            #expect(try TrainingConfiguration(contentsOf: file).augmentation == expected)
            try Data(#"{"augmentation": "contriever"}"#.utf8).write(to: file)
            #expect(try TrainingConfiguration(contentsOf: file).augmentation == .crops)
            for wrong in [#"{"augmentation": {"roles": []}}"#, #"{"augmentation": {"edits": [], "roles": []}}"#] {
                try Data(wrong.utf8).write(to: file)
                #expect(throws: TrainingError.self) { try TrainingConfiguration(contentsOf: file) }
            }
        }
    }

    static let wrong: [(TextEdit, String)] = [
        (.crop(least: -0.1, most: 0.5), "least"), (.crop(least: 0.5, most: 0.4), "most"),
        (.crop(least: 0.5, most: .nan), "most"), (.deletion(share: 1.1), "share"), (.masking(share: .nan), "share"),
        (.replacement(share: -1), "share"), (.spanMasking(characters: 0), "characters"),
        (.spanMasking(least: -1), "least"), (.spanDeletion(spans: 0), "spans"),
        (.spanDeletion(spans: 10, share: 0.1), "share"), (.reordering(pairs: 6, share: 0.1), "share"),
        (.substitution(neighbours: 0), "neighbours"),
    ]

    @Test(arguments: wrong.indices)
    func `a value out of its range is named`(index: Int) {
        let (edit, field) = Self.wrong[index]
        var configuration = TrainingConfiguration()
        configuration.augmentation = TextAugmentation([.deletion(), edit])
        let error = #expect(throws: TrainingError.self) { try configuration.validate() }
        #expect(error?.message.contains(".\(field) is") == true, "\(error?.message ?? "")")
    }
}
