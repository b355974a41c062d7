// A checkpoint on disk: enough for a resumed run to end with the same bits.

internal import CSemblanceKernels
public import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceText

/// Where checkpoints go and how often.
public struct CheckpointConfiguration: Hashable, Sendable {
    /// The folder; a new checkpoint replaces the one before as a whole.
    public var folder: URL
    /// Steps between two.
    public var everySteps: Int

    /// A checkpoint in `folder` after every so many steps, at the end, and when training is cancelled.
    public init(folder: URL, everySteps: Int) {
        self.folder = folder
        self.everySteps = max(1, everySteps)
    }
}

/// Writes and reads ``TrainingState``.
///
/// The folder holds `current`, the name of a folder beside it with `state.json` and `tensors.safetensors`; the new one is
/// complete on disk before `current` changes, so a killed process leaves the old or the new one.
enum Checkpoint {
    /// What a checkpoint must have been made with to be continued.
    struct Identity: Codable, Equatable {
        var configuration: TrainingConfiguration
        /// The objective's methods.
        var methods: [String]
        /// A digest of texts, rows, tokens and the model's structure and first weights.
        var data: String

        /// - Parameter further: texts beside the training set's.
        init(
            configuration: TrainingConfiguration,
            methods: [any ContrastiveMethod],
            set: TrainingSet,
            model: TrainedModel,
            further: [String]
        ) {
            self.configuration = configuration
            self.methods = methods.map(\.identity)
            // Threads, memory and what is kept aside change nothing, so they may differ.
            self.configuration.compute.threads = nil
            self.configuration.embeddingCache = nil
            self.configuration.tapeMemory = 0
            var digest = SHA256()
            digest.update(set.texts.map { "\($0.utf8.count):\($0)" }.joined())
            for row in set.rows {
                digest.update([row.anchor, row.group, Int32(row.positives.count)] + row.positives + row.negatives)
                let numbers = [row.score, row.weight] + row.positiveScores + row.negativeScores
                digest.update([row.task] + numbers.map { Int32(bitPattern: $0.bitPattern) })
            }
            digest.update(set.corpus)
            digest.update(further.map { "\($0.utf8.count):\($0)" }.joined())
            for parameter in model.parameters { digest.update(parameter) }
            data = digest.finalize()
        }

        /// The first setting in which two differ, for the message.
        func difference(from other: Identity) -> String? {
            if self == other { return nil }
            if data != other.data { return "the training data or the model to start from" }
            let (mine, theirs) = (Self.fields(configuration), Self.fields(other.configuration))
            for name in Set(mine.keys).union(theirs.keys).sorted() where mine[name] != theirs[name] {
                return "\(name) (\(theirs[name] ?? "none") there, \(mine[name] ?? "none") now)"
            }
            return methods == other.methods ? "its configuration" : "the methods of the objective (\(methods) now)"
        }

        private static func fields(_ configuration: TrainingConfiguration) -> [String: String] {
            guard let data = try? JSONEncoder().encode(configuration),
                let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
            else { return [:] }
            return object.mapValues { value in
                let options: JSONSerialization.WritingOptions = [.sortedKeys, .fragmentsAllowed]
                let text = try? JSONSerialization.data(withJSONObject: value, options: options)
                return text.map { String(decoding: $0, as: UTF8.self) } ?? "\(value)"
            }
        }
    }

    /// What is not a matrix.
    private struct Scalars: Codable {
        var identity: Identity
        var step: Int
        var optimizerStep: Int
        var temperature: LearnedTemperature
        var minedStep: Int
        var negativeCounts: [Int32]
        var negatives: [Int32]
        var clusters: [Int32]
        var bestScore: Double?
        var bestExcess: Double?
        var bestStep: Int?
        var evaluationsWithoutGain: Int
        var evaluatedStep: Int
        var guarded: [GuardEvaluation]
        var isFinished: Bool
        var learningRate: Double
        var lossSumOfEpoch: Double
        var lossesOfEpoch: Int
    }

    static func write(_ state: TrainingState, identity: Identity, to folder: URL) throws {
        let files = FileManager.default
        let name = "step-\(state.step)"
        let target = folder.appending(path: name)
        let fresh = folder.appending(path: name + ".new")
        try? files.removeItem(at: fresh)
        try files.createDirectory(at: fresh, withIntermediateDirectories: true)

        var tensors: [SafetensorsFile.Tensor] = []
        for (index, parameter) in state.parameters.enumerated() {
            // What training doesn't change the model has already.
            guard state.optimizer.isTrained[index] else { continue }
            let moments = state.optimizer.moments[index]
            tensors.append(.init(name: "parameter.\(index)", value: parameter))
            tensors.append(.init(name: "second.\(index)", value: moments.second))
            if let first = moments.first {
                tensors.append(.init(name: "first.\(index)", value: first))
            }
        }
        for (index, method) in state.methods.enumerated() {
            for (name, value) in method.saved.sorted(by: { $0.key < $1.key }) {
                tensors.append(.init(name: "method.\(index).\(name)", value: value))
            }
        }
        for (index, parameter) in (state.best?.parameters ?? []).enumerated() {
            tensors.append(.init(name: "best.\(index)", value: parameter))
        }
        try SafetensorsFile.write(tensors, to: fresh.appending(path: "tensors.safetensors"))
        let scalars = Scalars(
            identity: identity,
            step: state.step,
            optimizerStep: state.optimizer.step,
            temperature: state.temperature,
            minedStep: state.minedStep,
            negativeCounts: state.negatives.map { Int32($0.count) },
            negatives: state.negatives.flatMap { $0 },
            clusters: state.clusters,
            bestScore: state.best?.score,
            bestExcess: state.best?.excess,
            bestStep: state.best?.step,
            evaluationsWithoutGain: state.evaluationsWithoutGain,
            evaluatedStep: state.evaluatedStep,
            guarded: state.guarded,
            isFinished: state.isFinished,
            learningRate: state.learningRate,
            lossSumOfEpoch: state.lossSumOfEpoch,
            lossesOfEpoch: state.lossesOfEpoch
        )
        try AtomicFile.write(JSONEncoder().encode(scalars), to: fresh.appending(path: "state.json"))
        try? files.removeItem(at: target)
        try files.moveItem(at: fresh, to: target)
        try AtomicFile.write(Data(name.utf8), to: folder.appending(path: "current"))
        for old in try files.contentsOfDirectory(atPath: folder.path)
        where old.hasPrefix("step-") && old != name {
            try? files.removeItem(at: folder.appending(path: old))
        }
    }

    /// The state in `folder`.
    ///
    /// - Parameters:
    ///   - identity: what this run is made with; another one is refused.
    ///   - shapes: a state with the shapes expected.
    ///   - rows: how many rows the training data has.
    static func read(
        from folder: URL,
        matching identity: Identity,
        shapes: TrainingState,
        rows: Int
    ) throws -> TrainingState {
        func unusable(_ why: String) -> TrainingError {
            TrainingError(code: .unusableCheckpoint, message: "checkpoint \(folder.path): \(why)")
        }
        guard let name = try? String(contentsOf: folder.appending(path: "current"), encoding: .utf8),
            name.hasPrefix("step-"), !name.contains("/")
        else { throw unusable("there is none; train without resuming to begin anew") }
        let current = folder.appending(path: name)
        let scalars: Scalars
        do {
            scalars = try JSONDecoder().decode(
                Scalars.self,
                from: Data(contentsOf: current.appending(path: "state.json"))
            )
        } catch {
            throw unusable("state.json can't be read (\(error)); train anew")
        }
        if let difference = identity.difference(from: scalars.identity) {
            throw unusable("it was made with another value of \(difference); restore it or train anew")
        }
        let tensors: SafetensorsFile
        do {
            tensors = try SafetensorsFile(contentsOf: current.appending(path: "tensors.safetensors"))
        } catch {
            throw unusable("\(error); train anew")
        }
        func tensor(_ name: String, like shape: Matrix) throws -> Matrix {
            guard tensors.names.contains(name) else { throw unusable("\(name) is missing; train anew") }
            let value = try tensors.matrix(name)
            guard value.rows == shape.rows, value.columns == shape.columns else {
                throw unusable("\(name) is \(value), expected \(shape); train anew")
            }
            return value
        }
        var state = shapes
        state.step = scalars.step
        state.optimizer.step = scalars.optimizerStep
        for index in state.parameters.indices {
            guard shapes.optimizer.isTrained[index] else { continue }
            let shape = shapes.parameters[index]
            state.parameters[index] = try tensor("parameter.\(index)", like: shape)
            state.optimizer.moments[index].second = try tensor("second.\(index)", like: shape)
            if shapes.optimizer.moments[index].first != nil {
                state.optimizer.moments[index].first = try tensor("first.\(index)", like: shape)
            }
        }
        if let score = scalars.bestScore, let step = scalars.bestStep {
            let keeps = tensors.names.contains("best.0")
            let parameters =
                try keeps
                ? shapes.parameters.enumerated().map { try tensor("best.\($0.offset)", like: $0.element) } : []
            state.best = TrainingState.Best(
                score: score,
                excess: scalars.bestExcess ?? 0,
                step: step,
                parameters: parameters
            )
        }
        for index in state.methods.indices {
            let prefix = "method.\(index)."
            for name in tensors.names where name.hasPrefix(prefix) {
                state.methods[index].saved[String(name.dropFirst(prefix.count))] = try tensors.matrix(name)
            }
        }
        state.temperature = scalars.temperature
        state.minedStep = scalars.minedStep
        state.negatives = []
        var taken = scalars.negatives[...]
        for count in scalars.negativeCounts {
            guard count >= 0, count <= taken.count else { throw unusable("its negatives do not add up; train anew") }
            state.negatives.append(Array(taken.prefix(Int(count))))
            taken = taken.dropFirst(Int(count))
        }
        guard scalars.clusters.isEmpty || scalars.clusters.count == rows, scalars.clusters.allSatisfy({ $0 >= 0 })
        else {
            throw unusable("its clusters are of \(scalars.clusters.count) rows, expected \(rows); train anew")
        }
        state.clusters = scalars.clusters
        state.evaluationsWithoutGain = scalars.evaluationsWithoutGain
        state.evaluatedStep = scalars.evaluatedStep
        state.guarded = scalars.guarded
        state.isFinished = scalars.isFinished
        state.learningRate = scalars.learningRate
        state.lossSumOfEpoch = scalars.lossSumOfEpoch
        state.lossesOfEpoch = scalars.lossesOfEpoch
        return state
    }
}
