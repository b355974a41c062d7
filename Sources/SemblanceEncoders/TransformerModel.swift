// A transformer's own folder in the layout of Hugging Face: config.json, weights, tokenizer.

internal import Foundation
internal import SemblanceNumerics
internal import SemblanceText

/// What a transformer's folder holds beside its weights, kept so that the folder is written as it was read.
package struct TransformerSource: Sendable {
    /// config.json.
    let configuration: Data
    /// Small files that Python's libraries read, by name.
    let companions: [String: Data]
    /// Tensors that embeddings don't depend on, such as BERT's pooler.
    let unused: [SafetensorsFile.Tensor]
    /// What sentence-transformers cuts texts to.
    let maximumLength: Int

    /// - Parameter limit: the most tokens that the transformer has places for.
    init(folder: URL, limit: Int?, weights: WeightFiles) throws {
        configuration = try Data(contentsOf: folder.appending(path: "config.json"))
        var companions: [String: Data] = [:]
        for name in Self.companionNames {
            let file = folder.appending(path: name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            companions[name] = try Data(contentsOf: file)
        }
        self.companions = companions
        unused = try weights.names.filter { $0.contains("pooler.") }.compactMap(weights.tensor)

        func limits(_ name: String) throws -> TextLimits? {
            let file = folder.appending(path: name)
            return FileManager.default.fileExists(atPath: file.path) ? try readJSON(TextLimits.self, from: file) : nil
        }
        let own = try limits("sentence_bert_config.json")
        let tokenizerLimit = try limits("tokenizer_config.json")?.tokenizerLimit
        var lengths = [limit, own?.maximumLength].compactMap { $0 }
        // Python writes 10³⁰ for none.
        if own?.maximumLength == nil, let tokenizerLimit, tokenizerLimit < 1e9 { lengths.append(Int(tokenizerLimit)) }
        maximumLength = lengths.min() ?? .max
        guard maximumLength >= 1 else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(folder.path): texts would be cut to \(maximumLength) tokens; mend max_seq_length"
            )
        }
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
        guard value.sumOfSquares.isFinite else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(path): \"\(name)\" holds NaN or infinity; restore the file"
            )
        }
        return value
    }

    /// A tensor as the file has it.
    func tensor(_ name: String) throws -> SafetensorsFile.Tensor? {
        guard let place = places[name] else { return nil }
        return .init(name: name, shape: try files[place].shape(of: name), value: try files[place].matrix(name))
    }
}

extension TransformerArchitecture {
    /// Reads all parameters, in the order of ``TransformerIndices``.
    func parameters(of c: TransformerConfiguration, from weights: WeightFiles) throws -> [Parameter] {
        let entries = entries(of: c)
        guard let prefix = prefixes.first(where: { weights.contains($0 + entries[0].names[0]) }) else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(weights.path): the tensor \"\(entries[0].names[0])\" is missing"
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
