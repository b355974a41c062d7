import Foundation
import SemblanceEvaluation
import SemblanceNumerics
import Testing

@Suite struct RetrievalReportTests {
    private func dataset(queries: Int, documents: Int = 20) throws -> RetrievalDataset {
        try RetrievalDataset(
            documents: (0..<documents).map { .init(id: "d\($0)", text: "") },
            queries: (0..<queries).map { .init(id: "q\($0)", text: "") },
            judgements: Dictionary(uniqueKeysWithValues: (0..<queries).map { ("q\($0)", ["d\($0 % documents)": 1]) })
        )
    }

    /// Rankings in which the relevant document's rank is random, better for greater skill.
    private func rankings(_ set: RetrievalDataset, skill: Int, seed: UInt64) -> [[String]] {
        var random = RandomStream(seed: seed)
        return set.queries.map { query in
            let relevant = set.judgements[query.id]?.keys.first
            let tries = (0...skill).map { _ in set.documents.map(\.id).shuffled(using: &random) }
            return tries.min { $0.firstIndex { $0 == relevant } ?? 0 < $1.firstIndex { $0 == relevant } ?? 0 } ?? []
        }
    }

    @Test func `a report holds the means and values of the queries`() throws {
        let set = try dataset(queries: 3)
        let report = RetrievalReport(rankings: [["d0"], ["d3", "d1"], []], of: set, metrics: [.mrr(10), .recall(1)])
        #expect(report.queries == ["q0", "q1", "q2"])
        #expect(report.values == [.mrr(10): [1, 0.5, 0], .recall(1): [1, 0, 0]])
        #expect(report.value(of: .mrr(10)) == 0.5 && report.value(of: .recall(1)) == 1.0 / 3)
    }

    @Test func `a query never finds itself`() throws {
        let set = try RetrievalDataset(
            documents: ["a", "b"].map { .init(id: $0, text: "") },
            queries: [.init(id: "a", text: "")],
            judgements: ["a": ["b": 1]]
        )
        #expect(RetrievalReport(rankings: [["a", "b"]], of: set, metrics: [.mrr(1)]).value(of: .mrr(1)) == 1)
        #expect(RetrievalReport(rankings: [["c", "b"]], of: set, metrics: [.mrr(1)]).value(of: .mrr(1)) == 0)
    }

    @Test func `the interval is that of the normal distribution where there are many queries`() throws {
        let set = try dataset(queries: 2000)
        let report = RetrievalReport(rankings: rankings(set, skill: 1, seed: 1), of: set, metrics: [.recall(5)])
        let estimate = try #require(report.estimates[.recall(5)])
        let deviation = (estimate.value * (1 - estimate.value) / 2000).squareRoot()
        #expect(abs((estimate.value - estimate.low) / (1.96 * deviation) - 1) < 0.15)
        #expect(abs((estimate.high - estimate.value) / (1.96 * deviation) - 1) < 0.15)
        let few = RetrievalReport(rankings: [["d0"]], of: try dataset(queries: 1))
        #expect(few.estimates[.ndcg(10)] == few.estimates[.recall(1)])
        #expect(few.estimates[.ndcg(10)]?.low == 1 && few.estimates[.ndcg(10)]?.high == 1)
    }

    @Test func `a report depends on seed and data alone`() throws {
        let set = try dataset(queries: 200)
        let found = rankings(set, skill: 1, seed: 2)
        let one = RetrievalReport(rankings: found, of: set, seed: 3, workers: .shared(threads: 1))
        let two = RetrievalReport(rankings: found, of: set, seed: 3, workers: .shared(threads: 2))
        let other = RetrievalReport(rankings: found, of: set, seed: 4)
        #expect(one == two)
        #expect(one.values == other.values && one.estimates != other.estimates)
    }

    @Test func `reports are written and read`() throws {
        let report = RetrievalReport(rankings: [["d0"], ["d3", "d1"]], of: try dataset(queries: 2))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(try JSONDecoder().decode(RetrievalReport.self, from: encoder.encode(report)) == report)
        let summary = try encoder.encode(report.summary)
        #expect(try JSONDecoder().decode(RetrievalSummary.self, from: summary) == report.summary)
        let object = try #require(JSONSerialization.jsonObject(with: summary) as? [String: Any])
        #expect(Set(object.keys) == Set(RetrievalMetric.standard.map(\.description) + ["queries"]))
        #expect((object["mrr@10"] as? [String: Double]) == ["value": 0.75, "low": 0.5, "high": 1])
    }

    @Test func `p is that of all sign flips`() {
        let first = [0.5, 0.25, 1, 0.125, 0.75, 0, 0.5, 0.3, 0.9, 0.4]
        let second = [0.25, 0.5, 0.5, 0, 0.75, 0, 0.25, 0.1, 0.2, 0.5]
        let differences = zip(first, second).map { $0 - $1 }
        let seen = abs(differences.reduce(0, +))
        let extreme = (0..<1024).count { signs in
            let sum = differences.indices.reduce(0) { $0 + (signs >> $1 & 1 == 1 ? 1 : -1) * differences[$1] }
            return abs(sum) >= seen - 1e-12
        }
        let test = PairedTest(first, second)
        #expect(abs(test.pValue - Double(extreme) / 1024) < 0.015)
        #expect(abs(test.difference - 0.1675) < 1e-12)
        let mirrored = PairedTest(second, first)
        #expect(mirrored.pValue == test.pValue && mirrored.difference == -test.difference)
    }

    @Test func `alike systems differ by chance, others do not`() throws {
        let set = try dataset(queries: 300)
        let base = RetrievalReport(rankings: rankings(set, skill: 1, seed: 5), of: set)
        let alike = RetrievalReport(rankings: rankings(set, skill: 1, seed: 6), of: set)
        let better = RetrievalReport(rankings: rankings(set, skill: 2, seed: 7), of: set)
        #expect(try base.pairedRandomizationTest(against: base, on: .ndcg(10)) == PairedTest([0], [0]))
        #expect(PairedTest([0], [0]).pValue == 1)
        #expect(try alike.pairedRandomizationTest(against: base, on: .ndcg(10)).pValue > 0.05)
        let test = try better.pairedRandomizationTest(against: base, on: .ndcg(10))
        #expect(test.pValue < 0.001 && test.difference > 0)
        let again = try better.pairedRandomizationTest(against: base, on: .ndcg(10), workers: .shared(threads: 1))
        #expect(again == test)
    }

    @Test func `p is even where systems are alike`() {
        var random = RandomStream(seed: 8)
        let values = (0..<400).map { trial in
            PairedTest(
                (0..<40).map { _ in Double.random(in: 0...1, using: &random) },
                (0..<40).map { _ in Double.random(in: 0...1, using: &random) },
                permutations: 199,
                seed: trial
            ).pValue
        }
        #expect((0.02...0.09).contains(Double(values.count { $0 <= 0.05 }) / 400))
        #expect((0.42...0.58).contains(Double(values.count { $0 <= 0.5 }) / 400))
    }

    @Test func `systems on different queries are not compared`() throws {
        let three = RetrievalReport(rankings: [[], [], []], of: try dataset(queries: 3))
        let two = RetrievalReport(rankings: [[], []], of: try dataset(queries: 2))
        #expect(throws: EvaluationError.self) { try three.pairedRandomizationTest(against: two, on: .ndcg(10)) }
        #expect(throws: EvaluationError.self) { try three.pairedRandomizationTest(against: three, on: .ndcg(7)) }
    }
}
