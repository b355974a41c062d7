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

    /// A low-rank update of some columns of a linear layer's output.
    struct Update: Sendable {
        let weight: Int
        let columns: Range<Int>
        let a: Int
        let b: Int
    }

    struct Layer: Sendable {
        /// Queries, keys and values of all heads: `[3·D, D]`.
        let qkv: Linear
        let output: Linear
        let up: Linear
        let down: Linear
        let attentionNorm: Norm?
        let outputNorm: Norm
        var updates: [Update] = []
        var adapter: (down: Linear, up: Linear)?
    }

    let words: Int
    let positions: Int?
    let types: Int?
    let embeddingNorm: Norm
    let distances: Int?
    let layers: [Layer]
    let finalNorm: Norm?
    let softPrompt: Int?
    let count: Int
    /// How deep each one is: 0 for embeddings, then the layer's number from 1, and one more behind the last.
    let depths: [Int]

    init(_ c: TransformerConfiguration, additions: TransformerAdditions = .init()) {
        var next = 0
        var depth = 0
        var depths: [Int] = []
        func take() -> Int {
            next += 1
            depths.append(depth)
            return next - 1
        }
        func linear(hasBias: Bool) -> Linear { Linear(weight: take(), bias: hasBias ? take() : nil) }
        func norm() -> Norm { Norm(gamma: take(), beta: c.normBias ? take() : nil) }
        words = take()
        if case .table = c.positions { positions = take() } else { positions = nil }
        types = c.types > 0 ? take() : nil
        embeddingNorm = norm()
        distances = c.distanceBuckets > 0 ? take() : nil
        var layers = (0..<c.layers).map { index in
            depth = index + 1
            return Layer(
                qkv: linear(hasBias: c.attentionBias),
                output: linear(hasBias: c.attentionBias),
                up: linear(hasBias: c.innerBias),
                down: linear(hasBias: c.innerBias),
                // The first layer's input is normalised already.
                attentionNorm: c.normalization == .before && index == 0 ? nil : norm(),
                outputNorm: norm()
            )
        }
        depth = c.layers + 1
        finalNorm = c.normalization == .before ? norm() : nil
        for index in layers.indices {
            depth = index + 1
            if let lora = additions.lora {
                layers[index].updates = Self.targets(of: layers[index], lora, c).map { weight, columns in
                    Update(weight: weight, columns: columns, a: take(), b: take())
                }
            }
            if additions.adapterWidth != nil {
                layers[index].adapter = (linear(hasBias: true), linear(hasBias: true))
            }
        }
        depth = 0
        softPrompt = additions.softPromptLength == nil ? nil : take()
        self.layers = layers
        count = next
        self.depths = depths
    }

    /// The weights that updates belong to, and the columns of their outputs.
    private static func targets(
        of layer: Layer,
        _ lora: LoRAConfiguration,
        _ c: TransformerConfiguration
    ) -> [(weight: Int, columns: Range<Int>)] {
        let targets = Set(lora.targets)
        var found: [(weight: Int, columns: Range<Int>)] = []
        let ofAttention: [LoRAConfiguration.Target] = [.query, .key, .value]
        if c.hasJointQKV {
            if !targets.isDisjoint(with: ofAttention) { found.append((layer.qkv.weight, 0..<3 * c.width)) }
        } else {
            for (part, target) in ofAttention.enumerated() where targets.contains(target) {
                found.append((layer.qkv.weight, part * c.width..<(part + 1) * c.width))
            }
        }
        if targets.contains(.output) { found.append((layer.output.weight, 0..<c.width)) }
        if targets.contains(.up) { found.append((layer.up.weight, 0..<(c.isGated ? 2 : 1) * c.inner)) }
        if targets.contains(.down) { found.append((layer.down.weight, 0..<c.width)) }
        return found
    }
}
