/// Which weights of a pretrained transformer training changes. The default is all of them.
public struct TuningConfiguration: Hashable, Sendable, Codable {
    /// Layers that stay as they are, counted from the texts' side; with one or more the embeddings stay too. The default
    /// is 0.
    public var frozenLayers = 0
    /// Whether the embeddings stay as they are. The default is no.
    public var freezesEmbeddings = false
    /// Low-rank updates beside weights that stay; `nil`, the default, has none.
    public var lora: LoRAConfiguration?
    /// The width of bottleneck adapters behind each layer's feed-forward part (arXiv:2005.00247), beside weights that stay;
    /// `nil`, the default, has none.
    public var adapterWidth: Int?
    /// The number of vectors put before each text's (prompt tuning, arXiv:2104.08691), beside weights that stay; `nil`, the
    /// default, has none. They begin as words drawn from the vocabulary, and each takes a text's place.
    public var softPromptLength: Int?
    /// Whether a linear layer behind the pooling is all that changes; a model without one gets one that begins as the
    /// identity. The default is no.
    public var trainsHeadAlone = false
    /// A layer's learning rate is that of the layer above it times this (arXiv:1801.06146); the embeddings count as the
    /// lowest layer. The default is 1.
    public var layerDecay: Float = 1

    /// The defaults: every weight is trained.
    public init() {}

    /// Whether the transformer's own weights all stay as they are.
    var freezesBase: Bool {
        lora != nil || adapterWidth != nil || softPromptLength != nil || trainsHeadAlone
    }

    /// Throws ``EncoderError`` with the first value out of its range.
    package func validate() throws {
        func require(_ holds: Bool, _ message: String) throws {
            guard holds else { throw EncoderError(code: .invalidConfiguration, message: "tuning." + message) }
        }
        try require(frozenLayers >= 0, "frozenLayers is \(frozenLayers): it must be at least 0")
        try require(
            layerDecay > 0 && layerDecay <= 1,
            "layerDecay is \(layerDecay): it must be above 0 and at most 1"
        )
        if let adapterWidth {
            try require(
                (1...65_536).contains(adapterWidth),
                "adapterWidth is \(adapterWidth): it must be 1 to 65536"
            )
        }
        if let softPromptLength {
            try require(
                (1...65_536).contains(softPromptLength),
                "softPromptLength is \(softPromptLength): it must be 1 to 65536"
            )
        }
        if let lora {
            try require((1...4096).contains(lora.rank), "lora.rank is \(lora.rank): it must be 1 to 4096")
            try require(lora.alpha.isFinite && lora.alpha > 0, "lora.alpha is \(lora.alpha): it must be above 0")
            try require(!lora.targets.isEmpty, "lora.targets is empty: name at least one projection")
        }
        let kinds = [lora != nil, adapterWidth != nil, softPromptLength != nil, trainsHeadAlone].count { $0 }
        try require(
            kinds <= 1,
            "lora, adapterWidth, softPromptLength and trainsHeadAlone exclude each other: choose one"
        )
    }
}

/// Low-rank updates (arXiv:2106.09685): W + alpha / rank · B · A, of which A `[rank, inputs]` and B `[outputs, rank]` are
/// trained. A begins random, B zero.
public struct LoRAConfiguration: Hashable, Sendable, Codable {
    /// The linear layers of a transformer.
    public enum Target: String, Hashable, Sendable, Codable, CaseIterable {
        case query, key, value
        /// What follows attention.
        case output
        /// The two of the feed-forward part.
        case up, down
    }

    /// The rank of an update. The default is 8.
    public var rank = 8
    /// What updates are scaled by, times the rank. The default is 16.
    public var alpha: Float = 16
    /// Where updates are. The default is queries and values. A model with one matrix for queries, keys and values has one
    /// update for all three.
    public var targets: [Target] = [.query, .value]

    /// The defaults with another rank.
    public init(rank: Int = 8) { self.rank = rank }

    var scale: Float { alpha / Float(rank) }
}
