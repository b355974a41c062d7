public import Foundation
internal import SemblanceNumerics
internal import SemblanceText

extension Embedder {
    /// Opens a model folder of sentence-transformers or model2vec.
    ///
    /// Supported are static embeddings, each role its own or one for both, with or without a linear projection and
    /// normalisation.
    ///
    /// - Throws: ``EncoderError``, or what reading the tokenizer or the weights throws; all name the file.
    public init(contentsOf folder: URL) throws {
        guard FileManager.default.fileExists(atPath: folder.path) else {
            throw EncoderError(code: .unreadableFile, message: "there is no model folder at \(folder.path)")
        }
        let modulesFile = folder.appending(path: "modules.json")
        let hasModules = FileManager.default.fileExists(atPath: modulesFile.path)
        if FileManager.default.fileExists(atPath: folder.appending(path: "config.json").path),
            FileManager.default.fileExists(atPath: folder.appending(path: "model.safetensors").path),
            let weights = try? SafetensorsFile(contentsOf: folder.appending(path: "model.safetensors")),
            weights.names.contains("embeddings")
        {
            try self.init(model2vecFolder: folder, weights: weights)
        } else if hasModules {
            try self.init(sentenceTransformersFolder: folder, modulesFile: modulesFile)
        } else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(folder.path) holds neither modules.json (sentence-transformers) nor a model2vec model"
            )
        }
    }

    private init(sentenceTransformersFolder folder: URL, modulesFile: URL) throws {
        var entries = try readJSON([ModuleEntry].self, from: modulesFile).sorted { $0.idx < $1.idx }
        guard !entries.isEmpty else {
            throw EncoderError(code: .invalidFile, message: "\(modulesFile.path) names no module; restore the file")
        }
        let settings = try Self.settings(of: folder)
        var normalizes = false
        if entries.last?.kind == "Normalize" {
            normalizes = true
            entries.removeLast()
        }
        let prompts = Dictionary(
            uniqueKeysWithValues: Role.allCases.map { role in
                let fallback = settings.defaultPromptName.flatMap { settings.prompts?[$0] } ?? ""
                return (role, settings.prompts?[role.rawValue] ?? fallback)
            }
        )
        if let router = entries.first, router.kind == "Router", entries.count == 1 {
            let routes = try readJSON(
                RouterConfiguration.self,
                from: folder.appending(path: router.path).appending(path: "router_config.json")
            )
            func tower(_ role: Role) throws -> Tower {
                guard let names = routes.structure[role.rawValue] else {
                    throw EncoderError(
                        code: .unsupportedModel,
                        message: "router_config.json in \(folder.path) has no route \"\(role.rawValue)\""
                    )
                }
                let modules = names.enumerated().map { index, name in
                    ModuleEntry(idx: index, name: name, path: name, type: routes.types[name] ?? "")
                }
                return try Self.tower(of: modules, in: folder.appending(path: router.path))
            }
            self.init(
                queryTower: try tower(.query),
                documentTower: try tower(.document),
                prompts: prompts,
                normalizes: normalizes
            )
        } else {
            self.init(queryTower: try Self.tower(of: entries, in: folder), prompts: prompts, normalizes: normalizes)
        }
    }

    private static func settings(of folder: URL) throws -> SentenceTransformersConfiguration {
        let file = folder.appending(path: "config_sentence_transformers.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return SentenceTransformersConfiguration() }
        return try readJSON(SentenceTransformersConfiguration.self, from: file)
    }

    /// A static embedding, then at most one linear projection.
    private static func tower(of modules: [ModuleEntry], in folder: URL) throws -> Tower {
        guard let first = modules.first, first.kind == "StaticEmbedding" else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "the model in \(folder.path) begins with \(modules.first?.type ?? "nothing"): "
                    + "only StaticEmbedding is supported"
            )
        }
        let location = folder.appending(path: first.path)
        let tokenizer = try Tokenizer(contentsOf: location.appending(path: "tokenizer.json"))
        let weightsFile = location.appending(path: "model.safetensors")
        let weights = try SafetensorsFile(contentsOf: weightsFile)
        let table = try weights.matrix("embedding.weight")
        try check(table, of: weightsFile, for: tokenizer)
        var projection: StaticEncoder.Projection?
        for module in modules.dropFirst() {
            guard module.kind == "Dense", projection == nil else {
                throw EncoderError(
                    code: .unsupportedModel,
                    message: "the model in \(folder.path) has a module \(module.type) at position \(module.idx): "
                        + "supported are StaticEmbedding, one Dense, Normalize, in this order"
                )
            }
            projection = try Self.projection(in: folder.appending(path: module.path), inputs: table.columns)
        }
        return Tower(
            tokenizer: tokenizer,
            encoder: StaticEncoder(table: table, projection: projection),
            preparation: TextPreparation()
        )
    }

    private static func projection(in folder: URL, inputs: Int) throws -> StaticEncoder.Projection {
        let settings = try readJSON(DenseConfiguration.self, from: folder.appending(path: "config.json"))
        let activation = settings.activation?.split(separator: ".").last ?? "Tanh"
        guard activation == "Identity" else {
            throw EncoderError(
                code: .unsupportedModel,
                message:
                    "the Dense module in \(folder.path) has the activation \(activation): only Identity is supported"
            )
        }
        let file = folder.appending(path: "model.safetensors")
        let weights = try SafetensorsFile(contentsOf: file)
        let weight = try weights.matrix("linear.weight")
        let bias = try settings.hasBias ? weights.matrix("linear.bias") : nil
        guard weight.columns == inputs, weight.rows == settings.outputs, bias.map({ $0.count == weight.rows }) ?? true
        else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(file.path): linear.weight is \(weight.rows) × \(weight.columns), "
                    + "expected \(settings.outputs) × \(inputs)"
            )
        }
        return StaticEncoder.Projection(
            weight: weight,
            bias: bias.map { Matrix(rows: 1, columns: $0.count, elements: $0.elements) }
        )
    }

    private static func check(_ table: Matrix, of file: URL, for tokenizer: Tokenizer) throws {
        guard table.rows >= tokenizer.vocabularySize, table.columns >= 1 else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(file.path): the table has \(table.rows) rows of \(table.columns), "
                    + "but the tokenizer \(tokenizer.vocabularySize) tokens: the files do not belong together"
            )
        }
    }

    private init(model2vecFolder folder: URL, weights: SafetensorsFile) throws {
        let settings = try readJSON(Model2VecConfiguration.self, from: folder.appending(path: "config.json"))
        let tokenizer = try Tokenizer(contentsOf: folder.appending(path: "tokenizer.json"))
        let file = folder.appending(path: "model.safetensors")
        var table = try weights.matrix("embeddings")
        if weights.names.contains("mapping") {
            let mapping = try weights.integers("mapping")
            guard let bad = mapping.first(where: { $0 < 0 || $0 >= table.rows }) else {
                table = table.gatheringRows(mapping)
                try self.init(model2vec: table, weights, tokenizer, settings, file)
                return
            }
            throw EncoderError(
                code: .invalidFile,
                message: "\(file.path): mapping holds \(bad), but embeddings has \(table.rows) rows"
            )
        }
        try self.init(model2vec: table, weights, tokenizer, settings, file)
    }

    private init(
        model2vec table: Matrix,
        _ weights: SafetensorsFile,
        _ tokenizer: Tokenizer,
        _ settings: Model2VecConfiguration,
        _ file: URL
    ) throws {
        try Self.check(table, of: file, for: tokenizer)
        var factors: [Float]?
        if weights.names.contains("weights") {
            let values = try weights.matrix("weights").elements
            guard values.count == table.rows else {
                throw EncoderError(
                    code: .invalidFile,
                    message: "\(file.path): \(values.count) weights for \(table.rows) tokens"
                )
            }
            factors = values
        }
        var preparation = TextPreparation()
        preparation.dropsUnknown = true
        preparation.maximumLength = settings.maximumLength ?? .max
        preparation.maximumScalars = settings.maximumLength.map { $0 * tokenizer.medianTokenLength }
        self.init(
            queryTower: Tower(
                tokenizer: tokenizer,
                encoder: StaticEncoder(table: table, weights: factors).foldingWeights(),
                preparation: preparation
            ),
            normalizes: settings.normalize ?? false,
            format: .model2vec(maximumLength: settings.maximumLength)
        )
    }
}
