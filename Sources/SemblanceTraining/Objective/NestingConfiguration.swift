/// Further views of an embedding that the objective is taken over, so that each can be used alone: its leading components,
/// and what it would be after fewer layers.
///
///     loss = Σ over views v of w[v] · loss of the views' vectors, brought to unit length by themselves
///            + alignmentWeight · T · Σ over layers n of KL(softmax(u / T) ‖ softmax(u[n] / T)),   T = alignmentTemperature
///
/// The whole, D components after the last layer, is always a view. Which others are follows ``combination``:
///
/// | combination | views beside the whole | weights |
/// |---|---|---|
/// | product | each dimension after the last layer; each layer, whole and with each dimension | 1; 1 / layers |
/// | pairs | each layer with the dimension of the same place | 1 |
///
/// The second sum draws each layer's embedding u[n] to the last one's, u, which is a constant there: the mean over all texts
/// of the divergence of their components, at the widest of the layer's views.
///
/// - Note: Sources: Matryoshka, arXiv:2205.13147, eq. 1 (dimensions; weights 1); 2D Matryoshka, arXiv:2402.14776, §3 (one
///   layer and one dimension drawn in each step; alignment, whose weight 1 and temperature 0.3 are sentence-transformers');
///   Starbucks, arXiv:2410.13230, §3 (pairs, all in each step).
public struct NestingConfiguration: Hashable, Sendable, Codable {
    /// How layers and dimensions become views.
    public enum Combination: String, Hashable, Sendable, Codable, CaseIterable {
        /// Each with each.
        case product
        /// The first with the first, and so on.
        case pairs
    }

    /// Numbers of leading components. The default is none.
    public var dimensions: [Int] = []
    /// Numbers of layers, 0 being the embeddings before the first. The default is none.
    public var layers: [Int] = []
    /// How they become views. The default is each with each.
    public var combination = Combination.product
    /// How many of the dimensions a step draws; `nil`, the default, takes all.
    public var dimensionsPerStep: Int?
    /// How many of the layers a step draws, or of the pairs; `nil`, the default, takes all.
    public var layersPerStep: Int?
    /// The weight of the alignment of layers. The default is 1.
    public var alignmentWeight: Float = 1
    /// The temperature of the alignment. The default is 0.3.
    public var alignmentTemperature: Float = 0.3

    /// The whole alone.
    public init() {}

    /// Matryoshka: the whole and these dimensions in each step.
    public static func matryoshka(_ dimensions: [Int]) -> NestingConfiguration {
        var nesting = NestingConfiguration()
        nesting.dimensions = dimensions
        return nesting
    }

    /// 2D Matryoshka: in each step the whole and one dimension, of the last layer and of one other.
    public static func twoDimensional(layers: [Int], dimensions: [Int]) -> NestingConfiguration {
        var nesting = matryoshka(dimensions)
        nesting.layers = layers
        nesting.layersPerStep = 1
        nesting.dimensionsPerStep = 1
        return nesting
    }

    /// Starbucks: the whole and a fixed list of sizes in each step. The paper's, for 12 layers of 768: 2 with 32, 4 with 64,
    /// 6 with 128, 8 with 256, 10 with 512.
    public static func starbucks(_ sizes: [(layer: Int, dimension: Int)]) -> NestingConfiguration {
        var nesting = matryoshka(sizes.map(\.dimension))
        nesting.layers = sizes.map(\.layer)
        nesting.combination = .pairs
        return nesting
    }

    func validate() throws {
        for (name, values, least) in [("dimensions", dimensions, 1), ("layers", layers, 0)] {
            try TrainingError.require(
                values.allSatisfy { $0 >= least },
                "objective.nesting.\(name) are \(values): each must be at least \(least)"
            )
            try TrainingError.require(
                combination == .pairs || Set(values).count == values.count,
                "objective.nesting.\(name) name one twice: \(values)"
            )
        }
        try TrainingError.require(
            combination == .product || layers.count == dimensions.count,
            "objective.nesting.layers are \(layers) and dimensions \(dimensions): pairs need as many of both"
        )
        try TrainingError.require(
            combination == .product || dimensionsPerStep == nil,
            "objective.nesting.dimensionsPerStep is for products: layersPerStep draws pairs"
        )
        for (name, count) in [("dimensionsPerStep", dimensionsPerStep), ("layersPerStep", layersPerStep)] {
            try TrainingError.require(
                count ?? 1 >= 1,
                "objective.nesting.\(name) is \(count ?? 0): it must be at least 1"
            )
        }
        try TrainingError.require(
            alignmentWeight >= 0 && alignmentWeight.isFinite,
            "objective.nesting.alignmentWeight is \(alignmentWeight): it must be a number of at least 0"
        )
        try TrainingError.require(
            alignmentTemperature > 0 && alignmentTemperature.isFinite,
            "objective.nesting.alignmentTemperature is \(alignmentTemperature): it must be a number above 0"
        )
    }
}
