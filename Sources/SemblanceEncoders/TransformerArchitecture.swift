// The transformers that are opened: how each one's config.json says its shape, and what its tensors are called.

internal import Foundation
internal import SemblanceNumerics

/// What `config.json` holds of the fields that the architectures use, each under its own names.
struct TransformerFile: Decodable {
    struct Rotary: Decodable {
        var base: Float?
        var kind: String?

        enum CodingKeys: String, CodingKey {
            case base = "rope_theta"
            case kind = "rope_type"
        }
    }

    var modelType: String
    var vocabulary: Int
    var width: Int?
    var layers: Int?
    var heads: Int?
    var inner: Int?
    var activation: String?
    var epsilon: Float?
    var places: Int?
    var types: Int?
    var padding: Int32?
    var dropout: Float?
    var attentionDropout: Float?
    var positionKind: String?
    var distanceBuckets: Int?
    var isDecoder: Bool?
    // DistilBERT's names.
    var dim: Int?
    var hiddenDim: Int?
    var distilHeads: Int?
    var distilLayers: Int?
    var distilActivation: String?
    var distilDropout: Float?
    var distilAttentionDropout: Float?
    // ModernBERT's.
    var hiddenActivation: String?
    var normEpsilon: Float?
    var normBias: Bool?
    var attentionBias: Bool?
    var innerBias: Bool?
    var localAttention: Int?
    var globalEvery: Int?
    var layerTypes: [String]?
    var globalBase: Float?
    var localBase: Float?
    var rotary: [String: Rotary]?
    var rotaryScaling: Rotary?
    var innerDropout: Float?
    var embeddingDropout: Float?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case vocabulary = "vocab_size"
        case width = "hidden_size"
        case layers = "num_hidden_layers"
        case heads = "num_attention_heads"
        case inner = "intermediate_size"
        case activation = "hidden_act"
        case epsilon = "layer_norm_eps"
        case places = "max_position_embeddings"
        case types = "type_vocab_size"
        case padding = "pad_token_id"
        case dropout = "hidden_dropout_prob"
        case attentionDropout = "attention_probs_dropout_prob"
        case positionKind = "position_embedding_type"
        case distanceBuckets = "relative_attention_num_buckets"
        case isDecoder = "is_decoder"
        case dim
        case hiddenDim = "hidden_dim"
        case distilHeads = "n_heads"
        case distilLayers = "n_layers"
        case distilActivation = "activation"
        case distilDropout = "dropout"
        case distilAttentionDropout = "attention_dropout"
        case hiddenActivation = "hidden_activation"
        case normEpsilon = "norm_eps"
        case normBias = "norm_bias"
        case attentionBias = "attention_bias"
        case innerBias = "mlp_bias"
        case localAttention = "local_attention"
        case globalEvery = "global_attn_every_n_layers"
        case layerTypes = "layer_types"
        case globalBase = "global_rope_theta"
        case localBase = "local_rope_theta"
        case rotary = "rope_parameters"
        case rotaryScaling = "rope_scaling"
        case innerDropout = "mlp_dropout"
        case embeddingDropout = "embedding_dropout"
    }
}

/// A family of models with one shape and one set of names.
enum TransformerArchitecture: String, CaseIterable {
    case bert
    case distilBERT = "distilbert"
    case roberta
    case xlmRoberta = "xlm-roberta"
    case mpnet
    case modernBERT = "modernbert"

    /// What the family's files may put before every name.
    var prefixes: [String] {
        switch self {
        case .bert: ["", "bert."]
        case .distilBERT: ["", "distilbert."]
        case .roberta, .xlmRoberta: ["", "roberta."]
        case .mpnet: ["", "mpnet."]
        case .modernBERT: ["", "model."]
        }
    }

    // MARK: Shape

    /// The shape that `file`, the configuration at `path`, tells.
    ///
    /// - Throws: ``EncoderError`` that names the file, the field and its value.
    func configuration(_ file: TransformerFile, at path: String) throws -> TransformerConfiguration {
        func invalid(_ what: String) -> EncoderError {
            EncoderError(code: .invalidFile, message: "\(path): \(what)")
        }
        func number(_ value: Int?, _ name: String, in range: ClosedRange<Int>) throws -> Int {
            guard let value else { throw invalid("\"\(name)\" is missing") }
            guard range.contains(value) else {
                throw invalid("\(name) is \(value): it must be \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        func rate(_ value: Float?, _ name: String) throws -> Float {
            let value = value ?? 0
            guard value >= 0, value < 1 else { throw invalid("\(name) is \(value): it must be 0 ..< 1") }
            return value
        }
        let isDistil = self == .distilBERT, isModern = self == .modernBERT
        let width = try number(
            isDistil ? file.dim : file.width,
            isDistil ? "dim" : "hidden_size",
            in: 1...65_536
        )
        let heads = try number(
            isDistil ? file.distilHeads : file.heads,
            isDistil ? "n_heads" : "num_attention_heads",
            in: 1...4096
        )
        let layers = try number(
            isDistil ? file.distilLayers : file.layers,
            isDistil ? "n_layers" : "num_hidden_layers",
            in: 0...1024
        )
        let inner = try number(
            isDistil ? file.hiddenDim : file.inner,
            isDistil ? "hidden_dim" : "intermediate_size",
            in: 1...1_048_576
        )
        guard width % heads == 0 else { throw invalid("a width of \(width) can't be shared by \(heads) heads") }
        let places = try number(file.places, "max_position_embeddings", in: 1...1_048_576)
        guard (file.positionKind ?? "absolute") == "absolute" else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(path): position_embedding_type is \(file.positionKind ?? ""): only absolute is supported"
            )
        }
        guard !(file.isDecoder ?? false) else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(path): is_decoder is true: tokens that see only those before them are not supported"
            )
        }
        let activation = isDistil ? file.distilActivation : isModern ? file.hiddenActivation : file.activation
        var result = TransformerConfiguration(
            vocabulary: try number(file.vocabulary, "vocab_size", in: 1...Int(Int32.max)),
            width: width,
            layers: layers,
            heads: heads,
            inner: inner,
            activation: try Self.activation(activation ?? "gelu", at: path),
            epsilon: isModern ? file.normEpsilon ?? 1e-5 : file.epsilon ?? 1e-12,
            positions: .table(rows: places, offset: 0, padding: nil),
            windows: Array(repeating: nil, count: layers),
            dropout: try rate(isDistil ? file.distilDropout : file.dropout, "dropout"),
            attentionDropout: try rate(
                isDistil || isModern ? file.distilAttentionDropout : file.attentionDropout,
                "attention dropout"
            )
        )
        guard result.epsilon >= 0, result.epsilon.isFinite else {
            throw invalid("the epsilon of layer normalisation is \(result.epsilon)")
        }
        switch self {
        case .bert: result.types = try number(file.types ?? 2, "type_vocab_size", in: 0...65_536)
        case .distilBERT: break
        case .roberta, .xlmRoberta, .mpnet:
            // The first place is the one after the padding's.
            let padding = Int32(try number(Int(file.padding ?? 1), "pad_token_id", in: 0...places - 1))
            guard Int(padding) + 1 < places else {
                throw invalid("max_position_embeddings is \(places): no place is left")
            }
            result.positions = .table(rows: places, offset: Int(padding) + 1, padding: padding)
            if self == .mpnet {
                result.distanceBuckets = try number(
                    file.distanceBuckets ?? 32,
                    "relative_attention_num_buckets",
                    in: 4...1024
                )
            } else {
                result.types = try number(file.types ?? 1, "type_vocab_size", in: 0...65_536)
            }
        case .modernBERT:
            let every = try number(file.globalEvery ?? 3, "global_attn_every_n_layers", in: 1...1024)
            let window = try number(file.localAttention ?? 128, "local_attention", in: 1...1_048_576) / 2
            if let kinds = file.layerTypes {
                guard kinds.count == layers else {
                    throw invalid("layer_types names \(kinds.count) of \(layers) layers")
                }
                result.windows = try kinds.map { kind in
                    switch kind {
                    case "full_attention": nil
                    case "sliding_attention": window
                    default:
                        throw EncoderError(
                            code: .unsupportedModel,
                            message:
                                "\(path): layer_types holds \(kind): full_attention and sliding_attention are supported"
                        )
                    }
                }
            } else {
                result.windows = (0..<layers).map { $0 % every == 0 ? nil : window }
            }
            let kinds = (file.rotary ?? [:]).values.map(\.kind) + [file.rotaryScaling.map { $0.kind ?? "scaled" }]
            if let kind = kinds.compactMap({ $0 }).first(where: { $0 != "default" }) {
                throw EncoderError(
                    code: .unsupportedModel,
                    message: "\(path): rope_type is \(kind): only default is supported"
                )
            }
            func base(_ kind: String, _ old: Float?, _ fallback: Float) throws -> Float {
                let base = file.rotary?[kind]?.base ?? old ?? fallback
                guard base > 0, base.isFinite else { throw invalid("rope_theta of \(kind) is \(base)") }
                return base
            }
            result.positions = .rotary(
                base: try base("full_attention", file.globalBase, 160_000),
                windowBase: try base("sliding_attention", file.localBase, 10_000)
            )
            guard result.headDimension % 2 == 0 else {
                throw invalid("heads of \(result.headDimension) components can't turn in pairs")
            }
            result.isGated = true
            result.hasJointQKV = true
            result.normalization = .before
            result.attentionBias = file.attentionBias ?? false
            result.innerBias = file.innerBias ?? false
            result.normBias = file.normBias ?? false
            result.dropout = try rate(file.embeddingDropout, "embedding_dropout")
            result.innerDropout = try rate(file.innerDropout, "mlp_dropout")
        }
        return result
    }

    private static func activation(_ name: String, at path: String) throws -> Activation {
        switch name {
        case "gelu": .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": .geluTanh
        case "relu": .relu
        case "silu", "swish": .silu
        case "tanh": .tanh
        default:
            throw EncoderError(
                code: .unsupportedModel,
                message:
                    "\(path): the activation is \(name): supported are gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"
            )
        }
    }

    // MARK: Names

    /// What a parameter is in the file.
    struct Entry {
        let names: [String]
        let shape: [Int]
        var layout = Parameter.Layout.dense
    }

    /// The table of tokens; every file has it.
    var wordsName: String {
        self == .modernBERT ? "embeddings.tok_embeddings.weight" : "embeddings.word_embeddings.weight"
    }

    /// The file's tensors, in the order of ``TransformerIndices``.
    func entries(of c: TransformerConfiguration) -> [Entry] {
        var entries: [Entry] = []
        func norm(_ name: String) {
            entries.append(Entry(names: [name + ".weight"], shape: [c.width]))
            if c.normBias { entries.append(Entry(names: [name + ".bias"], shape: [c.width])) }
        }
        func linear(_ names: [String], _ outputs: Int, _ inputs: Int, hasBias: Bool) {
            entries.append(Entry(names: names.map { $0 + ".weight" }, shape: [outputs, inputs]))
            if hasBias { entries.append(Entry(names: names.map { $0 + ".bias" }, shape: [outputs])) }
        }
        let isModern = self == .modernBERT
        entries.append(Entry(names: [wordsName], shape: [c.vocabulary, c.width], layout: .table))
        if case .table(let rows, _, _) = c.positions {
            entries.append(
                Entry(names: ["embeddings.position_embeddings.weight"], shape: [rows, c.width], layout: .table)
            )
        }
        if c.types > 0 {
            entries.append(
                Entry(names: ["embeddings.token_type_embeddings.weight"], shape: [c.types, c.width], layout: .table)
            )
        }
        norm(isModern ? "embeddings.norm" : "embeddings.LayerNorm")
        if c.distanceBuckets > 0 {
            entries.append(
                Entry(names: ["encoder.relative_attention_bias.weight"], shape: [c.distanceBuckets, c.heads])
            )
        }
        for index in 0..<c.layers {
            let part = names(ofLayer: index)
            linear(part.qkv, 3 * c.width, c.width, hasBias: c.attentionBias)
            linear([part.output], c.width, c.width, hasBias: c.attentionBias)
            linear([part.up], c.isGated ? 2 * c.inner : c.inner, c.width, hasBias: c.innerBias)
            linear([part.down], c.width, c.inner, hasBias: c.innerBias)
            if c.normalization == .after || index > 0 { norm(part.attentionNorm) }
            norm(part.outputNorm)
        }
        if c.normalization == .before { norm("final_norm") }
        return entries
    }

    private struct LayerNames {
        let qkv: [String]
        let output, up, down, attentionNorm, outputNorm: String
    }

    private func names(ofLayer index: Int) -> LayerNames {
        switch self {
        case .bert, .roberta, .xlmRoberta, .mpnet:
            let layer = "encoder.layer.\(index)."
            let isMPNet = self == .mpnet
            let queries =
                isMPNet
                ? ["q", "k", "v"].map { layer + "attention.attn.\($0)" }
                : ["query", "key", "value"].map { layer + "attention.self.\($0)" }
            return LayerNames(
                qkv: queries,
                output: layer + (isMPNet ? "attention.attn.o" : "attention.output.dense"),
                up: layer + "intermediate.dense",
                down: layer + "output.dense",
                attentionNorm: layer + (isMPNet ? "attention.LayerNorm" : "attention.output.LayerNorm"),
                outputNorm: layer + "output.LayerNorm"
            )
        case .distilBERT:
            let layer = "transformer.layer.\(index)."
            return LayerNames(
                qkv: ["q_lin", "k_lin", "v_lin"].map { layer + "attention.\($0)" },
                output: layer + "attention.out_lin",
                up: layer + "ffn.lin1",
                down: layer + "ffn.lin2",
                attentionNorm: layer + "sa_layer_norm",
                outputNorm: layer + "output_layer_norm"
            )
        case .modernBERT:
            let layer = "layers.\(index)."
            return LayerNames(
                qkv: [layer + "attn.Wqkv"],
                output: layer + "attn.Wo",
                up: layer + "mlp.Wi",
                down: layer + "mlp.Wo",
                attentionNorm: layer + "attn_norm",
                outputNorm: layer + "mlp_norm"
            )
        }
    }
}
