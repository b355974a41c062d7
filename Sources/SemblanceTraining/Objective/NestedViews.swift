internal import SemblanceNumerics

/// The first components of an embedding after some layers.
package struct NestedView: Hashable, Sendable {
    /// How many layers; `nil` is all.
    package let layer: Int?
    package let dimension: Int
}

/// The views of a model's embeddings that ``NestingConfiguration`` names.
package struct NestedViews: Sendable {
    private let nesting: NestingConfiguration
    /// The whole first; each once.
    package let all: [NestedView]

    /// The views of a step, in embeddings that hold the last layer's components and then those of ``layers``.
    package struct Selection: Sendable {
        /// The layers whose embeddings are needed beside the last one's.
        package let layers: [Int]
        package let views: [Member]

        package struct Member: Sendable {
            /// Its place in ``NestedViews/all``.
            package let index: Int
            package let weight: Double
            package let columns: Range<Int>
        }
    }

    /// - Parameters:
    ///   - dimension: the model's.
    ///   - layerCount: how many layers it has; 0 where it has none.
    /// - Throws: ``TrainingError`` for a layer or a dimension that the model lacks.
    package init(_ nesting: NestingConfiguration, dimension: Int, layerCount: Int) throws {
        if let most = nesting.dimensions.max() {
            try TrainingError.require(
                most <= dimension,
                "objective.nesting.dimensions hold \(most): the model's embeddings have \(dimension)"
            )
        }
        if let most = nesting.layers.max() {
            try TrainingError.require(
                most <= layerCount && layerCount > 0,
                "objective.nesting.layers hold \(most): the model has \(layerCount) layers"
            )
        }
        self.nesting = nesting
        // The last layer has no number, so that it is never drawn twice.
        let layers = nesting.layers.map { $0 == layerCount ? nil : $0 }
        var views = [NestedView(layer: nil, dimension: dimension)]
        switch nesting.combination {
        case .pairs:
            views += zip(layers, nesting.dimensions).map { NestedView(layer: $0, dimension: $1) }
        case .product:
            let dimensions = [dimension] + nesting.dimensions.filter { $0 < dimension }.sorted(by: >)
            for layer in [nil] + layers.compactMap({ $0 }).sorted(by: >) {
                views += dimensions.map { NestedView(layer: layer, dimension: $0) }
            }
        }
        var seen = Set<NestedView>()
        all = views.filter { seen.insert($0).inserted }
    }

    /// What a step looks at: it follows from seed and step alone.
    package func selection(step: Int, seed: UInt64) -> Selection {
        var random = RandomStream(seed: seed ^ 0x4E57, stream: UInt64(step))
        let whole = all[0]
        var chosen = [Int](all.indices)
        if nesting.combination == .pairs {
            if let count = nesting.layersPerStep {
                chosen = [0] + random.permutation(of: all.count - 1).prefix(count).map { $0 + 1 }.sorted()
            }
        } else {
            func drawn<Value: Hashable>(_ values: [Value], _ count: Int?) -> Set<Value> {
                guard let count, count < values.count else { return Set(values) }
                return Set(random.permutation(of: values.count).prefix(count).map { values[$0] })
            }
            let last = all.filter { $0.layer == nil && $0.dimension < whole.dimension }
            let layers = all.filter { $0.dimension == whole.dimension }.compactMap(\.layer)
            let dimensions = drawn(last.map(\.dimension), nesting.dimensionsPerStep)
            let someLayers = drawn(layers, nesting.layersPerStep)
            chosen = chosen.filter { index in
                let view = all[index]
                return (view.dimension == whole.dimension || dimensions.contains(view.dimension))
                    && view.layer.map(someLayers.contains) ?? true
            }
        }
        var layers: [Int] = []
        for layer in chosen.compactMap({ all[$0].layer }) where !layers.contains(layer) { layers.append(layer) }
        let share = nesting.combination == .product ? 1 / Double(max(layers.count, 1)) : 1
        return Selection(
            layers: layers,
            views: chosen.map { index in
                let place = all[index].layer.flatMap(layers.firstIndex).map { $0 + 1 } ?? 0
                let first = place * whole.dimension
                return .init(
                    index: index,
                    weight: place == 0 ? 1 : share,
                    columns: first..<first + all[index].dimension
                )
            }
        )
    }
}
