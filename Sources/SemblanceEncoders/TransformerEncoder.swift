// N tokens, T texts, D width.

internal import Foundation
package import SemblanceNumerics
package import SemblanceText

/// A transformer (arXiv:1706.03762) with pooling: tokens that attend to each other within their text, one vector a text.
///
/// Texts lie one after another without padding; a text's embedding depends on the text alone.
package struct TransformerEncoder: TextEncoder {
    package let configuration: TransformerConfiguration
    /// The ways tokens become one vector, their results side by side.
    package let poolings: [Pooling]
    let additions: TransformerAdditions
    /// The transformer's own parameters, then those of the additions.
    var tables: [Parameter]
    package var projections: [DenseLayer]
    /// Whether training changes the projections.
    var trainsProjections = true
    let indices: TransformerIndices

    /// - Parameter parameters: in the order of ``TransformerIndices``.
    init(
        _ configuration: TransformerConfiguration,
        parameters: [Parameter],
        poolings: [Pooling],
        projections: [DenseLayer] = [],
        additions: TransformerAdditions = .init()
    ) {
        self.additions = additions
        self.configuration = configuration
        self.poolings = poolings
        self.projections = projections
        tables = parameters
        indices = TransformerIndices(configuration, additions: additions)
    }

    package var dimension: Int { projections.last?.weight.rows ?? configuration.width * poolings.count }

    package var dropout: Float {
        max(configuration.dropout, configuration.attentionDropout, configuration.innerDropout ?? 0)
    }

    /// Some 200 tokens' activations stay in a core's cache on their way through a layer.
    package var tokensPerChunk: Int? { 192 }

    /// What a soft prompt leaves of the places there are.
    package var maximumLength: Int? {
        additions.softPromptLength.flatMap { length in configuration.maximumLength.map { $0 - length } }
    }

    /// The transformer's, then the projections'.
    package var parameters: [Parameter] {
        tables
            + projections.flatMap(\.parameters).map { parameter in
                var parameter = parameter
                parameter.isTrained = trainsProjections
                return parameter
            }
    }

    package func replacingParameters(_ values: [Matrix]) -> TransformerEncoder {
        var result = self
        var rest = values[...]
        for index in tables.indices { result.tables[index].value = rest.removeFirst() }
        for index in projections.indices { result.projections[index].takeParameters(&rest) }
        precondition(rest.isEmpty, "\(values.count) values for \(parameters.count) parameters")
        return result
    }

    package var layerCount: Int { configuration.layers }

    package func encode(_ tokens: TokenBatch, skipping skipped: Int, layers: [Int], on tape: Tape) -> Variable {
        let tokens = softPrompted(tokens)
        // A prompt that isn't pooled isn't pooled with its soft one.
        let skipped = skipped > 0 ? skipped + (additions.softPromptLength ?? 0) : 0
        return tape.concatenated(
            hiddenStates(tokens, after: [indices.layers.count] + layers, on: tape).map { states in
                let pooled = tape.concatenated(
                    poolings.map { $0.apply(to: states, offsets: tokens.offsets, skipping: skipped, on: tape) }
                )
                var first = indices.count
                return projections.reduce(pooled) { $1.apply(to: $0, first: &first, on: tape) }
            }
        )
    }

    /// What is pooled after each of some numbers of layers: the last state, and before it the first layer's where a pooling
    /// needs it. Each is normalised as the last one is, so that the first layers are a model of their own.
    private func hiddenStates(_ tokens: TokenBatch, after layers: [Int], on tape: Tape) -> [[Variable]] {
        var x = embeddings(of: tokens, on: tape)
        let bias = distanceBias(for: tokens, on: tape)
        var first = x
        var states = [Int: [Variable]]()
        func keep(_ number: Int) {
            guard layers.contains(number) else { return }
            let last = finished(x, on: tape)
            states[number] = Pooling.needsFirstLayer(poolings) ? [first, last] : [last]
        }
        keep(0)
        for index in indices.layers.indices {
            x = layer(index, x, tokens.offsets, bias, on: tape)
            if index == 0 { first = x }
            keep(index + 1)
        }
        return layers.map { number in
            guard let states = states[number] else { preconditionFailure("there is no layer \(number)") }
            return states
        }
    }

    private func finished(_ x: Variable, on tape: Tape) -> Variable {
        indices.finalNorm.map { norm(x, $0, on: tape) } ?? x
    }

    // MARK: Embeddings

    private func embeddings(of tokens: TokenBatch, on tape: Tape) -> Variable {
        var ids = [tokens.ids]
        var tables = [indices.words]
        if let prompt = indices.softPrompt {
            ids = [tokens.ids.map { max($0, -1) }, tokens.ids.map { max(-1 - $0, -1) }]
            tables.append(prompt)
        }
        if let table = indices.positions {
            tables.append(table)
            ids.append(positions(of: tokens))
        }
        if let table = indices.types {
            tables.append(table)
            ids.append([Int32](repeating: 0, count: tokens.tokenCount))
        }
        let sum = tape.embeddingSum(tables: tables, ids: ids)
        return tape.dropout(norm(sum, indices.embeddingNorm, on: tape), rate: configuration.dropout)
    }

    private func positions(of tokens: TokenBatch) -> [Int32] {
        guard case .table(_, let offset, let padding) = configuration.positions else { return [] }
        var result: [Int32] = []
        result.reserveCapacity(tokens.tokenCount)
        for text in 0..<tokens.count {
            guard let padding else {
                for place in 0..<tokens[text].count { result.append(Int32(offset + place)) }
                continue
            }
            var place = Int32(offset)
            for id in tokens[text] {
                result.append(id == padding ? padding : place)
                if id != padding { place += 1 }
            }
        }
        return result
    }

    // MARK: Layers

    private func layer(
        _ index: Int,
        _ x: Variable,
        _ offsets: [Int32],
        _ bias: Variable?,
        on tape: Tape
    ) -> Variable {
        let layer = indices.layers[index]
        let c = configuration
        if c.normalization == .before {
            let mixed = attention(
                index,
                layer.attentionNorm.map { norm(x, $0, on: tape) } ?? x,
                offsets,
                bias,
                on: tape
            )
            let sum = tape.sum(x, mixed)
            return tape.sum(sum, feedForward(layer, norm(sum, layer.outputNorm, on: tape), on: tape))
        }
        let mixed = attention(index, x, offsets, bias, on: tape)
        let middle = norm(mixed, residual: x, layer.attentionNorm, on: tape)
        return norm(feedForward(layer, middle, on: tape), residual: middle, layer.outputNorm, on: tape)
    }

    private func attention(
        _ index: Int,
        _ x: Variable,
        _ offsets: [Int32],
        _ bias: Variable?,
        on tape: Tape
    ) -> Variable {
        let (layer, c) = (indices.layers[index], configuration)
        var qkv = linear(x, layer.qkv, layer.updates, on: tape)
        if case .rotary(let base, let windowBase) = c.positions {
            qkv = tape.rotated(
                qkv,
                offsets: offsets,
                heads: c.heads,
                frequencies: rotaryFrequencies(base: c.windows[index] == nil ? base : windowBase, c.headDimension)
            )
        }
        let settings = AttentionSettings(
            heads: c.heads,
            headDimension: c.headDimension,
            window: c.windows[index],
            dropout: c.attentionDropout
        )
        let mixed = tape.attention(qkv, bias: bias, offsets: offsets, settings)
        return tape.dropout(
            linear(mixed, layer.output, layer.updates, on: tape),
            rate: c.innerDropout == nil ? c.dropout : c.attentionDropout
        )
    }

    private func feedForward(_ layer: TransformerIndices.Layer, _ x: Variable, on tape: Tape) -> Variable {
        let up = linear(x, layer.up, layer.updates, on: tape)
        var inner =
            configuration.isGated
            ? tape.gated(up, configuration.activation) : tape.activation(up, configuration.activation)
        if let rate = configuration.innerDropout { inner = tape.dropout(inner, rate: rate) }
        var down = linear(inner, layer.down, layer.updates, on: tape)
        if configuration.innerDropout == nil { down = tape.dropout(down, rate: configuration.dropout) }
        return adapted(down, layer, on: tape)
    }

    private func norm(
        _ x: Variable,
        residual: Variable? = nil,
        _ norm: TransformerIndices.Norm?,
        on tape: Tape
    ) -> Variable {
        guard let norm else { return residual.map { tape.sum(x, $0) } ?? x }
        return tape.layerNorm(
            x,
            residual: residual,
            gamma: norm.gamma,
            beta: norm.beta,
            epsilon: configuration.epsilon
        )
    }

    private func distanceBias(for tokens: TokenBatch, on tape: Tape) -> Variable? {
        guard let table = indices.distances else { return nil }
        let longest = (0..<tokens.count).map { tokens[$0].count }.max() ?? 0
        let reach = max(longest - 1, 0)
        let buckets = configuration.distanceBuckets
        return tape.columns(ofTable: table, rows: (-reach...reach).map { distanceBucket($0, of: buckets) })
    }
}

/// base^(−2i / dimension) for each pair i of components.
private func rotaryFrequencies(base: Float, _ dimension: Int) -> [Float] {
    (0..<dimension / 2).map { 1 / pow(base, Float(2 * $0) / Float(dimension)) }
}

/// The bucket of a distance, key place − query place: half of them for keys to the right; of each half the first half for
/// one distance each, the others growing with its logarithm up to 128 (arXiv:1910.10683, §2.1).
private func distanceBucket(_ distance: Int, of buckets: Int) -> Int {
    let half = buckets / 2, exact = half / 2
    let side = distance > 0 ? half : 0
    let length = abs(distance)
    guard length >= exact else { return side + length }
    let growth = log(Float(length) / Float(exact)) / Float(log(128 / Double(exact))) * Float(half - exact)
    return side + min(exact + Int(growth), half - 1)
}
