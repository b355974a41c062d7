public import Foundation
internal import SemblanceNumerics

extension Embedder {
    /// The same embedder with what `tuning` adds, and with what stays as it is marked so.
    ///
    /// - Throws: ``EncoderError`` where the encoder has no layers to tune.
    package func tuned(by tuning: TuningConfiguration, seed: UInt64) throws -> Embedder {
        guard tuning != TuningConfiguration() else { return self }
        try tuning.validate()
        func tuned(_ tower: Tower) throws -> Tower {
            guard let encoder = tower.encoder as? TransformerEncoder else {
                throw EncoderError(
                    code: .invalidConfiguration,
                    message: "tuning is for transformers: leave it out, a static encoder is trained as a whole"
                )
            }
            var result = tower
            result.encoder = try encoder.tuned(by: tuning, seed: seed)
            return result
        }
        return Embedder(
            queryTower: try tuned(queryTower),
            documentTower: sharesWeights ? nil : try tuned(documentTower),
            prompts: prompts,
            normalizes: normalizes,
            format: format
        )
    }

    /// The transformer both roles share, for what exists for it alone.
    private func sharedTransformer(for what: String) throws -> TransformerEncoder {
        guard sharesWeights, let encoder = documentTower.encoder as? TransformerEncoder else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(what) needs a transformer that queries and documents share"
            )
        }
        return encoder
    }

    // MARK: PEFT's format

    /// Writes the low-rank updates or the soft prompt alone, as PEFT does: `adapter_config.json` and
    /// `adapter_model.safetensors`.
    ///
    /// - Parameter base: what the configuration names as the model the updates belong to.
    /// - Throws: ``EncoderError`` where the model has none; what the file system says.
    public func writeAdapter(to folder: URL, base: String = "", overwriting: Bool = false) throws {
        let encoder = try sharedTransformer(for: "an adapter")
        if encoder.indices.softPrompt != nil {
            return try encoder.writeSoftPrompt(to: folder, base: base, overwriting: overwriting)
        }
        guard let lora = encoder.additions.lora else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "the model has no low-rank updates and no soft prompt: train it with tuning.lora or "
                    + "tuning.softPromptLength"
            )
        }
        let updates = encoder.indices.layers.flatMap(\.updates)
        try AtomicFolder.write(to: folder, overwriting: overwriting) { fresh in
            try SafetensorsFile.write(
                updates.flatMap { update in
                    [update.a, update.b].map { index in
                        let parameter = encoder.tables[index]
                        return .init(name: PEFTConfiguration.prefix + parameter.names[0], value: parameter.value)
                    }
                },
                to: fresh.appending(path: "adapter_model.safetensors")
            )
            try writeJSON(
                PEFTConfiguration(
                    rank: lora.rank,
                    alpha: lora.alpha,
                    targets: updates.map(encoder.updateName),
                    base: base
                ),
                to: fresh.appending(path: "adapter_config.json")
            )
        }
    }

    /// The embedder with the low-rank updates or the soft prompt that PEFT, or ``writeAdapter(to:base:overwriting:)``, wrote
    /// to a folder.
    ///
    /// - Throws: ``EncoderError`` that names the file and what in it doesn't fit this model.
    public func applyingAdapter(contentsOf folder: URL) throws -> Embedder {
        let encoder = try sharedTransformer(for: "an adapter")
        let kind = try readJSON(AdapterKind.self, from: folder.appending(path: "adapter_config.json"))
        var tower = documentTower
        tower.encoder =
            kind.name == SoftPromptConfiguration.kind
            ? try encoder.applyingSoftPrompt(contentsOf: folder) : try encoder.applyingUpdates(contentsOf: folder)
        return Embedder(queryTower: tower, prompts: prompts, normalizes: normalizes, format: format)
    }
}

/// What adapter_config.json says an adapter is.
private struct AdapterKind: Decodable {
    var name: String

    enum CodingKeys: String, CodingKey { case name = "peft_type" }
}

extension TransformerEncoder {
    /// The encoder with the low-rank updates that PEFT wrote.
    fileprivate func applyingUpdates(contentsOf folder: URL) throws -> TransformerEncoder {
        var encoder = self
        let settings = try readJSON(PEFTConfiguration.self, from: folder.appending(path: "adapter_config.json"))
        let file = folder.appending(path: "adapter_model.safetensors")
        func invalid(_ what: String) -> EncoderError {
            EncoderError(code: .invalidFile, message: "\(file.path): \(what)")
        }
        if let other = settings.unsupported {
            throw EncoderError(
                code: .unsupportedModel,
                message:
                    "\(folder.path)/adapter_config.json: \(other) is not supported, only plain low-rank updates and "
                    + "soft prompts"
            )
        }
        let tensors = try SafetensorsFile(contentsOf: file)
        let names = Set(
            tensors.names.filter { $0.hasSuffix(".lora_A.weight") }.map { $0.dropLast(".lora_A.weight".count) }
        )
        var lora = LoRAConfiguration(rank: settings.rank)
        lora.alpha = settings.usesRootScale ? settings.alpha * Float(settings.rank).squareRoot() : settings.alpha
        // Which linear layers there are updates for is told by the tensors; all layers of one kind have one, or none.
        lora.targets = LoRAConfiguration.Target.allCases
        let all = TransformerIndices(encoder.configuration, additions: .init(lora: lora)).layers.flatMap(\.updates)
        let found = Dictionary(
            all.compactMap { update in
                let name = encoder.updateName(update)
                return names.first { $0 == name || $0.hasSuffix("." + name) }.map { (name, String($0)) }
            },
            uniquingKeysWith: { first, _ in first }
        )
        guard found.count == names.count else {
            let known = Set(found.values)
            throw invalid("\"\(names.first { !known.contains(String($0)) } ?? "")\" is no linear layer of this model")
        }
        lora.targets = LoRAConfiguration.Target.allCases.filter { target in
            var one = lora
            one.targets = [target]
            let updates = TransformerIndices(encoder.configuration, additions: .init(lora: one)).layers.flatMap(
                \.updates
            )
            return !updates.isEmpty && updates.contains { found[encoder.updateName($0)] != nil }
        }
        guard !lora.targets.isEmpty else { throw invalid("there is no low-rank update in it") }
        try TuningConfiguration(lora: lora).validate()
        encoder = try encoder.withoutAdditions().adding(.init(lora: lora), seed: 0)
        for update in encoder.indices.layers.flatMap(\.updates) {
            // A layer without an update keeps one without effect.
            guard let name = found[encoder.updateName(update)] else { continue }
            for (index, part) in [(update.a, ".lora_A.weight"), (update.b, ".lora_B.weight")] {
                let expected = encoder.tables[index].value
                let value = try tensors.matrix(name + part)
                guard value.rows == expected.rows, value.columns == expected.columns else {
                    throw invalid("\"\(name + part)\" is \(value), expected \(expected)")
                }
                encoder.tables[index].value = value
            }
        }
        return encoder
    }
}

extension TuningConfiguration {
    fileprivate init(lora: LoRAConfiguration) {
        self.init()
        self.lora = lora
    }
}

/// adapter_config.json of PEFT.
private struct PEFTConfiguration: Codable {
    static let prefix = "base_model.model."

    var rank: Int
    var alpha: Float
    var usesRootScale: Bool
    private var kind: String
    private var targets: [String]?
    private var base: String?
    private var bias: String?
    private var dora: Bool?
    private var task: String?
    private var ranks: [String: Int]?
    private var alphas: [String: Float]?
    private var saved: [String]?
    private var isForInference: Bool?

    enum CodingKeys: String, CodingKey {
        case rank = "r"
        case alpha = "lora_alpha"
        case usesRootScale = "use_rslora"
        case kind = "peft_type"
        case targets = "target_modules"
        case base = "base_model_name_or_path"
        case bias
        case dora = "use_dora"
        case task = "task_type"
        case ranks = "rank_pattern"
        case alphas = "alpha_pattern"
        case saved = "modules_to_save"
        case isForInference = "inference_mode"
    }

    init(rank: Int, alpha: Float, targets: [String], base: String) {
        self.rank = rank
        self.alpha = alpha
        usesRootScale = false
        kind = "LORA"
        self.targets = targets
        self.base = base
        bias = "none"
        task = "FEATURE_EXTRACTION"
        isForInference = true
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        kind = try values.decode(String.self, forKey: .kind)
        rank = try values.decode(Int.self, forKey: .rank)
        alpha = try values.decode(Float.self, forKey: .alpha)
        usesRootScale = try values.decodeIfPresent(Bool.self, forKey: .usesRootScale) ?? false
        bias = try values.decodeIfPresent(String.self, forKey: .bias)
        dora = try values.decodeIfPresent(Bool.self, forKey: .dora)
        ranks = try values.decodeIfPresent([String: Int].self, forKey: .ranks)
        alphas = try values.decodeIfPresent([String: Float].self, forKey: .alphas)
        saved = try values.decodeIfPresent([String].self, forKey: .saved)
    }

    /// The first thing in it that this library does not do.
    var unsupported: String? {
        if kind != "LORA" { return "peft_type \(kind)" }
        if dora == true { return "use_dora" }
        if let bias, bias != "none" { return "bias \(bias)" }
        if ranks?.isEmpty == false || alphas?.isEmpty == false { return "a rank or alpha of its own for some layers" }
        if saved?.isEmpty == false { return "modules_to_save" }
        return (1...4096).contains(rank) && alpha.isFinite ? nil : "r \(rank) with lora_alpha \(alpha)"
    }
}
