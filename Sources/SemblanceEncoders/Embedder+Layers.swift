internal import SemblanceNumerics

extension Embedder {
    /// The model of the first layers alone: what is left of a transformer trained with ``NestingConfiguration/layers``, at a
    /// share of its time.
    ///
    /// Low-rank updates are merged; poolings and projections stay.
    ///
    /// - Parameter count: how many layers stay, 0 to all.
    /// - Throws: ``EncoderError`` where the model has no layers or fewer.
    /// - Note: Source: 2D Matryoshka, arXiv:2402.14776, §3.2.
    public func keepingLayers(_ count: Int) throws -> Embedder {
        var result = self
        result.documentTower = try documentTower.keepingLayers(count)
        result.queryTower = sharesWeights ? result.documentTower : try queryTower.keepingLayers(count)
        return result
    }
}

extension Tower {
    fileprivate func keepingLayers(_ count: Int) throws -> Tower {
        guard (0...encoder.layerCount).contains(count), let encoder = encoder as? TransformerEncoder else {
            throw EncoderError(
                code: .invalidConfiguration,
                message: "\(count) layers were asked for: the model has \(encoder.layerCount)"
            )
        }
        return Tower(
            tokenizer: tokenizer,
            encoder: encoder.merged.keepingLayers(count),
            preparation: preparation,
            source: source?.keepingLayers(count)
        )
    }
}

extension TransformerEncoder {
    fileprivate func keepingLayers(_ count: Int) -> TransformerEncoder {
        var shorter = configuration
        shorter.layers = count
        shorter.windows = Array(configuration.windows.prefix(count))
        let kept = tables.indices.filter { table in
            let depth = indices.depths[table]
            // What stands behind the last layer stays.
            return depth <= count || depth > configuration.layers
        }
        return TransformerEncoder(
            shorter,
            parameters: kept.map { tables[$0] },
            poolings: poolings,
            projections: projections,
            additions: additions
        )
    }
}
