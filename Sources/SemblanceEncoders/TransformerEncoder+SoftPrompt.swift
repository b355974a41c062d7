// A soft prompt on its own, in PEFT's format of prompt tuning.

internal import Foundation
internal import SemblanceNumerics

/// adapter_config.json of PEFT's prompt tuning.
struct SoftPromptConfiguration: Codable {
    static let kind = "PROMPT_TUNING"

    var length: Int
    private var kind = Self.kind
    private var task: String?
    private var base: String?
    private var start: String?
    /// PEFT needs these three to open the file.
    private var width: Int?
    private var heads: Int?
    private var layers: Int?
    private var submodules: Int?
    private var isForInference: Bool?

    enum CodingKeys: String, CodingKey {
        case length = "num_virtual_tokens"
        case kind = "peft_type"
        case task = "task_type"
        case base = "base_model_name_or_path"
        case start = "prompt_tuning_init"
        case width = "token_dim"
        case heads = "num_attention_heads"
        case layers = "num_layers"
        case submodules = "num_transformer_submodules"
        case isForInference = "inference_mode"
    }

    init(length: Int, of configuration: TransformerConfiguration, base: String) {
        self.length = length
        self.base = base
        task = "FEATURE_EXTRACTION"
        start = "RANDOM"
        (width, heads, layers) = (configuration.width, configuration.heads, configuration.layers)
        submodules = 1
        isForInference = true
    }
}

extension TransformerEncoder {
    func writeSoftPrompt(to folder: URL, base: String, overwriting: Bool) throws {
        guard let index = indices.softPrompt else { preconditionFailure("an encoder without a soft prompt") }
        try AtomicFolder.write(to: folder, overwriting: overwriting) { fresh in
            let prompt = tables[index]
            try SafetensorsFile.write(prompt.tensors, to: fresh.appending(path: "adapter_model.safetensors"))
            try writeJSON(
                SoftPromptConfiguration(length: prompt.value.rows, of: configuration, base: base),
                to: fresh.appending(path: "adapter_config.json")
            )
        }
    }

    /// The encoder with a soft prompt from a file, low-rank updates merged.
    ///
    /// - Throws: ``EncoderError`` where the model has a soft prompt or adapters, or the prompt doesn't fit it.
    func applyingSoftPrompt(contentsOf folder: URL) throws -> TransformerEncoder {
        let settings = try readJSON(SoftPromptConfiguration.self, from: folder.appending(path: "adapter_config.json"))
        let file = folder.appending(path: "adapter_model.safetensors")
        let prompt = try SafetensorsFile(contentsOf: file).matrix(Self.softPromptName)
        guard prompt.rows == settings.length, prompt.rows >= 1, prompt.columns == configuration.width else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(file.path): \"\(Self.softPromptName)\" is \(prompt), but adapter_config.json has "
                    + "\(settings.length) vectors, and the model's tokens \(configuration.width) components"
            )
        }
        try prompt.checkFinite(Self.softPromptName, in: file.path)
        try check(softPromptLength: prompt.rows, in: file.path)
        var result = try withoutAdditions().adding(TransformerAdditions(softPromptLength: prompt.rows), seed: 0)
        result.tables[result.tables.count - 1].value = prompt
        return result
    }
}
