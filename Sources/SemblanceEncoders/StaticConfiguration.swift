internal import Foundation
internal import SemblanceNumerics
package import SemblanceText

/// A static encoder that begins with random weights.
public struct StaticConfiguration: Hashable, Sendable, Codable {
    /// How much a token counts in a text's mean.
    public enum TokenWeights: String, Hashable, Sendable, Codable, CaseIterable {
        /// All alike.
        case uniform
        /// a / (a + p) for a token of relative frequency p in the training texts, a = 10⁻³, scaled to mean 1 over the
        /// tokens seen (smooth inverse frequency: Arora et al. 2017, "A simple but tough-to-beat baseline for sentence
        /// embeddings", eq. 3).
        case smoothInverseFrequency = "sif"
    }

    /// The dimension of the table, and of the embeddings where there is no projection. The default is 256.
    public var dimension = 256
    /// The dimension of a linear projection behind the mean; `nil`, the default, is none.
    public var projection: Int?
    /// How much a token counts at first; the table learns its own weighting on top. The default is all alike.
    public var tokenWeights = TokenWeights.uniform
    /// Whether queries and documents share one table. The default is yes.
    public var sharesWeights = true
    /// The most tokens of a text; `nil`, the default, is all of them.
    public var maximumLength: Int?
    /// Text put before every query, and before every document.
    public var queryPrompt = ""
    /// Text put before every document.
    public var documentPrompt = ""
    /// Whether embeddings are scaled to unit length. The default is yes.
    public var normalizes = true

    /// The defaults.
    public init() {}

    package func validate() throws {
        func require(_ condition: Bool, _ message: String) throws {
            if !condition { throw EncoderError(code: .invalidConfiguration, message: message) }
        }
        try require((1...65_536).contains(dimension), "dimension is \(dimension): it must be 1 to 65536")
        if let projection {
            try require((1...65_536).contains(projection), "projection is \(projection): it must be 1 to 65536")
        }
        if let maximumLength {
            try require(maximumLength >= 1, "maximumLength is \(maximumLength): it must be at least 1 token")
        }
    }

    /// An embedder with random weights, the same for the same seed.
    ///
    /// Table rows are normal numbers with deviation 1; a projection's weights are uniform in ±1/√dimension.
    ///
    /// - Parameter frequencies: how often each token occurs, for ``TokenWeights/smoothInverseFrequency``.
    package func makeEmbedder(tokenizer: Tokenizer, frequencies: [Int], seed: UInt64) throws -> Embedder {
        try validate()
        let weights = tokenWeights == .uniform ? nil : Self.inverseFrequencyWeights(frequencies)
        func tower(_ stream: UInt64) -> Tower {
            var random = RandomStream(seed: seed, stream: stream)
            let table = random.normal(rows: tokenizer.vocabularySize, columns: dimension)
            let bound = 1 / Float(dimension).squareRoot()
            let head = projection.map { outputs in
                DenseLayer(
                    weight: random.uniform(rows: outputs, columns: dimension, in: -bound...bound),
                    bias: Matrix(rows: 1, columns: outputs)
                )
            }
            var preparation = TextPreparation()
            preparation.maximumLength = maximumLength
            return Tower(
                tokenizer: tokenizer,
                encoder: StaticEncoder(table: table, weights: weights, projection: head),
                preparation: preparation
            )
        }
        // Streams of their own, apart from the samplers' (epoch + 1).
        return Embedder(
            queryTower: tower(1 << 32),
            documentTower: sharesWeights ? nil : tower(1 << 32 + 1),
            prompts: [.query: queryPrompt, .document: documentPrompt],
            normalizes: normalizes
        )
    }

    private static func inverseFrequencyWeights(_ frequencies: [Int]) -> [Float] {
        let total = Double(max(frequencies.reduce(0, +), 1))
        let weights = frequencies.map { 1e-3 / (1e-3 + Double($0) / total) }
        let mean = zip(weights, frequencies).reduce(0) { $0 + $1.0 * Double($1.1) } / total
        return weights.map { Float($0 / max(mean, 1e-6)) }
    }
}
