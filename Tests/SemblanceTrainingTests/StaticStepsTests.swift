import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import SemblanceTraining
import Testing

/// Ten steps of a static model beside sentence-transformers and torch; Fixtures/static_steps.py made the values.
@Suite struct StaticStepsTests {
    struct Golden: Decodable {
        /// Ten batches of rows of texts, anchor, positive, negatives; and what came of them.
        struct Run: Decodable {
            let batches: [[[String]]]
            let results: [Result]
        }

        struct Result: Decodable {
            let directions: String
            let optimizer: String
            let losses: [Double]
            let table: [Double]
        }

        struct Whole: Decodable {
            let rows: [[String]]
            let losses: [Double]
            let temperature: Double
            let table: [Double]
        }

        let start: [Float]
        let runs: [Run]
        let whole: Whole
    }

    let golden: Golden
    let tokenizer: Tokenizer
    /// Of the largest element: the reference is in double precision, ten steps here are in floats.
    let tolerance = Tolerance(relative: 1e-5)

    init() throws {
        func file(_ name: String) throws -> URL {
            try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"))
        }
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file("static_steps")))
        tokenizer = try Tokenizer(contentsOf: file("tokenizer"))
    }

    var table: Matrix { Matrix(rows: 60, columns: 8, elements: golden.start) }

    /// The losses and the table after the batches.
    func train(_ batches: [[[String]]], directions: String, optimizer rule: String) throws -> ([Double], Matrix) {
        var configuration = ContrastiveConfiguration()
        configuration.masksDuplicates = false
        switch directions {
        case "symmetric":
            configuration.directions = [.queryToDocument, .documentToQuery]
            configuration.partition = .separate
        case "gte": configuration.directions = [.queryToDocument, .queryToQuery, .documentToQuery, .documentToDocument]
        default: break
        }
        var optimizerConfiguration = OptimizerConfiguration(rule: try #require(.init(rawValue: rule)))
        if rule == "adamw" { optimizerConfiguration.weightDecay = 0.01 }
        let objective = ContrastiveObjective(configuration)
        let workers = Workers.shared(threads: 2)
        var parameters = [table]
        var optimizer = Optimizer(
            optimizerConfiguration,
            parameters: parameters.map { Parameter(names: ["table"], layout: .table, value: $0) }
        )
        var losses: [Double] = []
        for rows in batches {
            let tape = Tape(Weights(parameters), isRecording: true)
            func embed(_ texts: [String]) -> Variable {
                let tokens = tokenizer.encode(texts[...], addingSpecialTokens: false, maximumLength: nil)
                return StaticEncoder(table: parameters[0]).encode(tokens, skipping: 0, on: tape)
            }
            var documents: [String] = []
            func key(_ text: String) -> Int32 {
                documents.append(text)
                return Int32(documents.count - 1)
            }
            let batch = ContrastiveBatch(
                rows.enumerated().map { index, texts in
                    .init(
                        anchor: Int32(index),
                        positives: [key(texts[1])],
                        negatives: texts.dropFirst(2).map(key)
                    )
                }
            )
            let anchors = embed(rows.map { $0[0] })
            let candidates = embed(batch.documents.map { documents[Int($0)] })
            let contrast = objective.contrast(
                anchors: anchors.value,
                documents: candidates.value,
                batch: batch,
                scale: 20,
                workers: workers
            )
            losses.append(contrast.loss)
            var gradients = tape.backpropagate(contrast.anchorGradient, from: anchors)
            gradients.add(tape.backpropagate(contrast.documentGradient, from: candidates))
            let rows = RowGradient(
                summing: gradients.tables[0] ?? [],
                tableRows: 60,
                columns: 8,
                workers: workers
            )
            optimizer.update(
                &parameters,
                with: [.rows(rows)],
                learningRate: rule == "adagrad" ? 0.2 : 0.05,
                gradientScale: 1,
                workers: workers
            )
        }
        return (losses, parameters[0])
    }

    @Test(arguments: 0..<3, 0..<3)
    func `ten steps end where those of sentence-transformers end`(negatives: Int, directions: Int) throws {
        let run = golden.runs[negatives]
        let expected = run.results[directions]
        let (losses, table) = try train(
            run.batches,
            directions: expected.directions,
            optimizer: expected.optimizer
        )
        expectClose(losses, expected.losses, tolerance, "losses")
        expectClose(table, DoubleMatrix(rows: 60, columns: 8, elements: expected.table), tolerance, "table")
    }

    @Test(arguments: 0..<3, ["adamw", "lazy-adam", "adagrad"])
    func `another rule or other directions end elsewhere`(directions: Int, rule: String) throws {
        let run = golden.runs[1]
        let expected = run.results[directions]
        func isClose(_ directions: String, _ rule: String) throws -> Bool {
            let table = try train(run.batches, directions: directions, optimizer: rule).1
            return excess(table.elements.map(Double.init), over: expected.table, tolerance).ratio <= 1
        }
        #expect(try isClose(expected.directions, rule) == (rule == expected.optimizer))
        let others = run.results[(directions + 1) % 3].directions
        #expect(try !isClose(others, expected.optimizer))
    }

    /// The configuration of the `whole` part: one batch is an epoch, so the order of rows is all that differs.
    func wholeConfiguration() -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 10, batchSize: 6, learningRate: 0.05)
        configuration.optimizer = OptimizerConfiguration(rule: .adamW)
        configuration.optimizer.weightDecay = 0.01
        configuration.objective.temperature = Temperature(0.05, isLearned: true)
        configuration.warmup = 0.3
        configuration.maximumGradientNorm = 2
        return configuration
    }

    func fit(_ configuration: TrainingConfiguration) async throws -> (table: [Double], log: EventLog) {
        let tower = Tower(
            tokenizer: tokenizer,
            encoder: StaticEncoder(table: table),
            preparation: TextPreparation()
        )
        let log = EventLog()
        let embedder = try await Embedder.fit(
            golden.whole.rows.map { TrainingPair(anchor: $0[0], positive: $0[1], negatives: [$0[2]]) },
            startingFrom: .embedder(Embedder(queryTower: tower, normalizes: true)),
            configuration: configuration,
            progress: log.append
        )
        return (embedder.documentTower.encoder.parameters[0].value.elements.map(Double.init), log)
    }

    @Test func `fit takes the same steps, with warm-up, clipping and a learned temperature`() async throws {
        let (table, log) = try await fit(wholeConfiguration())
        expectClose(log.losses, golden.whole.losses, tolerance, "losses")
        expectClose(table, golden.whole.table, tolerance, "table")
        expectClose([log.report?.temperature ?? 0], [golden.whole.temperature], tolerance, "temperature")
    }

    @Test func `fit with one setting changed does not`() async throws {
        var changed: [TrainingConfiguration] = Array(repeating: wholeConfiguration(), count: 5)
        changed[0].warmup = 0.2
        changed[1].maximumGradientNorm = nil
        changed[2].objective.temperature.isLearned = false
        changed[3].optimizer.weightDecay = 0
        changed[4].schedule = .cosine
        for configuration in changed {
            let table = try await fit(configuration).table
            #expect(excess(table, over: golden.whole.table, tolerance).ratio > 1, "\(configuration)")
        }
    }
}
