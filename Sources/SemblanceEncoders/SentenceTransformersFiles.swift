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
    var prompts: [String: String]?
    var defaultPromptName: String?
    var similarity: String?

    enum CodingKeys: String, CodingKey {
        case prompts
        case defaultPromptName = "default_prompt_name"
        case similarity = "similarity_fn_name"
    }
}

/// config.json of a Dense module.
struct DenseConfiguration: Codable {
    var inputs: Int
    var outputs: Int
    var hasBias: Bool
    var activation: String?

    enum CodingKeys: String, CodingKey {
        case inputs = "in_features"
        case outputs = "out_features"
        case hasBias = "bias"
        case activation = "activation_function"
    }
}

/// router_config.json: which modules a query and a document go through.
struct RouterConfiguration: Codable {
    struct Parameters: Codable {
        var defaultRoute: String?
        var allowsEmptyKey: Bool?

        enum CodingKeys: String, CodingKey {
            case defaultRoute = "default_route"
            case allowsEmptyKey = "allow_empty_key"
        }
    }

    var types: [String: String]
    var structure: [String: [String]]
    var parameters: Parameters
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
    let data: Data
    do {
        data = try Data(contentsOf: file)
    } catch {
        throw EncoderError(
            code: .unreadableFile,
            message: "\(file.path) can't be read: \(error.localizedDescription); is the folder complete?"
        )
    }
    do {
        return try JSONDecoder().decode(type, from: data)
    } catch {
        throw EncoderError(
            code: .invalidFile,
            message: "\(file.path) is not what is expected there: \(describe(error)); restore the file"
        )
    }
}

/// The place and reason of a decoding error, in a line.
private func describe(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
        "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
    case DecodingError.dataCorrupted(let context): "no valid JSON (\(context.debugDescription))"
    default: "\(error)"
    }
}
