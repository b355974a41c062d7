// A transformer's own folder in the layout of Hugging Face: config.json, weights, tokenizer.

internal import Foundation
internal import SemblanceNumerics
internal import SemblanceText

/// What a transformer's folder holds beside its weights, kept so that the folder is written as it was read.
package struct TransformerSource: Sendable {
    /// config.json.
    private(set) var configuration: Data
    /// Small files that Python's libraries read, by name.
    let companions: [String: Data]
    /// Tensors that embeddings don't depend on, such as BERT's pooler.
    let unused: [SafetensorsFile.Tensor]
    /// What sentence-transformers cuts texts to.
    let maximumLength: Int

    /// - Parameters:
    ///   - places: what config.json has as max_position_embeddings.
    ///   - limit: the most tokens that the transformer can take.
    ///   - asked: max_seq_length, and where it stands.
    init(
        folder: URL,
        places: Int?,
        limit: Int?,
        asked: (length: Int?, file: URL),
        weights: WeightFiles,
        prefix: String
    ) throws {
        configuration = Self.withFloatWeights(try contents(of: folder.appending(path: "config.json")))
        var companions: [String: Data] = [:]
        for name in Self.companionNames {
            let file = folder.appending(path: name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            companions[name] = try contents(of: file)
        }
        self.companions = companions
        unused = try weights.names.filter { $0.hasPrefix(prefix + "pooler.") }.compactMap {
            try weights.tensor($0, named: String($0.dropFirst(prefix.count)))
        }
        maximumLength = try Self.maximumLength(of: folder, places: places, limit: limit, asked: asked)
    }

    /// What sentence-transformers cuts texts to: max_seq_length, else what tokenizer and transformer allow.
    private static func maximumLength(
        of folder: URL,
        places: Int?,
        limit: Int?,
        asked: (length: Int?, file: URL)
    ) throws -> Int {
        func invalid(_ what: String) -> EncoderError { EncoderError(code: .invalidFile, message: what) }
        let file = folder.appending(path: "tokenizer_config.json")
        let exists = FileManager.default.fileExists(atPath: file.path)
        let tokenizer = exists ? try readJSON(TokenizerSettings.self, from: file) : TokenizerSettings()
        guard (tokenizer.side ?? "right") == "right" else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(file.path): truncation_side is \(tokenizer.side ?? ""): texts are cut at the right only"
            )
        }
        if let length = asked.length {
            guard length >= 1 else {
                throw invalid("\(asked.file.path): max_seq_length is \(length): it must be at least 1")
            }
            guard let limit else { return length }
            guard length <= places ?? limit else {
                throw invalid(
                    "\(asked.file.path): max_seq_length is \(length), but max_position_embeddings in config.json is "
                        + "\(places ?? limit)"
                )
            }
            return min(length, limit)
        }
        var length = min(limit ?? .max, places ?? .max)
        if let own = tokenizer.maximumLength, own < 1e9 {
            guard own >= 1 else { throw invalid("\(file.path): model_max_length is \(own): it must be at least 1") }
            length = min(length, Int(own))
        }
        return length
    }

    /// config.json as it is for weights in 32 bits, which is how they are written; else as it was, to the byte, since
    /// Python tells 2 from 2.0.
    private static func withFloatWeights(_ configuration: Data) -> Data {
        let text = String(decoding: configuration, as: UTF8.self)
        return Data(
            text.replacing(#/"((torch_)?dtype)"(\s*:\s*)"[a-z0-9]+"/#) { "\"\($0.1)\"\($0.3)\"float32\"" }.utf8
        )
    }

    /// The same files with the first layers alone in config.json.
    func keepingLayers(_ count: Int) -> TransformerSource {
        var result = self
        let text = String(decoding: configuration, as: UTF8.self)
            .replacing(#/"(num_hidden_layers|n_layers)"(\s*:\s*)[0-9]+/#) { "\"\($0.1)\"\($0.2)\(count)" }
            .replacing(#/"layer_types"(\s*:\s*)\[([^\]]*)\]/#) { match in
                "\"layer_types\"\(match.1)[\(match.2.split(separator: ",").prefix(count).joined(separator: ","))]"
            }
        result.configuration = Data(text.utf8)
        return result
    }

    /// Files taken along.
    private static let companionNames = [
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json",
        "merges.txt",
    ]
}

/// The weights of a folder: one file, or several with an index.
struct WeightFiles {
    private let files: [SafetensorsFile]
    private let places: [String: Int]
    /// For messages.
    let path: String

    init(in folder: URL) throws {
        let single = folder.appending(path: "model.safetensors")
        let index = folder.appending(path: "model.safetensors.index.json")
        if FileManager.default.fileExists(atPath: single.path) {
            files = [try SafetensorsFile(contentsOf: single)]
            path = single.path
        } else if FileManager.default.fileExists(atPath: index.path) {
            let names = try readJSON(ShardIndex.self, from: index).shards.values
            let shards = Set(names).sorted()
            if let bad = shards.first(where: { $0.contains("/") || $0.hasPrefix(".") }) {
                throw EncoderError(code: .invalidFile, message: "\(index.path): \"\(bad)\" is no file of the folder")
            }
            files = try shards.map { try SafetensorsFile(contentsOf: folder.appending(path: $0)) }
            path = index.path
        } else {
            let hasPickle = FileManager.default.fileExists(atPath: folder.appending(path: "pytorch_model.bin").path)
            throw EncoderError(
                code: .unreadableFile,
                message: "\(folder.path) has no model.safetensors"
                    + (hasPickle ? "; save pytorch_model.bin as safetensors, pickles are not read" : "")
            )
        }
        var places: [String: Int] = [:]
        for (place, file) in files.enumerated() {
            for name in file.names { places[name] = place }
        }
        self.places = places
    }

    private struct ShardIndex: Decodable {
        var shards: [String: String]
        enum CodingKeys: String, CodingKey { case shards = "weight_map" }
    }

    var names: [String] { files.flatMap(\.names) }

    func contains(_ name: String) -> Bool { places[name] != nil }

    /// A tensor of the shape expected; `[n]` comes as one row.
    func tensor(_ name: String, shape: [Int]) throws -> Matrix {
        guard let place = places[name] else {
            throw EncoderError(code: .invalidFile, message: "\(path): the tensor \"\(name)\" is missing")
        }
        let found = try files[place].shape(of: name)
        guard found == shape else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(path): \"\(name)\" has the shape \(found), but config.json makes it \(shape)"
            )
        }
        let value = try files[place].matrix(name)
        try value.checkFinite(name, in: path)
        return value
    }

    /// A tensor as the file has it, or under another name.
    func tensor(_ name: String, named other: String? = nil) throws -> SafetensorsFile.Tensor? {
        guard let place = places[name] else { return nil }
        return .init(name: other ?? name, shape: try files[place].shape(of: name), value: try files[place].matrix(name))
    }
}

extension Matrix {
    /// Throws where a weight is NaN or infinite.
    func checkFinite(_ name: String, in path: String) throws {
        guard !sumOfSquares.isFinite else { return }
        throw EncoderError(
            code: .invalidFile,
            message: "\(path): \(name) holds NaN or infinity; restore the file"
        )
    }
}

extension TransformerArchitecture {
    /// What the file puts before the names of the transformer's tensors.
    func prefix(in weights: WeightFiles) throws -> String {
        if let prefix = prefixes.first(where: { weights.contains($0 + wordsName) }) { return prefix }
        throw EncoderError(
            code: .invalidFile,
            message: "\(weights.path): the tensor \"\(wordsName)\" is missing"
        )
    }

    /// Reads all parameters, in the order of ``TransformerIndices``.
    ///
    /// Tensors without the prefix belong to a head of another task and are left out; one with it that the configuration
    /// has no place for is an error.
    func parameters(
        of c: TransformerConfiguration,
        from weights: WeightFiles,
        prefix: String
    ) throws -> [Parameter] {
        let entries = entries(of: c)
        let known = Set(entries.flatMap(\.names).map { Self.fileName(prefix + $0, in: weights) })
        let unknown = weights.names.first { name in
            name.hasPrefix(prefix) && !known.contains(name) && !name.hasPrefix(prefix + "pooler.")
                && !name.hasPrefix("adapters.") && name != TransformerEncoder.softPromptName
                && !Self.buffers.contains { name.hasSuffix($0) }
        }
        if let unknown, known.allSatisfy(weights.contains) {
            throw EncoderError(
                code: .invalidFile,
                message: "\(weights.path): config.json has no place for the tensor \"\(unknown)\""
            )
        }
        return try entries.map { entry in
            var shape = entry.shape
            shape[0] /= entry.names.count
            let parts = try entry.names.map {
                try weights.tensor(Self.fileName(prefix + $0, in: weights), shape: shape)
            }
            let value =
                parts.count == 1
                ? parts[0]
                : entry.shape.count == 1
                    ? Matrix.concatenatingColumns(parts) : Matrix.concatenatingRows(parts, columns: shape[1])
            return Parameter(
                names: entry.names,
                layout: entry.layout,
                isVector: entry.shape.count == 1,
                value: value
            )
        }
    }

    /// What old files hold beside weights: it can be computed.
    private static let buffers = ["position_ids", "token_type_ids", "inv_freq"]

    /// The name in this file: old ones call γ and β of layer normalisation so.
    private static func fileName(_ name: String, in weights: WeightFiles) -> String {
        guard !weights.contains(name), name.contains("LayerNorm") else { return name }
        let old = name.replacing(".weight", with: ".gamma").replacing(".bias", with: ".beta")
        return weights.contains(old) ? old : name
    }
}

extension Parameter {
    /// The tensors of the file that it holds.
    var tensors: [SafetensorsFile.Tensor] {
        if names.count == 1 { return [.init(name: names[0], shape: isVector ? [value.count] : nil, value: value)] }
        return names.enumerated().map { index, name in
            if isVector {
                let part = value.columns / names.count
                return .init(name: name, shape: [part], value: value.columns(index * part..<(index + 1) * part))
            }
            let part = value.rows / names.count
            return .init(name: name, value: value.rows(index * part..<(index + 1) * part))
        }
    }
}
