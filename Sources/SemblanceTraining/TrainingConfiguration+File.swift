public import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics

extension TrainingConfiguration {
    /// Reads a JSON file with some or all fields; the others are those of `base`, a preset's or the defaults.
    ///
    /// Fields are named as the properties, nested as they are: `{"batchSize": 256, "objective": {"labelSmoothing": 0.1}}`.
    ///
    /// - Throws: ``TrainingError`` for a file that can't be read, a field that isn't known, or a value of the wrong type.
    public init(contentsOf file: URL, over base: TrainingConfiguration = TrainingConfiguration()) throws {
        func invalid(_ what: String) -> TrainingError {
            TrainingError(code: .invalidConfiguration, message: "\(file.path): \(what)")
        }
        let data: Data
        do {
            data = try Data(contentsOf: file)
        } catch {
            throw invalid("it can't be read (\(error.localizedDescription)); check the path")
        }
        guard let given = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw invalid("it is no JSON object; see TrainingConfiguration for its fields")
        }
        let merged = try Self.merging(
            given,
            over: Self.fields(of: base),
            known: Self.fields(of: Fields.complete),
            at: ""
        ) { throw invalid($0) }
        do {
            self = try JSONDecoder().decode(
                TrainingConfiguration.self,
                from: JSONSerialization.data(withJSONObject: merged)
            )
        } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context),
            DecodingError.valueNotFound(_, let context), DecodingError.keyNotFound(_, let context)
        {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw invalid("\(path): \(context.debugDescription)")
        }
        try validate()
    }

    /// A configuration in which every optional field has a value, so that its JSON shows all names.
    private enum Fields {
        static var complete: TrainingConfiguration {
            var all = TrainingConfiguration()
            all.learningRate = 0
            all.maximumGradientNorm = 0
            all.dropout = 0
            all.tuning.lora = LoRAConfiguration()
            all.tuning.adapterWidth = 0
            all.tuning.softPromptLength = 0
            all.negatives = []
            all.remineEvery = 0
            all.remineEverySteps = 0
            all.batches.clusters = 0
            all.augmentation = .crops
            all.evaluateEvery = 0
            all.patience = 0
            all.embeddingCache = ""
            all.mining.maximumScore = 0
            all.mining.minimumScore = 0
            all.mining.margin = 0
            all.mining.relativeMargin = 0
            all.objective.nesting.dimensionsPerStep = 0
            all.objective.nesting.layersPerStep = 0
            all.mining.competence = 0
            all.compute.threads = 0
            return all
        }
    }

    private static func fields(of configuration: TrainingConfiguration) throws -> [String: Any] {
        let data = try JSONEncoder().encode(configuration)
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// - Parameters:
    ///   - usual: the values of fields that aren't given.
    ///   - known: all fields there are.
    private static func merging(
        _ given: [String: Any],
        over usual: [String: Any],
        known: [String: Any],
        at path: String,
        fail: (String) throws -> Never
    ) throws -> [String: Any] {
        for name in given.keys.sorted() where known[name] == nil {
            try fail("\(path)\(name) is no field; there are \(known.keys.sorted().joined(separator: ", "))")
        }
        var merged = usual
        for (name, value) in given {
            if path == "objective.", name == "methods", let methods = value as? [[String: Any]] {
                merged[name] = try methods.map { try completing(method: $0, fail: fail) }
            } else if let inner = value as? [String: Any], let knownInner = known[name] as? [String: Any] {
                merged[name] = try merging(
                    inner,
                    over: usual[name] as? [String: Any] ?? [:],
                    known: knownInner,
                    at: "\(path)\(name).",
                    fail: fail
                )
            } else {
                merged[name] = value
            }
        }
        return merged
    }

    /// A method's settings with the defaults of those it does not name.
    private static func completing(method given: [String: Any], fail: (String) throws -> Never) throws -> [String: Any]
    {
        guard let name = given["name"] as? String else {
            try fail("objective.methods holds a method without a name; there are \(MethodRegistry.names)")
        }
        let defaults = try JSONEncoder().encode(MethodChoice(named: name))
        let merged = (try JSONSerialization.jsonObject(with: defaults) as? [String: Any] ?? [:])
            .merging(given) { $1 }
        let choice = try JSONDecoder().decode(
            MethodChoice.self,
            from: JSONSerialization.data(withJSONObject: merged)
        )
        // What the method does not know it does not write either.
        let known = try JSONSerialization.jsonObject(with: JSONEncoder().encode(choice)) as? [String: Any] ?? [:]
        for field in given.keys.sorted() where known[field] == nil {
            try fail(
                "\(field) is no field of the method \(name); there are \(known.keys.sorted().joined(separator: ", "))"
            )
        }
        return known
    }
}
