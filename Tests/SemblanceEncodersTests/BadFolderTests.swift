import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import Testing

/// Folders that are damaged, or lie, are typed errors that say which file and field.
@Suite struct BadFolderTests {
    /// Expects opening `folder` to fail with one of the library's errors, naming all of `words`.
    static func expectRefused(
        _ folder: URL,
        _ words: [String],
        _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do {
            _ = try Embedder(contentsOf: folder)
            Issue.record("\(what): was opened", sourceLocation: sourceLocation)
        } catch {
            let isTyped = error is EncoderError || error is SafetensorsError || error is TextError
            #expect(isTyped, "\(what): \(type(of: error))", sourceLocation: sourceLocation)
            for word in words {
                #expect("\(error)".contains(word), "\(what): \(error)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test(arguments: TransformerFixtures.bases)
    func `a missing file is named`(name: String) async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy(name, into: parent)
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            // Without modules.json a folder is another kind of model, and these are not needed.
            let optional = ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]
            for file in files where file.contains(".") && !optional.contains(where: { file.hasSuffix($0) }) {
                let (place, away) = (folder.appending(path: file), parent.appending(path: "away"))
                guard !file.hasSuffix("tokenizer_config.json"), !file.contains("Normalize") else { continue }
                try FileManager.default.moveItem(at: place, to: away)
                let isWeights = file.hasSuffix("index.json")
                Self.expectRefused(folder, [isWeights ? "model.safetensors" : place.lastPathComponent], file)
                // A folder in its place is no file either.
                try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
                Self.expectRefused(folder, [], "\(file) as a folder")
                try FileManager.default.removeItem(at: place)
                try FileManager.default.moveItem(at: away, to: place)
            }
            _ = try Embedder(contentsOf: folder)
        }
    }

    @Test(arguments: TransformerFixtures.bases)
    func `a file cut short is an error`(name: String) async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy(name, into: parent)
            for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            where file.hasSuffix(".safetensors") || file.hasSuffix("config.json") && !file.contains("Normalize") {
                let url = folder.appending(path: file)
                let whole = try Data(contentsOf: url)
                for share in 0..<10 {
                    try whole.prefix(whole.count * share / 10).write(to: url)
                    Self.expectRefused(folder, [url.lastPathComponent], "\(file) cut to \(share)/10")
                }
                // Too long.
                if file.hasSuffix(".safetensors") {
                    try (whole + Data(count: 4)).write(to: url)
                    Self.expectRefused(folder, [url.lastPathComponent], "\(file) with 4 bytes more")
                }
                try whole.write(to: url)
            }
            _ = try Embedder(contentsOf: folder)
        }
    }

    /// A field of a JSON file, what it is made, and what the error names beside the file.
    struct Lie: CustomTestStringConvertible, Sendable {
        var fixture = "bert"
        var file = "config.json"
        let field: String
        let value: String
        var named: String?

        var testDescription: String { "\(fixture)/\(file): \(field) = \(value)" }
    }

    @Test(arguments: [
        Lie(field: "model_type", value: #""t5""#, named: "t5"),
        Lie(field: "model_type", value: "7"),
        Lie(field: "vocab_size", value: "100"),
        Lie(field: "vocab_size", value: "-5"),
        Lie(field: "vocab_size", value: "1000000000"),
        Lie(field: "vocab_size", value: "1e300"),
        Lie(field: "vocab_size", value: "170", named: "word_embeddings"),
        Lie(field: "hidden_size", value: "33", named: "heads"),
        Lie(field: "hidden_size", value: "0"),
        Lie(field: "hidden_size", value: "-32"),
        Lie(field: "hidden_size", value: "1000000000"),
        Lie(field: "hidden_size", value: "64", named: "word_embeddings"),
        Lie(field: "num_attention_heads", value: "5", named: "heads"),
        Lie(field: "num_attention_heads", value: "0"),
        Lie(field: "num_attention_heads", value: "1000000000"),
        Lie(field: "num_hidden_layers", value: "1000000000"),
        Lie(field: "num_hidden_layers", value: "-1"),
        Lie(field: "num_hidden_layers", value: "3", named: "encoder.layer.2"),
        Lie(field: "num_hidden_layers", value: "1", named: "encoder.layer.1"),
        Lie(field: "intermediate_size", value: "65", named: "intermediate.dense"),
        Lie(field: "intermediate_size", value: "9223372036854775807"),
        Lie(field: "max_position_embeddings", value: "100", named: "position_embeddings"),
        Lie(field: "max_position_embeddings", value: "0"),
        Lie(field: "type_vocab_size", value: "1", named: "token_type_embeddings"),
        Lie(field: "type_vocab_size", value: "-1"),
        Lie(field: "layer_norm_eps", value: "-1", named: "epsilon"),
        Lie(field: "layer_norm_eps", value: #""NaN""#),
        Lie(field: "hidden_act", value: #""swiglu""#, named: "swiglu"),
        Lie(field: "hidden_dropout_prob", value: "1.5", named: "dropout"),
        Lie(field: "position_embedding_type", value: #""relative_key""#, named: "relative_key"),
        Lie(field: "is_decoder", value: "true"),
        Lie(fixture: "roberta", field: "pad_token_id", value: "-1"),
        Lie(fixture: "roberta", field: "pad_token_id", value: "181"),
        Lie(fixture: "roberta", field: "pad_token_id", value: "4294967297"),
        Lie(fixture: "mpnet", field: "relative_attention_num_buckets", value: "16", named: "relative_attention_bias"),
        Lie(fixture: "mpnet", field: "relative_attention_num_buckets", value: "0"),
        Lie(fixture: "mpnet", field: "relative_attention_num_buckets", value: "31", named: "relative_attention_bias"),
        Lie(fixture: "distilbert", field: "dim", value: "null"),
        Lie(fixture: "distilbert", field: "n_heads", value: "7", named: "heads"),
        Lie(fixture: "distilbert", field: "n_layers", value: "1000000000"),
        Lie(fixture: "modernbert", field: "layer_types", value: #"["full_attention"]"#),
        Lie(
            fixture: "modernbert",
            field: "layer_types",
            value: #"["full_attention", "chunked_attention", "full_attention"]"#,
            named: "chunked_attention"
        ),
        Lie(fixture: "modernbert", field: "num_attention_heads", value: "16", named: "pairs"),
        Lie(fixture: "modernbert", field: "local_attention", value: "-4"),
        Lie(
            fixture: "modernbert",
            field: "rope_parameters",
            value: #"{"full_attention": {"rope_theta": 0}}"#,
            named: "rope_theta"
        ),
        Lie(
            fixture: "modernbert",
            field: "rope_parameters",
            value: #"{"full_attention": {"rope_theta": 10, "rope_type": "yarn"}}"#,
            named: "yarn"
        ),
        Lie(fixture: "modernbert-old-config", field: "global_attn_every_n_layers", value: "0"),
        Lie(fixture: "modernbert-old-config", field: "rope_scaling", value: #"{"factor": 2}"#, named: "rope_type"),
        Lie(fixture: "modernbert-old-config", field: "norm_bias", value: "false", named: "norm.bias"),
        Lie(fixture: "modernbert", field: "attention_bias", value: "true", named: "Wqkv.bias"),
        Lie(file: "sentence_bert_config.json", field: "max_seq_length", value: "181"),
        Lie(file: "sentence_bert_config.json", field: "max_seq_length", value: "0"),
        Lie(file: "sentence_bert_config.json", field: "max_seq_length", value: "-9223372036854775808"),
        Lie(file: "tokenizer_config.json", field: "model_max_length", value: "-1e300"),
        Lie(file: "tokenizer_config.json", field: "model_max_length", value: "0.5"),
        Lie(file: "tokenizer_config.json", field: "truncation_side", value: #""left""#),
        Lie(file: "1_Pooling/config.json", field: "embedding_dimension", value: "33", named: "Pooling"),
        Lie(file: "1_Pooling/config.json", field: "pooling_mode", value: #""median""#),
        Lie(
            file: "1_Pooling/config.json",
            field: "pooling_mode",
            value: "[" + Array(repeating: #""mean""#, count: 17).joined(separator: ",") + "]",
            named: "17"
        ),
        Lie(fixture: "dense-tanh", file: "2_Dense/config.json", field: "in_features", value: "31", named: nil),
        Lie(
            fixture: "dense-tanh",
            file: "2_Dense/config.json",
            field: "out_features",
            value: "13",
            named: "linear.weight"
        ),
        Lie(fixture: "dense-tanh", file: "2_Dense/config.json", field: "bias", value: "1"),
        Lie(
            fixture: "dense-tanh",
            file: "2_Dense/config.json",
            field: "activation_function",
            value: #""x.Unknown""#,
            named: "Unknown"
        ),
        Lie(fixture: "dense-tanh", file: "2_Dense/config.json", field: "use_residual", value: "true"),
        Lie(
            fixture: "dense-tanh",
            file: "2_Dense/config.json",
            field: "module_input_name",
            value: #""token_embeddings""#
        ),
        Lie(fixture: "router", file: "router_config.json", field: "structure", value: "{}", named: "query"),
        Lie(
            fixture: "router",
            file: "document_1_Pooling/config.json",
            field: "pooling_mode",
            value: #"["mean", "max"]"#,
            named: "linear.weight"
        ),
        Lie(
            fixture: "router",
            file: "router_config.json",
            field: "structure",
            value:
                #"{"query": ["query_0_Transformer", "query_1_Pooling"], "document": ["document_0_Transformer", "document_1_Pooling", "document_2_Dense"]}"#,
            named: "compared"
        ),
        Lie(fixture: "router", file: "router_config.json", field: "types", value: "{}"),
        Lie(fixture: "bert-sharded", file: "model.safetensors.index.json", field: "weight_map", value: "{}"),
        Lie(
            fixture: "bert-sharded",
            file: "model.safetensors.index.json",
            field: "weight_map",
            value: #"{"a": "../bert/model.safetensors"}"#
        ),
    ])
    func `a configuration that lies is an error`(lie: Lie) async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy(lie.fixture, into: parent)
            let value = try JSONSerialization.jsonObject(with: Data(lie.value.utf8), options: .fragmentsAllowed)
            try TransformerFixtures.edit(folder.appending(path: lie.file)) { $0[lie.field] = value }
            Self.expectRefused(folder, [lie.named].compactMap { $0 }, lie.testDescription)
        }
    }

    /// The header and data of a safetensors file.
    static func parts(of file: URL) throws -> (header: [String: Any], data: Data) {
        let whole = try Data(contentsOf: file)
        let length = whole.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: whole.dropFirst(8).prefix(length)) as? [String: Any]
        return (try #require(header), Data(whole.dropFirst(8 + length)))
    }

    static func write(_ header: [String: Any], _ data: Data, to file: URL) throws {
        let json = try JSONSerialization.data(withJSONObject: header)
        try (bytes(of: UInt64(json.count).littleEndian) + json + data).write(to: file)
    }

    private static func bytes<Number>(of number: Number) -> Data {
        unsafe withUnsafeBytes(of: number) { unsafe Data($0) }
    }

    @Test func `weights that don't fit are named`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("dense-tanh", into: parent)
            let file = folder.appending(path: "model.safetensors")
            let (header, data) = try Self.parts(of: file)
            let name = "encoder.layer.1.attention.self.key.weight"
            let entry = try #require(header[name] as? [String: Any])
            let begin = try #require((entry["data_offsets"] as? [Int])?.first)

            func refused(_ what: String, _ change: (inout [String: Any], inout Data) throws -> Void) throws {
                var (changed, bytes) = (header, data)
                try change(&changed, &bytes)
                try Self.write(changed, bytes, to: file)
                Self.expectRefused(folder, ["model.safetensors", name], what)
            }
            func setting(_ key: String, _ value: Any) -> [String: Any] {
                entry.merging([key: value]) { $1 }
            }
            try refused("another shape") { header, _ in header[name] = setting("shape", [64, 16]) }
            try refused("another rank") { header, _ in header[name] = setting("shape", [1024]) }
            try refused("more numbers than bytes") { header, _ in header[name] = setting("shape", [32, 64]) }
            try refused("overflowing") { header, _ in header[name] = setting("shape", [Int.max, Int.max]) }
            try refused("another type") { header, _ in
                header[name] = setting("dtype", "I32")
            }
            try refused("beyond the end") { header, _ in
                header[name] = setting("data_offsets", [begin, 1 << 40])
            }
            try refused("renamed") { header, _ in
                header[name] = nil
                header[name + ".more"] = entry
            }
            for value in [Float.nan, .infinity, -.infinity] {
                try refused("\(value)") { _, data in
                    let place = data.startIndex + begin + 40
                    data.replaceSubrange(place..<place + 4, with: Self.bytes(of: value))
                }
            }
            // The twin: as it was.
            try Self.write(header, data, to: file)
            _ = try Embedder(contentsOf: folder)

            let dense = folder.appending(path: "2_Dense/model.safetensors")
            let (denseHeader, denseData) = try Self.parts(of: dense)
            var bytes = denseData
            bytes.replaceSubrange(bytes.startIndex..<bytes.startIndex + 4, with: [0, 0, 0xC0, 0x7F])
            try Self.write(denseHeader, bytes, to: dense)
            Self.expectRefused(folder, ["2_Dense/model.safetensors", "NaN"], "NaN in Dense")
        }
    }

    @Test func `a tensor that config.json has no place for is named`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            let file = folder.appending(path: "model.safetensors")
            var (header, data) = try Self.parts(of: file)
            for (name, isRefused) in [
                ("embeddings.position_ids", false), ("pooler.dense.other", false),
                ("encoder.layer.0.adapter.weight", true),
            ] {
                header[name] = ["dtype": "F32", "shape": [2], "data_offsets": [data.count, data.count + 8]]
                data += Data(count: 8)
                try Self.write(header, data, to: file)
                if isRefused {
                    Self.expectRefused(folder, [name], name)
                } else {
                    _ = try Embedder(contentsOf: folder)
                }
            }
        }
    }

    @Test func `a header of a gigabyte is refused before it is read`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            let file = folder.appending(path: "model.safetensors")
            for length in [1 << 30, Int.max, 200_000_000] {
                try Self.bytes(of: UInt64(length).littleEndian).write(to: file)
                // Sparse: nothing is stored, and nothing may be read.
                let handle = try FileHandle(forWritingTo: file)
                try handle.truncate(atOffset: 2 << 30)
                try handle.close()
                Self.expectRefused(folder, ["model.safetensors", "\(length)"], "\(length)")
            }
        }
    }

    @Test func `texts of few tokens at most keep their special tokens or none`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            for length in [1, 2, 3] {
                try TransformerFixtures.edit(folder.appending(path: "sentence_bert_config.json")) {
                    $0["max_seq_length"] = length
                }
                let found = try await Embedder(contentsOf: folder).embed(["", "the sea", "the sea and the river"])
                #expect(found.sumOfSquares.isFinite)
            }
        }
    }

    @Test(arguments: [
        ("WeightedLayerPooling", "WeightedLayerPooling"), ("SpladePooling", "SpladePooling"),
        ("CLIPModel", "CLIPModel"),
    ])
    func `an unknown module is named`(module: String, named: String) async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            let file = folder.appending(path: "modules.json")
            let text = try String(contentsOf: file, encoding: .utf8)
            try text.replacing("pooling.Pooling", with: module).write(to: file, atomically: false, encoding: .utf8)
            Self.expectRefused(folder, [named], module)
        }
    }
}
