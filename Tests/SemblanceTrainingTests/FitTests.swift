import SemblanceEncoders
import SemblanceNumerics
import SemblanceTraining
import Testing

@Suite struct FitTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// Everything that could depend on the order of threads: mined negatives, chosen anew, in a model with a projection.
    func configuration(threads: Int? = nil) -> TrainingConfiguration {
        var configuration = TrainingConfiguration(epochs: 3, batchSize: 100, negatives: [.mined, .lexical])
        configuration.negativesPerRow = 3
        configuration.mining.pick = .random
        configuration.remineEvery = 1
        configuration.maximumGradientNorm = 1
        configuration.objective.temperature.isLearned = true
        configuration.objective.directions = [.queryToDocument, .documentToQuery]
        configuration.compute.threads = threads
        return configuration
    }

    @Test(arguments: OptimizerConfiguration.Rule.allCases)
    func `any number of threads gives the same weights, bit for bit`(rule: OptimizerConfiguration.Rule) async throws {
        let pairs = toy.pairs(700, groups: 40)
        var weights: Set<[[Float]]> = []
        for threads in [1, 2, 3] {
            var configuration = configuration(threads: threads)
            configuration.optimizer = OptimizerConfiguration(rule: rule)
            weights.insert(try await fit(pairs, from: toy.embedder(projection: 8), configuration).embedder.weights)
        }
        #expect(weights.count == 1)
    }

    @Test func `another seed gives other weights`() async throws {
        let pairs = toy.pairs(300)
        var other = configuration()
        other.seed = 43
        let weights = try await fit(pairs, from: toy.embedder(), configuration()).embedder.weights
        #expect(try await fit(pairs, from: toy.embedder(), other).embedder.weights != weights)
        #expect(try await fit(pairs, from: toy.embedder(), configuration()).embedder.weights == weights)
    }

    /// How many of 48 new pairs' anchors are nearest to their positive, or to one of the same words.
    func found(_ embedder: Embedder) async throws -> Int {
        let pairs = toy.pairs(48, seed: 2)
        let anchors = try await embedder.embed(pairs.map(\.anchor), as: .query)
        let documents = try await embedder.embed(pairs.map { $0.positives[0] }, as: .document)
        return pairs.indices.count { row in
            let scores = pairs.indices.map { document in
                zip(anchors[row: row], documents[row: document]).reduce(0) { $0 + $1.0 * $1.1 }
            }
            return scores.allSatisfy { $0 <= scores[row] + 1e-5 }
        }
    }

    @Test(arguments: [nil, [], [.mined], [.lexical], [.siblings]] as [[NegativeSource]?])
    func `what pairs share is learned, with any negatives`(negatives: [NegativeSource]?) async throws {
        var configuration = TrainingConfiguration(epochs: 20, batchSize: 48, negatives: negatives)
        configuration.negativesPerRow = 2
        let start = try toy.embedder(dimension: 32)
        let (embedder, log) = try await fit(toy.pairs(480, groups: 240), from: start, configuration)
        let report = try #require(log.report)
        #expect(report.loss < log.losses[0] / 4)
        let (before, after) = (try await found(start), try await found(embedder))
        #expect(before < 12 && after > 44, "\(before), then \(after)")
    }

    @Test func `towers of their own are trained apart`() async throws {
        var start = StaticConfiguration()
        start.dimension = 16
        start.sharesWeights = false
        let embedder = try start.makeEmbedder(tokenizer: toy.tokenizer, frequencies: [], seed: 1)
        let pairs = toy.pairs(480)
        let trained = try await fit(pairs, from: embedder, TrainingConfiguration(epochs: 20, batchSize: 48)).embedder
        #expect(trained.weights[0] != trained.weights[1])
        #expect(trained.weights[0] != embedder.weights[0] && trained.weights[1] != embedder.weights[1])
        #expect(try await found(trained) > 44)
    }

    @Test func `progress counts steps and epochs, and the report sums them up`() async throws {
        let pairs = toy.pairs(130)
        let log = try await fit(pairs, from: toy.embedder(), TrainingConfiguration(epochs: 2, batchSize: 32)).log
        let steps = log.events.compactMap { if case .step(let progress) = $0 { progress } else { nil } }
        // 130 pairs are 4 batches of 32 and one of 2.
        #expect(steps.map(\.step) == Array(1...10))
        #expect(steps.map(\.epoch) == Array(repeating: 1, count: 5) + Array(repeating: 2, count: 5))
        #expect(steps.allSatisfy { $0.totalSteps == 10 && $0.pairsPerSecond > 0 && $0.tokensPerSecond > 0 })
        let report = try #require(log.report)
        #expect(report.pairs == 130 && report.steps == 10 && !report.stoppedEarly)
        let mean = log.losses.suffix(5).reduce(0, +) / 5
        #expect(abs(report.loss - mean) < 1e-12 * mean)
    }

    @Test func `a document that looks better than the positive is reported`() async throws {
        var pairs = toy.pairs(96)
        // The first two pairs have each other's positives: as hard a mistake as labels can make.
        (pairs[0].positives, pairs[1].positives) = (pairs[1].positives, pairs[0].positives)
        let log = try await fit(pairs, from: toy.embedder(), TrainingConfiguration(epochs: 4, batchSize: 96)).log
        let report = try #require(log.report)
        #expect(report.suspectedFalseNegativeCount >= 1)
        #expect(report.suspectedFalseNegatives.count <= min(100, report.suspectedFalseNegativeCount))
        for suspect in report.suspectedFalseNegatives { #expect(suspect.score > suspect.positiveScore) }
        let gaps = report.suspectedFalseNegatives.map { $0.score - $0.positiveScore }
        #expect(gaps == gaps.sorted(by: >))
    }

    // MARK: What can't be used

    struct Mistake: CustomTestStringConvertible, Sendable {
        let words: [String]
        let make: @Sendable (inout TrainingConfiguration) -> Void
        var testDescription: String { words.joined(separator: " ") }

        init(_ words: String..., make: @escaping @Sendable (inout TrainingConfiguration) -> Void) {
            (self.words, self.make) = (words, make)
        }
    }

    static let mistakes: [Mistake] = [
        Mistake("epochs", "0") { $0.epochs = 0 },
        Mistake("batchSize", "0") { $0.batchSize = 0 },
        Mistake("learningRate", "nan") { $0.learningRate = .nan },
        Mistake("learningRate", "inf") { $0.learningRate = .infinity },
        Mistake("learningRate", "-0.1") { $0.learningRate = -0.1 },
        Mistake("warmup", "1.5") { $0.warmup = 1.5 },
        Mistake("warmup", "nan") { $0.warmup = .nan },
        Mistake("maximumGradientNorm", "0.0") { $0.maximumGradientNorm = 0 },
        Mistake("maximumGradientNorm", "nan") { $0.maximumGradientNorm = .nan },
        Mistake("negativesPerRow", "-1") { $0.negativesPerRow = -1 },
        Mistake("remineEvery", "0") { $0.remineEvery = 0 },
        Mistake("evaluateEvery", "0") { $0.evaluateEvery = 0 },
        Mistake("patience", "0") { $0.patience = 0 },
        Mistake("threads", "0") { $0.compute.threads = 0 },
        Mistake("threads", "100000") { $0.compute.threads = 100_000 },
        Mistake("temperature.value", "0.0") { $0.objective.temperature.value = 0 },
        Mistake("temperature.value", "nan") { $0.objective.temperature.value = .nan },
        Mistake("temperature", "0.5", "0.1") {
            $0.objective.temperature.minimum = 0.5; $0.objective.temperature.maximum = 0.1
        },
        Mistake("labelSmoothing", "1.0") { $0.objective.labelSmoothing = 1 },
        Mistake("labelSmoothing", "nan") { $0.objective.labelSmoothing = .nan },
        Mistake("queryToDocument") { $0.objective.directions = [.documentToQuery] },
        Mistake("queryToDocument") { $0.objective.directions = [] },
        Mistake("twice") { $0.objective.directions = [.queryToDocument, .queryToDocument] },
        Mistake("partition", "joint") {
            $0.objective.directions = [.queryToDocument, .queryToQuery]
            $0.objective.partition = .separate
        },
        Mistake("beta1", "1.0") { $0.optimizer.beta1 = 1 },
        Mistake("beta2", "-0.1") { $0.optimizer.beta2 = -0.1 },
        Mistake("epsilon", "0.0") { $0.optimizer.epsilon = 0 },
        Mistake("weightDecay", "-1.0") { $0.optimizer.weightDecay = -1 },
        Mistake("rank", "10", "5") { ($0.mining.rankFrom, $0.mining.rankTo) = (10, 5) },
        Mistake("margin", "nan") { $0.mining.margin = .nan },
        Mistake("maximumShareOfPositive", "inf") { $0.mining.maximumShareOfPositive = .infinity },
    ]

    @Test(arguments: mistakes)
    func `a setting out of its range is named with its value`(mistake: Mistake) async throws {
        var configuration = TrainingConfiguration()
        mistake.make(&configuration)
        let error = try await #require(throws: TrainingError.self) {
            try await fit(toy.pairs(8), from: toy.embedder(), configuration)
        }
        #expect(error.code == .invalidConfiguration)
        for word in mistake.words { #expect(error.message.contains(word), "\(error.message)") }
    }

    @Test func `pairs that can't be used are named`() async throws {
        let none = try await #require(throws: TrainingError.self) {
            try await fit([], from: toy.embedder(), TrainingConfiguration())
        }
        #expect(none.code == .invalidData)
        let pairs = toy.pairs(2) + [TrainingPair(anchor: "kaka", positives: [])]
        let lacking = try await #require(throws: TrainingError.self) {
            try await fit(pairs, from: toy.embedder(), TrainingConfiguration())
        }
        #expect(lacking.code == .invalidData && lacking.message.contains("3"), "\(lacking.message)")
    }

    @Test func `one pair, empty texts and texts without tokens are trained without harm`() async throws {
        for pairs in [
            toy.pairs(1),
            [TrainingPair(anchor: "", positive: "")],
            [TrainingPair(anchor: "", positive: "kalo"), TrainingPair(anchor: "kaka", positive: " ")],
            Array(repeating: TrainingPair(anchor: "kaka", positive: "kalo"), count: 40),
        ] {
            let weights = try await fit(pairs, from: toy.embedder(), TrainingConfiguration(epochs: 2)).embedder.weights
            #expect(weights.allSatisfy { $0.allSatisfy(\.isFinite) })
        }
    }

    @Test func `a loss that is no number ends training with an error`() async throws {
        let configuration = TrainingConfiguration(epochs: 40, batchSize: 16, learningRate: 3e38)
        let error = try await #require(throws: TrainingError.self) {
            try await fit(toy.pairs(64), from: toy.embedder(), configuration)
        }
        #expect(error.code == .diverged)
    }
}
