// The JSON files of a sentence-transformers folder, in both dialects.

package import Foundation

/// One line of modules.json.
struct ModuleEntry: Codable {
    var idx: Int
    var name: String
    var path: String
    var type: String

    /// The last component of `type`: where the class lives moved between versions.
    var kind: String { type.split(separator: ".").last.map(String.init) ?? type }
}

/// config_sentence_transformers.json.
struct SentenceTransformersConfiguration: Codable {
    var prompts: [String: String?]?
    var defaultPromptName: String?
    var similarity: String?

    enum CodingKeys: String, CodingKey {
        case prompts
        case defaultPromptName = "default_prompt_name"
        case similarity = "similarity_fn_name"
    }

    var named: FolderFormat.NamedPrompts {
        var named = FolderFormat.NamedPrompts()
        named.prompts = (prompts ?? [:]).compactMapValues { $0 }
        // A name without a prompt is an error in Python.
        named.defaultName = defaultPromptName.flatMap { named.prompts[$0] == nil ? nil : $0 }
        return named
    }

    /// What is put before the texts of a role: its own prompt, for documents also under other names, or the default one.
    func prompt(for role: Role) -> String {
        let names = role == .query ? ["query"] : ["document", "passage", "corpus"]
        let prompts = (prompts ?? [:]).compactMapValues { $0 }
        let name = names.first { prompts[$0] != nil } ?? defaultPromptName
        return name.flatMap { prompts[$0] } ?? ""
    }
}

/// config.json of a Dense module.
struct DenseConfiguration: Codable {
    var inputs: Int
    var outputs: Int
    var hasBias: Bool
    var activation: String?
    /// Where it reads and writes; what is not the text's vector is not supported.
    var input: String?
    var output: String?
    var isResidual: Bool?

    enum CodingKeys: String, CodingKey {
        case inputs = "in_features"
        case outputs = "out_features"
        case hasBias = "bias"
        case activation = "activation_function"
        case input = "module_input_name"
        case output = "module_output_name"
        case isResidual = "use_residual"
    }
}

/// config.json of a Pooling module, in both dialects; without any mode it is the mean.
struct PoolingConfiguration: Codable {
    var width: Int?
    var modes: [Pooling] = [.mean]
    var includesPrompt: Bool?

    private enum CodingKeys: String, CodingKey {
        case width = "word_embedding_dimension"
        case newWidth = "embedding_dimension"
        case mode = "pooling_mode"
        case includesPrompt = "include_prompt"
        case cls = "pooling_mode_cls_token"
        case max = "pooling_mode_max_tokens"
        case mean = "pooling_mode_mean_tokens"
        case meanSqrt = "pooling_mode_mean_sqrt_len_tokens"
        case weightedMean = "pooling_mode_weightedmean_tokens"
        case lastToken = "pooling_mode_lasttoken"
    }

    /// The old dialect's switches, in the order of the parts of a vector.
    private static let switches: [(CodingKeys, Pooling)] = [
        (.cls, .cls), (.max, .max), (.mean, .mean), (.meanSqrt, .meanSqrt), (.weightedMean, .weightedMean),
        (.lastToken, .lastToken),
    ]

    init() {}

    init(width: Int, modes: [Pooling], includesPrompt: Bool) {
        self.width = width
        self.modes = modes
        self.includesPrompt = includesPrompt
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        width =
            try container.decodeIfPresent(Int.self, forKey: .width)
            ?? container.decodeIfPresent(Int.self, forKey: .newWidth)
        includesPrompt = try container.decodeIfPresent(Bool.self, forKey: .includesPrompt)
        if let mode = try? container.decodeIfPresent(Pooling.self, forKey: .mode) {
            modes = [mode]
        } else if container.contains(.mode) {
            modes = try container.decode([Pooling].self, forKey: .mode)
        } else {
            modes = try Self.switches.filter { try container.decodeIfPresent(Bool.self, forKey: $0.0) ?? false }.map(
                \.1
            )
        }
        if modes.isEmpty { modes = [.mean] }
        guard modes.count <= 16 else {
            throw DecodingError.dataCorruptedError(
                forKey: .mode,
                in: container,
                debugDescription: "\(modes.count) poolings side by side; at most 16 are read"
            )
        }
    }

    /// The old dialect where it has the modes: both sides read it.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(includesPrompt ?? true, forKey: .includesPrompt)
        let known = Self.switches.map(\.1)
        let places = modes.compactMap(known.firstIndex)
        // Parts in another order than the old dialect's need the new one.
        guard places.count == modes.count, places == places.sorted(), Set(places).count == places.count else {
            try container.encode(width, forKey: .newWidth)
            return try container.encode(modes, forKey: .mode)
        }
        try container.encode(width, forKey: .width)
        for (key, mode) in Self.switches { try container.encode(modes.contains(mode), forKey: key) }
    }
}

/// sentence_bert_config.json.
struct TextSettings: Codable {
    var maximumLength: Int?
    var lowercase: Bool?

    enum CodingKeys: String, CodingKey {
        case maximumLength = "max_seq_length"
        case lowercase = "do_lower_case"
    }

    /// Old folders call the file after their architecture.
    private static let names = ["bert", "roberta", "distilbert", "xlm-roberta"].map { "sentence_\($0)_config.json" }

    static let name = names[0]

    /// The settings of a folder and the file's name; those of sentence-transformers where there is none.
    static func read(in folder: URL) throws -> (settings: TextSettings, file: URL) {
        let files = names.map { folder.appending(path: $0) }
        guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            return (TextSettings(), files[0])
        }
        return (try readJSON(TextSettings.self, from: file), file)
    }
}

/// Of tokenizer_config.json what says how texts are cut.
struct TokenizerSettings: Decodable {
    /// Python writes 10³⁰ for none.
    var maximumLength: Double?
    var side: String?

    enum CodingKeys: String, CodingKey {
        case maximumLength = "model_max_length"
        case side = "truncation_side"
    }
}

/// router_config.json: which modules a query and a document go through.
struct RouterConfiguration: Codable {
    struct Parameters: Codable {
        var defaultRoute: String?
        var allowsEmptyKey: Bool?
        /// Other names for routes; not supported.
        var mappings: [String: String]?

        enum CodingKeys: String, CodingKey {
            case defaultRoute = "default_route"
            case allowsEmptyKey = "allow_empty_key"
            case mappings = "route_mappings"
        }
    }

    var types: [String: String]
    var structure: [String: [String]]
    var parameters: Parameters?
}

/// config.json of a model2vec folder.
struct Model2VecConfiguration: Codable {
    var normalize: Bool?
    var maximumLength: Int?

    enum CodingKeys: String, CodingKey {
        case normalize
        case maximumLength = "max_length"
    }

    /// 512 where the file has no limit of its own; `null` is no limit.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        normalize = try container.decodeIfPresent(Bool.self, forKey: .normalize)
        maximumLength =
            container.contains(.maximumLength) ? try container.decodeIfPresent(Int.self, forKey: .maximumLength) : 512
    }

    init(normalize: Bool, maximumLength: Int?) {
        self.normalize = normalize
        self.maximumLength = maximumLength
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(normalize, forKey: .normalize)
        try container.encode(maximumLength, forKey: .maximumLength)
    }
}

/// Reads a JSON file; errors name it and what is wrong.
package func readJSON<Value: Decodable>(_ type: Value.Type, from file: URL) throws -> Value {
    let data = try contents(of: file)
    do {
        return try JSONDecoder().decode(type, from: data)
    } catch {
        throw EncoderError(
            code: .invalidFile,
            message: "\(file.path) is not what is expected there: \(describe(error)); restore the file"
        )
    }
}

/// The bytes of a plain file that is no larger than such files are.
func contents(of file: URL) throws -> Data {
    let limit = 256 << 20
    do {
        let attributes = try FileManager.default.attributesOfItem(atPath: file.resolvingSymlinksInPath().path)
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        guard attributes[.type] as? FileAttributeType == .typeRegular, size <= limit else {
            throw EncoderError(
                code: .unreadableFile,
                message: "\(file.path) is no plain file of at most \(limit) bytes; restore the file"
            )
        }
        return try Data(contentsOf: file)
    } catch let error as EncoderError {
        throw error
    } catch {
        throw EncoderError(
            code: .unreadableFile,
            message: "\(file.path) can't be read: \(error.localizedDescription); is the folder complete?"
        )
    }
}

/// The place and reason of a decoding error, in a line.
private func describe(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
        DecodingError.dataCorrupted(let context):
        context.codingPath.isEmpty
            ? context.debugDescription
            : "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
    default: "\(error)"
    }
}
