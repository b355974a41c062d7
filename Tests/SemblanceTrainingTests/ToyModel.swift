import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceText
import SemblanceTraining
import Testing

/// A vocabulary of 60 tokens, and texts over it, for tests of training.
struct ToyModel {
    let tokenizer: Tokenizer

    init() throws {
        let file = Bundle.module.url(forResource: "tokenizer", withExtension: "json", subdirectory: "Fixtures")
        tokenizer = try Tokenizer(contentsOf: try #require(file))
    }

    /// The 48 words of two syllables; each is one token.
    static let words = ["ka", "lo", "mi", "ne", "ru", "sa"].flatMap { first in
        ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo"].map { first + $0 }
    }

    /// A model of random weights.
    func embedder(dimension: Int = 8, projection: Int? = nil, seed: UInt64 = 1) throws -> Embedder {
        var configuration = StaticConfiguration()
        configuration.dimension = dimension
        configuration.projection = projection
        return try configuration.makeEmbedder(tokenizer: tokenizer, frequencies: [], seed: seed)
    }

    /// Pairs to learn a dictionary from: each of an anchor's two words has its counterpart among the positive's.
    ///
    /// Texts all differ, by a last word that the vocabulary lacks.
    func pairs(_ count: Int, seed: UInt64 = 1, groups: Int? = nil) -> [TrainingPair] {
        var random = RandomStream(seed: seed)
        return (0..<count).map { index in
            let subjects = (0..<24).shuffled(using: &random).prefix(2)
            return TrainingPair(
                anchor: subjects.map { Self.words[$0] }.joined(separator: " ") + " q\(index)",
                positive: subjects.reversed().map { Self.words[24 + $0] }.joined(separator: " ") + " d\(index)",
                group: groups.map { "g\(index % $0)" }
            )
        }
    }
}

extension Embedder {
    /// The elements of every parameter of both towers.
    var weights: [[Float]] {
        [queryTower, documentTower].flatMap { $0.encoder.parameters.map(\.value.elements) }
    }
}

/// Runs `fit` and collects what it says.
func fit(
    _ pairs: [TrainingPair],
    from embedder: Embedder,
    _ configuration: TrainingConfiguration,
    corpus: [String] = []
) async throws -> (embedder: Embedder, log: EventLog) {
    let log = EventLog()
    let trained = try await Embedder.fit(
        pairs,
        startingFrom: .embedder(embedder),
        configuration: configuration,
        corpus: corpus,
        progress: log.append
    )
    return (trained, log)
}
