public import Foundation
public import SemblanceEncoders
internal import SemblanceNumerics
public import SemblanceText

/// What training starts from.
public enum InitialModel: Sendable {
    /// Random weights over a vocabulary learned from the training texts.
    case scratch(StaticConfiguration = StaticConfiguration(), vocabulary: VocabularyConfiguration = .init())
    /// Random weights over a given tokenizer.
    case untrained(StaticConfiguration = StaticConfiguration(), tokenizer: Tokenizer)
    /// The model in a folder of sentence-transformers or model2vec.
    case pretrained(at: URL)
    /// An embedder that is at hand.
    case embedder(Embedder)

    /// The embedder, made or opened.
    package func makeEmbedder(for pairs: [TrainingPair], corpus: [String], seed: UInt64) throws -> Embedder {
        func texts() -> [String] { pairs.flatMap { [$0.anchor] + $0.positives + $0.negatives } + corpus }
        func embedder(_ configuration: StaticConfiguration, _ tokenizer: Tokenizer) throws -> Embedder {
            var frequencies = [Int](repeating: 0, count: tokenizer.vocabularySize)
            if configuration.tokenWeights != .uniform {
                for id in tokenizer.encode(texts(), addingSpecialTokens: false, maximumLength: nil).ids {
                    frequencies[Int(id)] += 1
                }
            }
            return try configuration.makeEmbedder(tokenizer: tokenizer, frequencies: frequencies, seed: seed)
        }
        switch self {
        case .scratch(let configuration, let vocabulary):
            try configuration.validate()
            return try embedder(configuration, Tokenizer.train(on: texts(), configuration: vocabulary))
        case .untrained(let configuration, let tokenizer): return try embedder(configuration, tokenizer)
        case .pretrained(let folder): return try Embedder(contentsOf: folder)
        case .embedder(let embedder): return embedder
        }
    }
}
