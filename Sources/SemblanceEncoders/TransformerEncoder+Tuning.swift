// Small weights beside a transformer's own: low-rank updates, bottleneck adapters, soft prompts.

internal import Foundation
internal import SemblanceNumerics
internal import SemblanceText

/// What a transformer has beside its own weights.
struct TransformerAdditions: Sendable, Hashable {
    var lora: LoRAConfiguration?
    var adapterWidth: Int?
    var softPromptLength: Int?
}

extension TransformerEncoder {
    /// The same encoder with what `tuning` adds, and with what stays as it is marked so.
    ///
    /// Low-rank updates and adapters begin without effect: embeddings are the same. A soft prompt begins as words.
    ///
    /// - Parameter seed: of the new weights.
    /// - Throws: ``EncoderError`` where the encoder has additions already, or fewer layers than are frozen.
    package func tuned(by tuning: TuningConfiguration, seed: UInt64) throws -> TransformerEncoder {
        let c = configuration
        guard tuning.frozenLayers <= c.layers else {
            throw EncoderError(
                code: .invalidConfiguration,
                message: "tuning.frozenLayers is \(tuning.frozenLayers), but the transformer has \(c.layers) layers"
            )
        }
        var result = self
        let added = TransformerAdditions(
            lora: tuning.lora,
            adapterWidth: tuning.adapterWidth,
            softPromptLength: tuning.softPromptLength
        )
        if added != TransformerAdditions() {
            guard additions == TransformerAdditions() else {
                throw EncoderError(
                    code: .invalidConfiguration,
                    message: "the model has low-rank updates, adapters or a soft prompt already: updates are merged by "
                        + "writing and opening it, the others stay with the model"
                )
            }
            try check(softPromptLength: added.softPromptLength, in: "tuning")
            result = adding(added, seed: seed)
        }
        if tuning.trainsHeadAlone, result.projections.isEmpty {
            result.projections = [DenseLayer(weight: .identity(dimension), bias: nil)]
        }
        let own = TransformerIndices(c).count
        for index in result.tables.indices {
            let depth = result.indices.depths[index]
            let isFrozen =
                depth == 0
                ? tuning.freezesEmbeddings || tuning.frozenLayers > 0 : depth <= tuning.frozenLayers
            result.tables[index].isTrained = index >= own || !(tuning.freezesBase || isFrozen)
            result.tables[index].rateFactor = pow(tuning.layerDecay, Float(c.layers + 1 - depth))
        }
        result.trainsProjections = tuning.trainsHeadAlone || !tuning.freezesBase
        return result
    }

    /// The same encoder with additions as they begin.
    func adding(_ additions: TransformerAdditions, seed: UInt64) -> TransformerEncoder {
        var result = TransformerEncoder(
            configuration,
            parameters: tables,
            poolings: poolings,
            projections: projections,
            additions: additions
        )
        var random = RandomStream(seed: seed, stream: 0xADD)
        func add(_ name: String, rows: Int, columns: Int, deviation: Float, isVector: Bool = false) {
            let value =
                deviation > 0
                ? random.normal(rows: rows, columns: columns, deviation: deviation)
                : Matrix(rows: rows, columns: columns)
            result.tables.append(Parameter(names: [name], isVector: isVector, value: value))
        }
        let indices = result.indices
        for (number, layer) in indices.layers.enumerated() {
            for update in layer.updates {
                let name = updateName(update)
                let weight = tables[update.weight].value
                let rank = additions.lora?.rank ?? 0
                // The standard deviation of the usual uniform start, √(1 / (3 · inputs)).
                add(
                    name + ".lora_A.weight",
                    rows: rank,
                    columns: weight.columns,
                    deviation: (1 / Float(3 * weight.columns)).squareRoot()
                )
                add(name + ".lora_B.weight", rows: update.columns.count, columns: rank, deviation: 0)
            }
            if let width = additions.adapterWidth {
                let name = "adapters.\(number)."
                add(name + "down.weight", rows: width, columns: configuration.width, deviation: 0.02)
                add(name + "down.bias", rows: 1, columns: width, deviation: 0, isVector: true)
                add(name + "up.weight", rows: configuration.width, columns: width, deviation: 0)
                add(name + "up.bias", rows: 1, columns: configuration.width, deviation: 0, isVector: true)
            }
        }
        if let length = additions.softPromptLength {
            // The vectors of words drawn from the vocabulary (arXiv:2104.08691, §3.2).
            let words = tables[indices.words].value
            let drawn = (0..<length).map { _ in Int(random.next() % UInt64(words.rows)) }
            result.tables.append(
                Parameter(names: [Self.softPromptName], layout: .table, value: words.gatheringRows(drawn))
            )
        }
        precondition(result.tables.count == indices.count, "additions in another order than their indices")
        return result
    }

    /// How a file, and PEFT's, calls a soft prompt.
    static let softPromptName = "prompt_embeddings"

    /// Throws ``EncoderError`` where a soft prompt would leave no place for a text.
    func check(softPromptLength: Int?, in place: String) throws {
        guard let softPromptLength, let most = configuration.maximumLength, softPromptLength >= most else { return }
        throw EncoderError(
            code: .invalidConfiguration,
            message:
                "\(place): a soft prompt of \(softPromptLength) vectors leaves no place for a text: the transformer "
                + "takes \(most) tokens"
        )
    }

    /// The same encoder with the adapters and the soft prompt that the file has, if any.
    func addingAdditions(from weights: WeightFiles) throws -> TransformerEncoder {
        func rows(of name: String) throws -> Int? {
            guard let first = try weights.tensor(name) else { return nil }
            guard first.value.columns == configuration.width, first.value.rows >= 1 else {
                throw EncoderError(
                    code: .invalidFile,
                    message: "\(weights.path): \"\(name)\" has the shape \(first.shape), but tokens have "
                        + "\(configuration.width) components"
                )
            }
            return first.value.rows
        }
        let found = TransformerAdditions(
            adapterWidth: try rows(of: "adapters.0.down.weight"),
            softPromptLength: try rows(of: Self.softPromptName)
        )
        guard found != TransformerAdditions() else { return self }
        try check(softPromptLength: found.softPromptLength, in: weights.path)
        let own = tables.count
        var result = adding(found, seed: 0)
        for index in own..<result.tables.count {
            let parameter = result.tables[index]
            let shape = parameter.isVector ? [parameter.value.count] : [parameter.value.rows, parameter.value.columns]
            result.tables[index].value = try weights.tensor(parameter.names[0], shape: shape)
        }
        return result
    }

    /// The linear layer that an update belongs to, as the model's file calls it.
    func updateName(_ update: TransformerIndices.Update) -> String {
        let names = tables[update.weight].names
        let part = names.count > 1 ? update.columns.lowerBound / update.columns.count : 0
        return String(names[part].dropLast(".weight".count))
    }

    /// The encoder with low-rank updates added to the weights they belong to.
    package var merged: TransformerEncoder {
        guard let lora = additions.lora else { return self }
        let own = TransformerIndices(configuration).count
        var parameters = Array(tables.prefix(own))
        for update in indices.layers.flatMap(\.updates) {
            var product = tables[update.b].value.product(tables[update.a].value)
            product.scale(by: lora.scale)
            parameters[update.weight].value.addRows(from: update.columns.lowerBound, product)
        }
        for index in parameters.indices { parameters[index].isTrained = true }
        return TransformerEncoder(
            configuration,
            parameters: parameters,
            poolings: poolings,
            projections: projections
        )
    }

    /// The encoder with low-rank updates merged.
    ///
    /// - Throws: ``EncoderError`` where it has what can't be merged.
    func withoutAdditions() throws -> TransformerEncoder {
        let merged = merged
        guard merged.additions == TransformerAdditions() else {
            throw EncoderError(
                code: .unsupportedModel,
                message:
                    "the model has adapters or a soft prompt already: apply another to the model they were trained from"
            )
        }
        return merged
    }

    // MARK: On the tape

    /// The tokens with the soft prompt's before each text's: its vector k has the id −1 − k.
    func softPrompted(_ tokens: TokenBatch) -> TokenBatch {
        guard let length = additions.softPromptLength else { return tokens }
        let prompt = (1...Int32(length)).map { -$0 }
        return TokenBatch((0..<tokens.count).lazy.map { prompt + tokens[$0] })
    }

    /// A linear layer of the transformer with its updates: y = x · (W + scale · B · A)ᵀ + b.
    func linear(
        _ x: Variable,
        _ linear: TransformerIndices.Linear,
        _ updates: [TransformerIndices.Update],
        on tape: Tape
    ) -> Variable {
        var y = tape.linear(x, weight: linear.weight, bias: linear.bias)
        guard let scale = additions.lora?.scale else { return y }
        for update in updates where update.weight == linear.weight {
            let low = tape.linear(x, weight: update.a, bias: nil)
            y = tape.addingColumns(
                y,
                tape.linear(low, weight: update.b, bias: nil),
                at: update.columns.lowerBound,
                times: scale
            )
        }
        return y
    }

    /// A bottleneck beside the way through: y = x + up(f(down(x))).
    func adapted(_ x: Variable, _ layer: TransformerIndices.Layer, on tape: Tape) -> Variable {
        guard let adapter = layer.adapter else { return x }
        let low = tape.activation(
            tape.linear(x, weight: adapter.down.weight, bias: adapter.down.bias),
            configuration.activation
        )
        return tape.sum(x, tape.linear(low, weight: adapter.up.weight, bias: adapter.up.bias))
    }
}
