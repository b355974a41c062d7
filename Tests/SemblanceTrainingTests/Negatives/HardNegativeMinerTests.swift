import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

@Suite struct HardNegativeMinerTests {
    let toy: ToyModel
    let embedder: Embedder

    init() throws {
        toy = try ToyModel()
        embedder = try toy.embedder()
    }

    /// Pairs with repeated anchors, several positives, groups, and negatives of their own that are no positives.
    ///
    /// No two documents have the same words, so that no two scores are equal.
    func pairs(seed: UInt64) -> [TrainingPair] {
        var random = RandomStream(seed: seed)
        var seen: Set<[String]> = []
        func text() -> String {
            let words = (0..<4).map { _ in ToyModel.words[Int.random(in: 0..<48, using: &random)] }
            return seen.insert(words.sorted()).inserted ? words.joined(separator: " ") : text()
        }
        var pairs = (0..<80).map { index in
            TrainingPair(anchor: text(), positive: text(), group: "g\(index % 9)")
        }
        for index in pairs.indices {
            if index % 5 == 1 { pairs[index].anchor = pairs[index - 1].anchor }
            if index % 7 == 2 { pairs[index].positives.append(pairs[index - 2].positives[0]) }
            if index % 3 == 0 {
                pairs[index].negatives = [ToyModel.words[Int.random(in: 0..<48, using: &random)] + " chosen \(index)"]
            }
        }
        return pairs
    }

    /// Similarities in double precision, and who may not be a negative of whom.
    struct Reference {
        let pairs: [TrainingPair]
        let corpus: [String]
        private let anchors: DoubleMatrix
        private let documents: [String: [Double]]

        init(_ pairs: [TrainingPair], corpus: [String], _ embedder: Embedder) async throws {
            self.pairs = pairs
            self.corpus = corpus
            anchors = DoubleMatrix(try await embedder.embed(pairs.map(\.anchor), as: .query)).unitRows
            let texts = corpus + pairs.flatMap { $0.positives + $0.negatives }
            let embeddings = DoubleMatrix(try await embedder.embed(texts, as: .document)).unitRows
            documents = Dictionary(
                texts.enumerated().map { ($1, embeddings[row: $0]) },
                uniquingKeysWith: { first, _ in first }
            )
        }

        func score(_ row: Int, _ text: String) -> Double { dot(anchors[row: row], documents[text] ?? []) }

        /// The score of the row's least similar positive.
        func positive(_ row: Int) -> Double { pairs[row].positives.map { score(row, $0) }.min() ?? 0 }

        func isRelevant(_ row: Int, _ text: String) -> Bool {
            text == pairs[row].anchor
                || pairs.contains { $0.anchor == pairs[row].anchor && $0.positives.contains(text) }
        }

        func isSuspect(_ row: Int, _ text: String, _ c: MiningConfiguration) -> Bool {
            let (s, p) = (score(row, text), positive(row))
            return (c.margin.map { s > p - Double($0) } ?? false)
                || (c.relativeMargin.map { s > p - abs(p) * Double($0) } ?? false)
                || (c.maximumShareOfPositive.map { s > p - abs(p) * (1 - Double($0)) } ?? false)
        }

        func isAllowed(_ row: Int, _ text: String, _ c: MiningConfiguration) -> Bool {
            let s = score(row, text)
            return !isSuspect(row, text, c) && s <= Double(c.maximumScore ?? 2) && s >= Double(c.minimumScore ?? -2)
        }

        /// What `c` considers for a row, best first, before and after its limits.
        func candidates(_ row: Int, _ c: MiningConfiguration) -> (inRange: [String], allowed: [String]) {
            let ranked = corpus.filter { !isRelevant(row, $0) }.sorted { score(row, $0) > score(row, $1) }
            let inRange = Array(ranked.prefix(c.rankTo).dropFirst(c.rankFrom))
            return (inRange, inRange.filter { isAllowed(row, $0, c) })
        }
    }

    /// Settings that differ in every limit.
    static let configurations: [MiningConfiguration] = {
        var all = [MiningConfiguration](repeating: MiningConfiguration(), count: 7)
        (all[1].rankFrom, all[1].rankTo) = (5, 12)
        all[2].maximumShareOfPositive = nil
        all[2].maximumScore = 0.6
        all[2].minimumScore = 0.2
        all[3].margin = 0.2
        all[4].relativeMargin = 0.3
        all[5].rankTo = 3
        all[5].maximumShareOfPositive = 0.5
        all[6].maximumShareOfPositive = nil
        return all
    }()

    @Test(arguments: configurations.indices, 0..<3 as Range<UInt64>)
    func `the negatives are those a search of everything finds, and the report counts them`(
        index: Int,
        seed: UInt64
    ) async throws {
        let configuration = Self.configurations[index]
        let pairs = pairs(seed: seed)
        let corpus = ToyModel.words + pairs.flatMap(\.positives)
        let reference = try await Reference(pairs, corpus: Array(Set(corpus)), embedder)
        let miner = try HardNegativeMiner(configuration, perRow: 4)
        let (found, report) = try await miner.negatives(for: pairs, with: embedder, corpus: corpus)
        var (negatives, shortOfCandidates, shortByLimits, suspects) = (0, 0, 0, 0)
        for (row, pair) in found.enumerated() {
            let (inRange, allowed) = reference.candidates(row, configuration)
            #expect(pair.negatives == Array(allowed.prefix(4)), "row \(row)")
            let scores = pair.negatives.map { reference.score(row, $0) }
            expectClose((pair.negativeScores ?? []).map(Double.init), scores, Tolerance(relative: 1e-5, absolute: 1e-6))
            negatives += min(4, allowed.count)
            if inRange.count < 4 {
                shortOfCandidates += 1
            } else if allowed.count < 4 {
                shortByLimits += 1
            }
            suspects += inRange.count { reference.isSuspect(row, $0, configuration) }
        }
        #expect(report.rows == pairs.count && report.negatives == negatives)
        #expect(report.shortOfCandidates == shortOfCandidates && report.shortByLimits == shortByLimits)
        #expect(report.shortRows == shortOfCandidates + shortByLimits)
        #expect(report.suspectedFalseNegatives == suspects)
    }

    @Test func `every limit makes a difference`() async throws {
        let pairs = pairs(seed: 1)
        var found: Set<[[String]]> = []
        for configuration in Self.configurations {
            let miner = try HardNegativeMiner(configuration, perRow: 4)
            found.insert(try await miner.negatives(for: pairs, with: embedder).pairs.map(\.negatives))
        }
        #expect(found.count == Self.configurations.count)
    }

    @Test func `random picks pass the limits, repeat with the seed and differ without`() async throws {
        let pairs = pairs(seed: 2)
        var configuration = MiningConfiguration()
        configuration.pick = .random
        func negatives(seed: UInt64) async throws -> [[String]] {
            let miner = try HardNegativeMiner(configuration, perRow: 2, seed: seed)
            return try await miner.negatives(for: pairs, with: embedder).pairs.map(\.negatives)
        }
        let found = try await negatives(seed: 1)
        let reference = try await Reference(pairs, corpus: Array(Set(pairs.flatMap(\.positives))), embedder)
        for (row, negatives) in found.enumerated() {
            let allowed = reference.candidates(row, configuration).allowed
            #expect(Set(negatives).isSubset(of: allowed) && negatives.count == min(2, allowed.count))
        }
        #expect(try await negatives(seed: 1) == found)
        #expect(try await negatives(seed: 2) != found)
    }

    @Test func `negatives of the data are kept, first and as they are`() async throws {
        let pairs = pairs(seed: 3)
        let (found, report) = try await HardNegativeMiner(perRow: 3)
            .negatives(for: pairs, with: embedder, from: [.rows, .mined])
        for (given, mined) in zip(pairs, found) {
            #expect(Array(mined.negatives.prefix(given.negatives.count)) == given.negatives)
            #expect(Set(mined.negatives).count == mined.negatives.count)
        }
        #expect(report.shortRows == found.count { $0.negatives.count < 3 })
        #expect(report.shortRows == report.shortOfCandidates + report.shortByLimits)
    }

    @Test func `siblings are positives of the group`() async throws {
        let pairs = pairs(seed: 4)
        let found = try await HardNegativeMiner(perRow: 5)
            .negatives(for: pairs, with: embedder, from: [.siblings]).pairs
        #expect(found.contains { !$0.negatives.isEmpty })
        for pair in found {
            let group = Set(pairs.filter { $0.group == pair.group }.flatMap(\.positives))
            #expect(group.isSuperset(of: pair.negatives) && Set(pair.positives).isDisjoint(with: pair.negatives))
        }
    }

    @Test func `lexical negatives share a word with the anchor`() async throws {
        let pairs = pairs(seed: 5)
        let found = try await HardNegativeMiner(perRow: 5)
            .negatives(for: pairs, with: embedder, from: [.lexical]).pairs
        #expect(found.contains { !$0.negatives.isEmpty })
        for pair in found {
            let words = Set(pair.anchor.split(separator: " "))
            #expect(pair.negatives.allSatisfy { !words.isDisjoint(with: $0.split(separator: " ")) })
        }
    }

    @Test(arguments: [1, 3])
    func `any number of threads finds the same`(threads: Int) async throws {
        let pairs = pairs(seed: 6)
        func negatives(_ threads: Int) async throws -> [TrainingPair] {
            try await HardNegativeMiner(perRow: 4, compute: ComputeOptions(threads: threads))
                .negatives(for: pairs, with: embedder, from: [.rows, .siblings, .lexical, .mined]).pairs
        }
        #expect(try await negatives(threads) == negatives(2))
    }
}
