public import Foundation
internal import SemblanceNumerics
internal import SemblanceText

extension Embedder {
    /// Writes a folder that sentence-transformers opens as it is, and ``init(contentsOf:)``.
    ///
    /// A model opened from a model2vec folder is written as one. The folder is complete under its name or not there:
    /// it is made beside it and moved.
    ///
    /// - Parameter overwriting: whether a folder that is there already is replaced; else it is an error.
    /// - Throws: ``EncoderError`` and what the file system says.
    public func write(to folder: URL, overwriting: Bool = false) throws {
        try AtomicFolder.write(to: folder, overwriting: overwriting) { fresh in
            switch format {
            case .sentenceTransformers(let named): try writeSentenceTransformers(to: fresh, named)
            case .model2vec(let maximumLength): try writeModel2Vec(to: fresh, maximumLength: maximumLength)
            }
        }
    }

    private func writeSentenceTransformers(to folder: URL, _ named: FolderFormat.NamedPrompts) throws {
        var modules: [ModuleEntry] = []
        func add(_ type: String, path: String) {
            modules.append(ModuleEntry(idx: modules.count, name: "\(modules.count)", path: path, type: type))
        }
        if sharesWeights {
            for (index, module) in documentTower.modules.enumerated() {
                let path = "\(index)_\(module.kind)"
                try module.write(folder.appending(path: path))
                add(module.type, path: path)
            }
        } else {
            var types: [String: String] = [:]
            var structure: [String: [String]] = [:]
            for role in Role.allCases {
                for (index, module) in tower(for: role).modules.enumerated() {
                    let path = "\(role.rawValue)_\(index)_\(module.kind)"
                    try module.write(folder.appending(path: path))
                    types[path] = module.type
                    structure[role.rawValue, default: []].append(path)
                }
            }
            try writeJSON(
                RouterConfiguration(
                    types: types,
                    structure: structure,
                    parameters: .init(defaultRoute: Role.document.rawValue, allowsEmptyKey: true)
                ),
                to: folder.appending(path: "router_config.json")
            )
            add(Tower.Module.pythonType("Router"), path: "")
        }
        if normalizes {
            let path = "\(modules.count)_Normalize"
            try FileManager.default.createDirectory(
                at: folder.appending(path: path),
                withIntermediateDirectories: true
            )
            try writeJSON([String: String](), to: folder.appending(path: path).appending(path: "config.json"))
            add(Tower.Module.pythonType("Normalize"), path: path)
        }
        try writeJSON(modules, to: folder.appending(path: "modules.json"))
        try writeJSON(
            SentenceTransformersConfiguration(
                prompts: named.prompts.merging(Role.allCases.map { ($0.rawValue, prompts[$0] ?? "") }) { $1 },
                defaultPromptName: named.defaultName,
                similarity: "cosine"
            ),
            to: folder.appending(path: "config_sentence_transformers.json")
        )
    }

    private func writeModel2Vec(to folder: URL, maximumLength: Int?) throws {
        guard let encoder = documentTower.encoder as? StaticEncoder, encoder.projection == nil, sharesWeights else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "a model2vec folder holds one table and no projection"
            )
        }
        try SafetensorsFile.write(
            [.init(name: "embeddings", value: encoder.foldingWeights().table)],
            to: folder.appending(path: "model.safetensors")
        )
        try documentTower.tokenizer.write(to: folder.appending(path: "tokenizer.json"))
        try writeJSON(
            Model2VecConfiguration(normalize: normalizes, maximumLength: maximumLength),
            to: folder.appending(path: "config.json")
        )
        var modules = [
            ModuleEntry(idx: 0, name: "0", path: ".", type: "sentence_transformers.models.StaticEmbedding")
        ]
        if normalizes {
            modules.append(
                ModuleEntry(idx: 1, name: "1", path: "1_Normalize", type: "sentence_transformers.models.Normalize")
            )
        }
        try writeJSON(modules, to: folder.appending(path: "modules.json"))
    }
}

extension Tower {
    /// A module as sentence-transformers names it, and how its folder is written.
    struct Module {
        let kind: String
        let write: (URL) throws -> Void

        /// The class that `modules.json` names: one of sentence-transformers', but for what only this library computes, so
        /// that Python refuses such a folder and does not open it as something else.
        var type: String { kind == Self.adapted ? "semblance.\(kind)" : Self.pythonType(kind) }

        static let adapted = "AdaptedTransformer"
        static func pythonType(_ kind: String) -> String { "sentence_transformers.models.\(kind)" }
    }

    /// What a text goes through, in order.
    var modules: [Module] {
        switch encoder {
        case let encoder as StaticEncoder:
            [Module(kind: "StaticEmbedding") { try write(encoder, to: $0) }]
                + modules(of: encoder.projection.map { [$0] } ?? [])
        case let encoder as TransformerEncoder:
            [
                Module(kind: encoder.merged.additions == TransformerAdditions() ? "Transformer" : Module.adapted) {
                    try write(encoder, to: $0)
                },
                Module(kind: "Pooling") { folder in
                    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                    try writeJSON(
                        PoolingConfiguration(
                            width: encoder.configuration.width,
                            modes: encoder.poolings,
                            includesPrompt: preparation.poolsPrompt
                        ),
                        to: folder.appending(path: "config.json")
                    )
                },
            ] + modules(of: encoder.projections)
        default: []
        }
    }

    private func modules(of layers: [DenseLayer]) -> [Module] {
        layers.map { Module(kind: "Dense", write: $0.write) }
    }

    private func write(_ encoder: StaticEncoder, to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsFile.write(
            [.init(name: "embedding.weight", value: encoder.foldingWeights().table)],
            to: folder.appending(path: "model.safetensors")
        )
        try tokenizer.write(to: folder.appending(path: "tokenizer.json"))
    }

    private func write(_ encoder: TransformerEncoder, to folder: URL) throws {
        guard let source else { preconditionFailure("a transformer without the files it was read with") }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try AtomicFile.write(source.configuration, to: folder.appending(path: "config.json"))
        for (name, data) in source.companions { try AtomicFile.write(data, to: folder.appending(path: name)) }
        try SafetensorsFile.write(
            encoder.merged.tables.flatMap(\.tensors) + source.unused,
            to: folder.appending(path: "model.safetensors")
        )
        try tokenizer.write(to: folder.appending(path: "tokenizer.json"))
        try writeJSON(
            TextSettings(maximumLength: source.maximumLength == .max ? nil : source.maximumLength, lowercase: false),
            to: folder.appending(path: TextSettings.name)
        )
    }
}

/// Writes a value as readable JSON with sorted keys.
package func writeJSON(_ value: some Encodable, to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(value), to: file)
}
