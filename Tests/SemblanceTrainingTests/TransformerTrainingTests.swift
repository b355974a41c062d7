import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

/// A small BERT trained as a whole and in part, beside sentence-transformers and PEFT.
@Suite struct TransformerTrainingTests {
    struct Golden: Decodable {
        let rows: [[String]]
        let losses: [Double]
        let texts: [String]
        /// Embeddings after the steps.
        let trained: [[Double]]
        /// Embeddings with the low-rank updates in `adapter`.
        let adapted: [[Double]]
    }

    let golden: Golden
    let fixtures = Bundle.module.bundleURL.appending(path: "Fixtures")

    init() throws {
        golden = try JSONDecoder().decode(
            Golden.self,
            from: Data(contentsOf: fixtures.appending(path: "transformer_steps.json"))
        )
    }

    func bert() throws -> Embedder {
        try Embedder(contentsOf: fixture(of: "SemblanceEncodersTests", "transformers/bert"))
    }

    var pairs: [TrainingPair] { golden.rows.map { TrainingPair(anchor: $0[0], positive: $0[1]) } }

    /// The golden run's settings: all rows in each step, so that their order says nothing.
    func settings() -> TrainingConfiguration {
        var configuration = goldenConfiguration(steps: 20)
        configuration.optimizer.weightDecay = 0.01
        return configuration
    }

    /// A run in which everything random and everything resumed plays a part.
    func stirred() -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 3, batchSize: 8, negatives: [.mined])
        configuration.learningRate = 1e-3
        configuration.dropout = 0.1
        configuration.remineEvery = 1
        configuration.negativesPerRow = 1
        configuration.mining.pick = .random
        return configuration
    }

    func losses(_ configuration: TrainingConfiguration) async throws -> (found: [Double], embedder: Embedder) {
        let log = EventLog()
        let embedder = try await Embedder.fit(
            pairs,
            startingFrom: .embedder(bert()),
            configuration: configuration,
            progress: log.append
        )
        return (log.losses, embedder)
    }

    @Test func `twenty steps have the losses and the embeddings of sentence-transformers`() async throws {
        let (found, embedder) = try await losses(settings())
        #expect(found.count == golden.losses.count)
        for (found, expected) in zip(found, golden.losses) { #expect(abs(found - expected) <= 1e-4 * expected) }
        let trained = try await embedder.embed(golden.texts)
        expectClose(
            trained.elements.map(Double.init),
            golden.trained.flatMap { $0 },
            Tolerance(relative: 1e-3),
            "embeddings after 20 steps"
        )
    }

    @Test func `more decay, another mean of the squares, or dropout is seen`() async throws {
        var otherDecay = settings()
        otherDecay.optimizer.weightDecay = 5
        var otherMean = settings()
        otherMean.optimizer.beta2 = 0.99
        var dropped = settings()
        dropped.dropout = 0.1
        for configuration in [otherDecay, otherMean, dropped] {
            let (found, _) = try await losses(configuration)
            #expect(abs((found.last ?? 0) - golden.losses[19]) > 1e-4 * golden.losses[19])
        }
    }

    @Test func `any number of threads gives the same bits, dropout and mining included`() async throws {
        var one = stirred()
        one.compute.threads = 1
        var three = stirred()
        three.compute.threads = 3
        #expect(try await losses(one).embedder.weights == losses(three).embedder.weights)
    }

    @Test func `tapes that are dropped and recorded again give the same bits`() async throws {
        var kept = stirred()
        var dropped = stirred()
        kept.tapeMemory = 1 << 30
        dropped.tapeMemory = 0
        #expect(try await losses(kept).embedder.weights == losses(dropped).embedder.weights)
    }

    enum Part: CaseIterable { case everything, updates, softPrompt }

    @Test(arguments: Part.allCases)
    func `a resumed run ends with the same bits`(part: Part) async throws {
        var settings = stirred()
        if part == .updates { settings.tuning.lora = LoRAConfiguration(rank: 2) }
        if part == .softPrompt { settings.tuning.softPromptLength = 3 }
        let (pairs, start, configuration) = (pairs, try bert(), settings)
        let whole = try await losses(configuration).embedder.weights
        try await withTemporaryFolder { folder in
            let checkpoints = CheckpointConfiguration(folder: folder, everySteps: 1)
            await interrupt(after: 4) { progress in
                _ = try await Embedder.fit(
                    pairs,
                    startingFrom: .embedder(start),
                    configuration: configuration,
                    checkpoints: checkpoints,
                    progress: progress
                )
            }
            let resumed = try await Embedder.fit(
                pairs,
                startingFrom: .embedder(bert()),
                configuration: configuration,
                resumingFrom: folder
            )
            #expect(resumed.weights == whole)
        }
    }

    // MARK: In part

    @Test func `what is frozen stays, the rest changes`() async throws {
        var configuration = stirred()
        configuration.tuning.frozenLayers = 1
        let before = try bert().documentTower.encoder.parameters
        let after = try await losses(configuration).embedder.documentTower.encoder.parameters
        for (before, after) in zip(before, after) {
            let isFrozen = before.names[0].hasPrefix("embeddings.") || before.names[0].contains("layer.0.")
            #expect((before.value == after.value) == isFrozen, "\(before.names[0])")
        }
    }

    @Test func `low-rank updates that PEFT wrote give its embeddings`() async throws {
        let adapted = try bert().applyingAdapter(contentsOf: fixtures.appending(path: "adapter"))
        let expected = golden.adapted.flatMap { $0 }
        expectClose(
            try await adapted.embed(golden.texts).elements.map(Double.init),
            expected,
            Tolerance(relative: 2e-5)
        )
        let plain = try await bert().embed(golden.texts).elements.map(Double.init)
        #expect(excess(plain, over: expected, Tolerance(relative: 2e-5)).ratio > 100)
    }

    @Test func `low-rank updates are trained alone, written apart, and merged into the folder`() async throws {
        var configuration = stirred()
        configuration.tuning.lora = LoRAConfiguration(rank: 2)
        configuration.tuning.lora?.targets = [.query, .output, .up, .down]
        let base = try bert()
        let tuned = try await losses(configuration).embedder
        let own = base.documentTower.encoder.parameters
        for (before, after) in zip(own, tuned.documentTower.encoder.parameters) { #expect(before.value == after.value) }
        let embeddings = try await tuned.embed(golden.texts)
        #expect(try await base.embed(golden.texts) != embeddings)
        try await withTemporaryFolder { folder in
            try tuned.writeAdapter(to: folder.appending(path: "adapter"))
            try tuned.write(to: folder.appending(path: "model"))
            let reopened = try base.applyingAdapter(contentsOf: folder.appending(path: "adapter"))
            #expect(try await reopened.embed(golden.texts) == embeddings)
            let merged = try Embedder(contentsOf: folder.appending(path: "model"))
            #expect(try await merged.embed(golden.texts) == embeddings)
            #expect(merged.documentTower.encoder.parameters.count == own.count)
        }
    }

    @Test func `adapters are trained alone and come back with the folder, which Python refuses`() async throws {
        var configuration = stirred()
        configuration.tuning.adapterWidth = 4
        let tuned = try await losses(configuration).embedder
        for (before, after) in zip(try bert().documentTower.encoder.parameters, tuned.documentTower.encoder.parameters)
        {
            #expect(before.value == after.value)
        }
        try await withTemporaryFolder { folder in
            try tuned.write(to: folder.appending(path: "model"))
            let opened = try Embedder(contentsOf: folder.appending(path: "model"))
            #expect(try await opened.embed(golden.texts) == tuned.embed(golden.texts))
            #expect(try await opened.embed(golden.texts) != bert().embed(golden.texts))
            let modules = try String(contentsOf: folder.appending(path: "model/modules.json"), encoding: .utf8)
            #expect(modules.contains("semblance.AdaptedTransformer"))
        }
    }

    @Test func `a soft prompt that PEFT wrote gives its embeddings`() async throws {
        struct SoftPrompt: Decodable { let texts: [String], embeddings: [[Double]] }
        let golden = try JSONDecoder().decode(
            SoftPrompt.self,
            from: Data(contentsOf: fixtures.appending(path: "soft_prompt.json"))
        )
        let prompted = try bert().applyingAdapter(contentsOf: fixtures.appending(path: "soft_prompt"))
        let expected = golden.embeddings.flatMap { $0 }
        let found = try await prompted.embed(golden.texts).elements.map(Double.init)
        expectClose(found, expected, Tolerance(relative: 2e-5))
        let plain = try await bert().embed(golden.texts).elements.map(Double.init)
        #expect(excess(plain, over: expected, Tolerance(relative: 2e-5)).ratio > 100)
    }

    @Test func `a soft prompt is trained alone, written apart, and with the folder, which Python refuses`() async throws
    {
        var configuration = stirred()
        configuration.tuning.softPromptLength = 3
        let base = try bert()
        let start = try base.tuned(by: configuration.tuning, seed: configuration.seed)
        let tuned = try await losses(configuration).embedder
        let own = base.documentTower.encoder.parameters
        for (before, after) in zip(own, tuned.documentTower.encoder.parameters) { #expect(before.value == after.value) }
        #expect(
            start.documentTower.encoder.parameters.last?.value != tuned.documentTower.encoder.parameters.last?.value
        )
        let embeddings = try await tuned.embed(golden.texts)
        #expect(try await base.embed(golden.texts) != embeddings)
        #expect(try await start.embed(golden.texts) != embeddings)
        try await withTemporaryFolder { folder in
            try tuned.writeAdapter(to: folder.appending(path: "adapter"))
            try tuned.write(to: folder.appending(path: "model"))
            let reopened = try base.applyingAdapter(contentsOf: folder.appending(path: "adapter"))
            #expect(try await reopened.embed(golden.texts) == embeddings)
            let opened = try Embedder(contentsOf: folder.appending(path: "model"))
            #expect(try await opened.embed(golden.texts) == embeddings)
            let modules = try String(contentsOf: folder.appending(path: "model/modules.json"), encoding: .utf8)
            #expect(modules.contains("semblance.AdaptedTransformer"))
            // What has a soft prompt takes no other.
            for adapter in [folder.appending(path: "adapter"), fixtures.appending(path: "adapter")] {
                #expect(throws: EncoderError.self) { _ = try opened.applyingAdapter(contentsOf: adapter) }
            }
        }
    }

    @Test func `a soft prompt that doesn't fit is named`() async throws {
        try await withTemporaryFolder { folder in
            let adapter = folder.appending(path: "adapter")
            func message(length: Int, _ prompt: Matrix) throws -> String {
                try FileManager.default.createDirectory(at: adapter, withIntermediateDirectories: true)
                try Data(#"{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": \#(length)}"#.utf8).write(
                    to: adapter.appending(path: "adapter_config.json")
                )
                try SafetensorsFile.write(
                    [.init(name: "prompt_embeddings", value: prompt)],
                    to: adapter.appending(path: "adapter_model.safetensors")
                )
                do {
                    _ = try bert().applyingAdapter(contentsOf: adapter)
                    return ""
                } catch let error as EncoderError { return error.message }
            }
            let right = try message(length: 3, Matrix(rows: 3, columns: 32, repeating: 0.1))
            #expect(right == "")
            let cases: [(length: Int, prompt: Matrix, expected: String)] = [
                (4, Matrix(rows: 3, columns: 32), "4 vectors"), (3, Matrix(rows: 3, columns: 31), "32 components"),
                (3, Matrix(rows: 3, columns: 32, repeating: .nan), "NaN"),
                (180, Matrix(rows: 180, columns: 32), "leaves no place"),
            ]
            for (length, prompt, expected) in cases {
                let found = try message(length: length, prompt)
                #expect(found.contains(expected), "\(found)")
            }
        }
    }

    @Test func `the head alone is a linear layer that is trained`() async throws {
        var configuration = stirred()
        configuration.tuning.trainsHeadAlone = true
        let tuned = try await losses(configuration).embedder
        let before = try bert().documentTower.encoder.parameters
        let after = tuned.documentTower.encoder.parameters
        #expect(after.count == before.count + 1)
        for (before, after) in zip(before, after) { #expect(before.value == after.value) }
        #expect(after.last?.value != .identity(32))
        #expect(try await tuned.embed(golden.texts) != bert().embed(golden.texts))
    }

    @Test func `lower layers move less where rates decay`() async throws {
        func movement(_ decay: Float) async throws -> [Float] {
            var configuration = settings()
            configuration.epochs = 1
            configuration.optimizer.weightDecay = 0
            configuration.tuning.layerDecay = decay
            let after = try await losses(configuration).embedder.documentTower.encoder.parameters
            return zip(try bert().documentTower.encoder.parameters, after).map { before, after in
                zip(before.value.elements, after.value.elements).map { abs($0 - $1) }.max() ?? 0
            }
        }
        let (even, decayed) = (try await movement(1), try await movement(0.5))
        // The first step of Adam moves every weight with a gradient by the rate: embeddings are three below the top.
        #expect(abs(decayed[0] / even[0] - 0.125) < 0.01)
        #expect(abs((decayed.last ?? 0) / (even.last ?? 1) - 0.5) < 0.01)
    }

    // MARK: Texts alone

    @Test func `texts alone are trained on by dropping twice`() async throws {
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 8, learningRate: 1e-3)
        configuration.dropout = 0.2
        let texts = golden.rows.flatMap { $0 }
        let trained = try await Embedder.fit(
            texts: texts,
            startingFrom: .embedder(bert()),
            configuration: configuration
        )
        #expect(try await trained.embed(golden.texts) != bert().embed(golden.texts))
    }

    @Test func `texts alone need dropout`() async throws {
        var configuration = TrainingConfiguration(epochs: 1)
        configuration.dropout = 0
        await #expect(throws: TrainingError.self) {
            try await Embedder.fit(texts: ["a", "b"], startingFrom: .embedder(bert()), configuration: configuration)
        }
        await #expect(throws: TrainingError.self) {
            try await Embedder.fit(texts: ["a", "b"], startingFrom: .scratch())
        }
    }

    @Test func `tuning that can't be is named`() async throws {
        func message(_ change: (inout TrainingConfiguration) -> Void) async throws -> String {
            var configuration = stirred()
            change(&configuration)
            do {
                _ = try await losses(configuration)
                return ""
            } catch { return "\(error)" }
        }
        #expect(try await message { $0.tuning.frozenLayers = 3 }.contains("frozenLayers is 3"))
        #expect(try await message { $0.tuning.lora = LoRAConfiguration(rank: 0) }.contains("lora.rank is 0"))
        #expect(
            try await message {
                $0.tuning.lora = LoRAConfiguration()
                $0.tuning.adapterWidth = 2
            }.contains("exclude each other")
        )
        #expect(try await message { $0.tuning.softPromptLength = 0 }.contains("softPromptLength is 0"))
        #expect(try await message { $0.tuning.softPromptLength = 180 }.contains("leaves no place"))
        #expect(try await message { $0.compute.precision = .int8 }.contains("int8"))
        #expect(try await message { $0.dropout = 1 }.contains("dropout is 1"))
    }
}
