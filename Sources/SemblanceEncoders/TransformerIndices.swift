/// Where each weight of a transformer is in its list of parameters.
struct TransformerIndices: Sendable {
    struct Linear: Sendable {
        let weight: Int
        let bias: Int?
    }

    struct Norm: Sendable {
        let gamma: Int
        let beta: Int?
    }

    struct Layer: Sendable {
        /// Queries, keys and values of all heads: `[3·D, D]`.
        let qkv: Linear
        let output: Linear
        let up: Linear
        let down: Linear
        let attentionNorm: Norm?
        let outputNorm: Norm
    }

    let words: Int
    let positions: Int?
    let types: Int?
    let embeddingNorm: Norm
    let distances: Int?
    let layers: [Layer]
    let finalNorm: Norm?
    let count: Int

    init(_ c: TransformerConfiguration) {
        var next = 0
        func take() -> Int {
            next += 1
            return next - 1
        }
        func linear(hasBias: Bool) -> Linear { Linear(weight: take(), bias: hasBias ? take() : nil) }
        func norm() -> Norm { Norm(gamma: take(), beta: c.normBias ? take() : nil) }
        words = take()
        if case .table = c.positions { positions = take() } else { positions = nil }
        types = c.types > 0 ? take() : nil
        embeddingNorm = norm()
        distances = c.distanceBuckets > 0 ? take() : nil
        layers = (0..<c.layers).map { index in
            Layer(
                qkv: linear(hasBias: c.attentionBias),
                output: linear(hasBias: c.attentionBias),
                up: linear(hasBias: c.innerBias),
                down: linear(hasBias: c.innerBias),
                // The first layer's input is normalised already.
                attentionNorm: c.normalization == .before && index == 0 ? nil : norm(),
                outputNorm: norm()
            )
        }
        finalNorm = c.normalization == .before ? norm() : nil
        count = next
    }
}
