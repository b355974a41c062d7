internal import SemblanceNumerics

extension Embedder {
    /// The model between this one and another of the same shape: WiSE-FT, where one was tuned from the other.
    ///
    ///     weights = (1 − factor) · own + factor · other's
    ///
    /// Tuning on one task costs others; halfway between the start and the tuned model much of the gain and little of the
    /// loss is left. Low-rank updates are merged, but at the ends. Prompts, tokenizer and format are this model's.
    ///
    /// - Parameter factor: 0 has this model's weights and 1 the other's, bit for bit.
    /// - Throws: ``EncoderError`` where the factor isn't 0 to 1 or the models differ in shape.
    /// - Complexity: O(weights).
    /// - Note: Source: Wortsman et al. 2022, arXiv:2109.01903, §3.
    public func interpolated(with other: Embedder, by factor: Float) throws -> Embedder {
        guard factor >= 0, factor <= 1 else {
            throw EncoderError(
                code: .invalidConfiguration,
                message: "the factor of interpolation is \(factor): it must be 0 (the start) to 1 (the other model)"
            )
        }
        guard sharesWeights == other.sharesWeights else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "one model has one tower and the other two: only models of one shape can be interpolated"
            )
        }
        var result = self
        result.documentTower = try documentTower.interpolated(with: other.documentTower, by: factor)
        result.queryTower =
            sharesWeights ? result.documentTower : try queryTower.interpolated(with: other.queryTower, by: factor)
        return result
    }
}

extension Tower {
    fileprivate func interpolated(with other: Tower, by factor: Float) throws -> Tower {
        let (start, end) = (encoder.plain, other.encoder.plain)
        let (own, others) = (start.parameters, end.parameters)
        func shapes(_ parameters: [Parameter]) -> [String] { parameters.map { "\($0.names): \($0.value)" } }
        let (ownShapes, otherShapes) = (shapes(own), shapes(others))
        if ownShapes != otherShapes {
            let first = zip(ownShapes, otherShapes).first { $0 != $1 }
            throw EncoderError(
                code: .unsupportedModel,
                message: "the models differ in shape, and only models of one shape can be interpolated: "
                    + (first.map { "\($0) here, \($1) there" } ?? "\(own.count) weights here, \(others.count) there")
            )
        }
        var result = self
        if factor == 1 { result.encoder = other.encoder }
        if factor > 0, factor < 1 {
            result.encoder = start.replacingParameters(
                zip(own, others).map { $0.value.interpolated(with: $1.value, by: factor) }
            )
        }
        return result
    }
}

extension TextEncoder {
    /// The encoder with all that multiplies its weights multiplied in.
    fileprivate var plain: any TextEncoder { (self as? StaticEncoder)?.foldingWeights() ?? merged }
}

extension Matrix {
    /// x + factor · (y − x), which keeps what is equal.
    fileprivate func interpolated(with other: Matrix, by factor: Float) -> Matrix {
        var difference = other
        difference.add(self, times: -1)
        var result = self
        result.add(difference, times: factor)
        return result
    }
}
