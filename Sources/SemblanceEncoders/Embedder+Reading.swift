public import Foundation
internal import SemblanceNumerics
internal import SemblanceText

extension Embedder {
    /// Opens a model folder of sentence-transformers or model2vec.
    ///
    /// Supported are static embeddings and transformers (BERT, DistilBERT, RoBERTa, XLM-RoBERTa, MPNet, ModernBERT), each
    /// role its own or one for both, with or without linear projections and normalisation. A transformer's folder
    /// without modules.json is read as sentence-transformers does: its tokens' mean.
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
        } else if FileManager.default.fileExists(atPath: folder.appending(path: "config.json").path) {
            self.init(
                queryTower: try Self.transformerTower(in: folder, pooling: PoolingConfiguration(), dense: []),
                normalizes: false
            )
        } else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(folder.path) holds neither modules.json (sentence-transformers) nor a model's config.json"
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
            uniqueKeysWithValues: Role.allCases.map { ($0, settings.prompt(for: $0)) }
        )
        if let router = entries.first, router.kind == "Router", entries.count == 1 {
            let routes = try readJSON(
                RouterConfiguration.self,
                from: folder.appending(path: router.path).appending(path: "router_config.json")
            )
            guard routes.parameters?.mappings?.isEmpty ?? true else {
                throw EncoderError(
                    code: .unsupportedModel,
                    message: "router_config.json in \(folder.path) has route_mappings, which are not supported"
                )
            }
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
            let (query, document) = (try tower(.query), try tower(.document))
            guard query.encoder.dimension == document.encoder.dimension else {
                throw EncoderError(
                    code: .invalidFile,
                    message:
                        "router_config.json in \(folder.path): the route \"query\" gives \(query.encoder.dimension) "
                        + "components, \"document\" \(document.encoder.dimension): they can't be compared"
                )
            }
            self.init(
                queryTower: query,
                documentTower: document,
                prompts: prompts,
                normalizes: normalizes,
                format: .sentenceTransformers(settings.named)
            )
        } else {
            self.init(
                queryTower: try Self.tower(of: entries, in: folder),
                prompts: prompts,
                normalizes: normalizes,
                format: .sentenceTransformers(settings.named)
            )
        }
    }

    private static func settings(of folder: URL) throws -> SentenceTransformersConfiguration {
        let file = folder.appending(path: "config_sentence_transformers.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return SentenceTransformersConfiguration() }
        return try readJSON(SentenceTransformersConfiguration.self, from: file)
    }

    /// A static embedding or a transformer with its pooling, then linear layers.
    private static func tower(of modules: [ModuleEntry], in folder: URL) throws -> Tower {
        func unsupported(_ module: ModuleEntry?) -> EncoderError {
            EncoderError(
                code: .unsupportedModel,
                message: "the model in \(folder.path) has a module \(module?.type ?? "of no kind") at position "
                    + "\(module?.idx ?? 0): supported are StaticEmbedding, or Transformer and Pooling, then Dense, then Normalize"
            )
        }
        func location(_ module: ModuleEntry) -> URL { folder.appending(path: module.path) }
        guard let first = modules.first else { throw unsupported(nil) }
        let isTransformer =
            ["Transformer", Tower.Module.adapted].contains(first.kind) && modules.count > 1
            && modules[1].kind == "Pooling"
        guard isTransformer || first.kind == "StaticEmbedding" else {
            throw unsupported(first.kind == "Transformer" && modules.count > 1 ? modules[1] : first)
        }
        let rest = modules.dropFirst(isTransformer ? 2 : 1)
        if let other = rest.first(where: { $0.kind != "Dense" }) ?? (isTransformer ? nil : rest.dropFirst().first) {
            throw unsupported(other)
        }
        if isTransformer {
            let pooling = try readJSON(
                PoolingConfiguration.self,
                from: location(modules[1]).appending(path: "config.json")
            )
            return try transformerTower(in: location(first), pooling: pooling, dense: rest.map(location))
        }
        let tokenizer = try Tokenizer(contentsOf: location(first).appending(path: "tokenizer.json"))
        let weightsFile = location(first).appending(path: "model.safetensors")
        let weights = try SafetensorsFile(contentsOf: weightsFile)
        let table = try weights.matrix("embedding.weight")
        try check(table, of: weightsFile, for: tokenizer)
        return Tower(
            tokenizer: tokenizer,
            encoder: StaticEncoder(
                table: table,
                projection: try rest.first.map { try DenseLayer(contentsOf: location($0), inputs: table.columns) }
            ),
            preparation: TextPreparation()
        )
    }

    private static func transformerTower(
        in folder: URL,
        pooling: PoolingConfiguration,
        dense: [URL]
    ) throws -> Tower {
        let configurationFile = folder.appending(path: "config.json")
        let file = try readJSON(TransformerFile.self, from: configurationFile)
        guard let architecture = TransformerArchitecture(rawValue: file.modelType) else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "\(configurationFile.path): model_type is \(file.modelType): supported are "
                    + TransformerArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        let configuration = try architecture.configuration(file, at: configurationFile.path)
        let (settings, settingsFile) = try TextSettings.read(in: folder)
        var tokenizer = try Tokenizer(contentsOf: folder)
        if settings.lowercase ?? false { tokenizer = try tokenizer.lowercasing() }
        guard tokenizer.vocabularySize <= configuration.vocabulary else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(configurationFile.path): vocab_size is \(configuration.vocabulary), but the tokenizer has "
                    + "\(tokenizer.vocabularySize) tokens: the files do not belong together"
            )
        }
        let weights = try WeightFiles(in: folder)
        let prefix = try architecture.prefix(in: weights)
        let parameters = try architecture.parameters(of: configuration, from: weights, prefix: prefix)
        if let width = pooling.width, width != configuration.width {
            throw EncoderError(
                code: .invalidFile,
                message: "\(folder.path): Pooling expects tokens of \(width) components, but the transformer's have "
                    + "\(configuration.width)"
            )
        }
        var inputs = configuration.width * pooling.modes.count
        var projections: [DenseLayer] = []
        for folder in dense {
            projections.append(try DenseLayer(contentsOf: folder, inputs: inputs))
            inputs = projections.last?.weight.rows ?? inputs
        }
        let source = try TransformerSource(
            folder: folder,
            places: file.places,
            limit: configuration.maximumLength,
            asked: (settings.maximumLength, settingsFile),
            weights: weights,
            prefix: prefix
        )
        var preparation = TextPreparation()
        preparation.addsSpecialTokens = true
        preparation.maximumLength = source.maximumLength
        preparation.poolsPrompt = pooling.includesPrompt ?? true
        return Tower(
            tokenizer: tokenizer,
            encoder: try TransformerEncoder(
                configuration,
                parameters: parameters,
                poolings: pooling.modes,
                projections: projections
            ).addingAdditions(from: weights),
            preparation: preparation,
            source: source
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
        try table.checkFinite("the table", in: file.path)
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
