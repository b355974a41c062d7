import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

/// What a miner takes beside the nearest documents of one model.
@Suite struct MiningMethodTests {
    let toy: ToyModel
    let embedder: Embedder
    /// Another model than ``embedder``.
    let guide: Embedder

    init() throws {
        toy = try ToyModel()
        embedder = try toy.embedder(seed: 1)
        guide = try toy.embedder(seed: 2)
    }

    func mine(
        _ pairs: [TrainingPair],
        _ sources: [NegativeSource] = [.mined],
        perRow: Int = 4,
        seed: UInt64 = 1,
        threads: Int? = nil,
        guides: [Embedder] = [],
        _ change: (inout MiningConfiguration) -> Void = { _ in }
    ) async throws -> (pairs: [TrainingPair], report: MiningReport) {
        // Without limits, so that ranks alone decide.
        var configuration = MiningConfiguration.topK
        change(&configuration)
        let miner = try HardNegativeMiner(
            configuration,
            perRow: perRow,
            seed: seed,
            compute: ComputeOptions(threads: threads)
        )
        return try await miner.negatives(for: pairs, with: embedder, from: sources, guides: guides)
    }

    /// Cosines of texts, by the rows of both.
    func cosines(_ anchors: [String], _ documents: [String], _ embedder: Embedder) async throws -> [[Double]] {
        let x = DoubleMatrix(try await embedder.embed(anchors, as: .query)).unitRows
        let y = DoubleMatrix(try await embedder.embed(documents, as: .document)).unitRows
        return anchors.indices.map { a in documents.indices.map { dot(x[row: a], y[row: $0]) } }
    }

    /// The documents of other pairs, the most similar to each row's anchor first.
    func ranking(_ pairs: [TrainingPair], by texts: [String], _ embedder: Embedder) async throws -> [[String]] {
        let documents = pairs.map { $0.positives[0] }
        let scores = try await cosines(texts, documents, embedder)
        return pairs.indices.map { row in
            documents.indices.filter { $0 != row }.sorted { scores[row][$0] > scores[row][$1] }.map { documents[$0] }
        }
    }

    // MARK: Methods by name

    @Test func `the methods of the positive-aware family differ in the limit each is named for`() async throws {
        let pairs = toy.pairs(60)
        let documents = pairs.map { $0.positives[0] }
        let scores = try await cosines(pairs.map(\.anchor), documents, embedder)
        let ranking = try await ranking(pairs, by: pairs.map(\.anchor), embedder)
        let limits: [(MiningConfiguration, (_ score: Double, _ positive: Double, _ rank: Int) -> Bool)] = [
            (.topK, { _, _, _ in true }),
            (.topKShifted(by: 7), { _, _, rank in rank >= 7 }),
            (.topKAbsolute(0.4), { score, _, _ in score <= 0.4 }),
            (.topKMarginOfPositive(0.05), { score, positive, _ in score <= positive - 0.05 }),
            (.topKShareOfPositive(0.95), { score, positive, _ in score <= positive - 0.05 * abs(positive) }),
        ]
        for (configuration, isAllowed) in limits {
            let found = try await HardNegativeMiner(configuration, perRow: 3)
                .negatives(for: pairs, with: embedder).pairs
            for row in pairs.indices {
                let expected = ranking[row].enumerated().filter { rank, text in
                    let place = documents.firstIndex(of: text) ?? 0
                    return isAllowed(scores[row][place], scores[row][row], rank)
                }
                #expect(found[row].negatives == expected.prefix(3).map(\.element))
            }
        }
        #expect(Set(limits.map(\.0)).count == limits.count)
        #expect(Set(MiningConfiguration.named.map(\.configuration)).count == 5)
        for (name, configuration) in MiningConfiguration.named {
            #expect(MiningConfiguration(named: name) == configuration)
        }
        #expect(MiningConfiguration(named: "no-such") == nil)
    }

    @Test func `the top one is kept where the others are random`() async throws {
        let pairs = toy.pairs(60)
        let top = try await mine(pairs).pairs.map(\.negatives)
        let sampled = try await mine(pairs) {
            $0.pick = .topAndRandom
            $0.rankTo = 20
        }.pairs.map(\.negatives)
        #expect(sampled.map(\.first) == top.map(\.first))
        #expect(zip(sampled, top).count { $0 != $1 } > 50)
        let ranking = try await ranking(pairs, by: pairs.map(\.anchor), embedder)
        for row in pairs.indices { #expect(Set(sampled[row]).isSubset(of: ranking[row].prefix(20))) }
    }

    // MARK: Several sources

    @Test func `an even mixture takes as many negatives of each source, in turn fills up from the first`() async throws
    {
        let pairs = toy.pairs(60)
        let own = try await ranking(pairs, by: pairs.map(\.anchor), embedder)
        let theirs = try await ranking(pairs, by: pairs.map(\.anchor), guide)
        let even = try await mine(pairs, [.mined, .guided], guides: [guide]) { $0.mixture = .even }.pairs
        let inTurn = try await mine(pairs, [.mined, .guided], guides: [guide]).pairs
        for row in pairs.indices {
            // One of each in turn; what one source gave the other passes over.
            var expected: [String] = []
            var queues = [own[row], theirs[row]]
            while expected.count < 4 {
                for index in queues.indices {
                    queues[index].removeAll { expected.contains($0) }
                    expected.append(queues[index].removeFirst())
                }
            }
            #expect(even[row].negatives == expected)
            #expect(inTurn[row].negatives == Array(own[row].prefix(4)))
        }
        #expect(even.map(\.negatives) != inTurn.map(\.negatives))
    }

    @Test func `guides judge what they find by their own scores`() async throws {
        let pairs = toy.pairs(60)
        let documents = pairs.map { $0.positives[0] }
        let found = try await mine(pairs, [.guided], guides: [guide]) { $0.margin = 0.1 }.pairs
        let scores = try await cosines(pairs.map(\.anchor), documents, guide)
        for (row, pair) in found.enumerated() {
            for (text, score) in zip(pair.negatives, pair.negativeScores ?? []) {
                let expected = scores[row][documents.firstIndex(of: text) ?? 0]
                #expect(abs(Double(score) - expected) < 1e-5 && expected <= scores[row][row] - 0.1 + 1e-5)
            }
        }
        #expect(found.contains { !$0.negatives.isEmpty })
    }

    @Test func `guides without their source, and the source without guides, are errors`() async throws {
        let pairs = toy.pairs(10)
        await #expect(throws: TrainingError.self) { try await mine(pairs, [.guided]) }
        await #expect(throws: TrainingError.self) { try await mine(pairs, [.mined], guides: [guide]) }
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 5, negatives: [.guided])
        await #expect(throws: TrainingError.self) { try await fit(pairs, from: embedder, configuration) }
        configuration.mining.guides = ["/nowhere"]
        await #expect(throws: EncoderError.self) { try await fit(pairs, from: embedder, configuration) }
    }

    @Test func `fit trains on what a guide in a folder finds`() async throws {
        try await withTemporaryFolder { folder in
            let model = folder.appending(path: "guide")
            try guide.write(to: model)
            let pairs = toy.pairs(60)
            var configuration = TrainingConfiguration(epochs: 2, batchSize: 20, negatives: [.guided])
            configuration.negativesPerRow = 2
            configuration.remineEvery = 1
            configuration.mining.maximumShareOfPositive = nil
            configuration.mining.guides = [model.path]
            let guided = try await fit(pairs, from: embedder, configuration).embedder.weights
            // The same negatives, given as rows: a guide never changes.
            let mined = try await mine(pairs, [.guided], perRow: 2, guides: [guide]).pairs
            configuration.negatives = [.rows]
            configuration.mining.guides = []
            #expect(try await fit(mined, from: embedder, configuration).embedder.weights == guided)
            #expect(try await fit(pairs, from: embedder, configuration).embedder.weights != guided)
        }
    }

    // MARK: Taxonomy and related labels

    /// Pairs in three branches of three groups of four.
    func taxonomy() -> [TrainingPair] {
        var pairs = toy.pairs(36)
        for index in pairs.indices { pairs[index].group = "root/\(index / 12)/\(index / 4)" }
        return pairs
    }

    @Test func `siblings come from the nearest branch that has enough, the most similar first`() async throws {
        let pairs = taxonomy()
        let ranking = try await ranking(pairs, by: pairs.map(\.anchor), embedder)
        let branch = Dictionary(uniqueKeysWithValues: pairs.enumerated().map { ($1.positives[0], $0) })
        let found = try await mine(pairs, [.siblings], perRow: 14).pairs
        for (row, pair) in found.enumerated() {
            func distance(_ text: String) -> Int {
                let other = branch[text] ?? 0
                return other / 4 == row / 4 ? 0 : other / 12 == row / 12 ? 1 : 2
            }
            let ranked = ranking[row].enumerated().sorted {
                (distance($0.element), $0.offset) < (distance($1.element), $1.offset)
            }
            #expect(pair.negatives == ranked.prefix(14).map(\.element))
            #expect(pair.negatives.map(distance) == [0, 0, 0] + Array(repeating: 1, count: 8) + [2, 2, 2])
        }
        // With groups that are no paths there is nothing beyond the group.
        var flat = pairs
        for index in flat.indices { flat[index].group = "\(index / 4)" }
        let near = try await mine(flat, [.siblings], perRow: 14).pairs
        #expect(near.allSatisfy { $0.negatives.count == 3 })
        #expect(zip(near, found).allSatisfy { $0.negatives == Array($1.negatives.prefix(3)) })
    }

    @Test func `a group may be a list in JSON, and then is the path of its parts`() throws {
        let json = #"{"anchor": "a", "positive": "b", "group": ["15", "15-11"]}"#
        let pair = try JSONDecoder().decode(TrainingPair.self, from: Data(json.utf8))
        #expect(pair.group == "15/15-11")
        #expect(try JSONDecoder().decode(TrainingPair.self, from: JSONEncoder().encode(pair)) == pair)
    }

    @Test func `related documents are nearest to the positive, not to the anchor`() async throws {
        let pairs = toy.pairs(60)
        let found = try await mine(pairs, [.related]).pairs
        // Documents against documents: both sides are embedded in one role.
        let labels = try await ranking(pairs, by: pairs.map { $0.positives[0] }, embedder)
        #expect(found.map(\.negatives) == labels.map { Array($0.prefix(4)) })
        #expect(try await mine(pairs).pairs.map(\.negatives) != found.map(\.negatives))
    }

    @Test func `random documents are any but the positive, and others for another seed`() async throws {
        let pairs = toy.pairs(60)
        let found = try await mine(pairs, [.random]).pairs.map(\.negatives)
        for (pair, negatives) in zip(pairs, found) {
            #expect(Set(negatives).count == 4 && !negatives.contains(pair.positives[0]))
        }
        #expect(Set(found.joined()).count > 55)
        #expect(try await mine(pairs, [.random]).pairs.map(\.negatives) == found)
        #expect(try await mine(pairs, [.random], seed: 2).pairs.map(\.negatives) != found)
    }

    // MARK: Hard and soft

    @Test func `competence 0 gives soft negatives alone, 1 hard ones alone, and half of them half`() async throws {
        let pairs = toy.pairs(120)
        let ranking = try await ranking(pairs, by: pairs.map(\.anchor), embedder)
        func hard(_ competence: Double) async throws -> [Int] {
            let (found, report) = try await mine(pairs) {
                $0.pick = .balanced
                $0.competence = competence
                $0.rankTo = 20
            }
            #expect(report.competence == competence && report.shortRows == 0)
            return zip(found, ranking).map { pair, ranking in
                let hard = pair.negatives.filter { ranking.prefix(20).contains($0) }
                #expect(Set(pair.negatives).count == 4)
                #expect(hard == Array(ranking.prefix(hard.count)))
                return hard.count
            }
        }
        #expect(Set(try await hard(0)) == [0])
        #expect(Set(try await hard(1)) == [4])
        #expect(Set(try await hard(0.5)) == [2])
        let third = try await hard(1.0 / 3)
        #expect(Set(third) == [1, 2])
        // 160 of 480, with a deviation of 5.
        #expect(abs(third.reduce(0, +) - 160) < 26)
    }

    @Test func `competence is the share of rows whose positive comes first`() async throws {
        let pairs = toy.pairs(80)
        // A model that has learned something.
        let model = try await fit(pairs, from: embedder, TrainingConfiguration(epochs: 3, batchSize: 20)).embedder
        let scores = try await cosines(pairs.map(\.anchor), pairs.map { $0.positives[0] }, model)
        let first = scores.enumerated().count { row, scores in
            scores.enumerated().allSatisfy { $0 == row || $1 < scores[row] }
        }
        var configuration = MiningConfiguration()
        configuration.pick = .balanced
        let report = try await HardNegativeMiner(configuration).negatives(for: pairs, with: model).report
        #expect(report.competence == Double(first) / 80)
        #expect(first > 8 && first < 80, "\(first)")
        configuration.pick = .top
        #expect(try await HardNegativeMiner(configuration).negatives(for: pairs, with: model).report.competence == nil)
    }

    // MARK: The same every time

    @Test(arguments: MiningConfiguration.Pick.allCases, MiningConfiguration.Mixture.allCases)
    func `any number of threads finds the same`(
        pick: MiningConfiguration.Pick,
        mixture: MiningConfiguration.Mixture
    ) async throws {
        let pairs = taxonomy()
        func found(_ threads: Int) async throws -> [TrainingPair] {
            try await mine(pairs, NegativeSource.allCases, perRow: 9, threads: threads, guides: [guide, embedder]) {
                $0.pick = pick
                $0.mixture = mixture
            }.pairs
        }
        #expect(try await found(1) == found(3))
    }

    @Test func `mining goes by steps where it is told to`() async throws {
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 20, negatives: [.mined])
        configuration.remineEverySteps = 3
        // Ten steps: before the first, the fourth, the seventh and the tenth.
        let log = try await fit(toy.pairs(100), from: embedder, configuration).log
        var steps: [Int] = []
        var taken = 0
        for event in log.events {
            if case .step = event { taken += 1 }
            if case .mined = event { steps.append(taken) }
        }
        #expect(steps == [0, 3, 6, 9])
        configuration.remineEverySteps = nil
        configuration.remineEvery = 1
        #expect(try await fit(toy.pairs(100), from: embedder, configuration).log.report?.mining.count == 2)
    }
}
