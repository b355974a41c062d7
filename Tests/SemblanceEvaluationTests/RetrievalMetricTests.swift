import Foundation
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

struct Golden: Decodable {
    struct Query: Decodable {
        let ranking: [String]
        let grades: [String: Int]
        let values: [RetrievalMetric: Double]
    }

    struct Pair: Decodable {
        let x: [Double]
        let y: [Double]
        let pearson: Double
        let spearman: Double
    }

    let queries: [Query]
    let correlations: [Pair]

    static func read() throws -> Golden {
        let file = Bundle.module.url(forResource: "metrics", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: #require(file)))
    }
}

@Suite struct RetrievalMetricTests {
    @Test func `metrics are those of trec_eval`() throws {
        let golden = try Golden.read()
        #expect(golden.queries.count == 40)
        for query in golden.queries {
            #expect(query.values.count == 10)
            for (metric, expected) in query.values {
                let found = try #require(metric.value(of: query.ranking, grades: query.grades))
                #expect(abs(found - expected) <= 1e-12, "\(metric): \(found), expected \(expected)")
            }
        }
    }

    @Test func `another order has another value`() throws {
        let queries = try Golden.read().queries.filter { $0.ranking.count > 5 }
        let changed = queries.count { query in
            query.values.contains { metric, expected in
                metric.value(of: query.ranking.reversed(), grades: query.grades) != expected
            }
        }
        #expect(changed > queries.count / 2)
    }

    @Test func `values of a ranking computed by hand`() throws {
        let grades = ["a": 3, "b": 1, "c": 1, "d": 0, "e": -1, "elsewhere": 2]
        let ranking = ["d", "b", "e", "a", "x", "c"]
        func value(_ metric: RetrievalMetric) -> Double? { metric.value(of: ranking, grades: grades) }
        let gain = 1 / log2(3.0) + 3 / log2(5.0) + 1 / log2(7.0)
        let ideal = 3 + 2 / log2(3.0) + 1 / log2(4.0) + 1 / log2(5.0)
        #expect(try abs(#require(value(.ndcg(10))) - gain / ideal) < 1e-15)
        #expect(value(.mrr(10)) == 0.5)
        #expect(value(.mrr(1)) == 0)
        #expect(value(.map(100)) == (1.0 / 2 + 2.0 / 4 + 3.0 / 6) / 4)
        #expect(value(.recall(5)) == 0.5)
        #expect(value(.precision(10)) == 0.3)
        #expect(value(.rPrecision(2)) == 0.5)
        #expect(value(.rPrecision(10)) == 0.75)
    }

    @Test func `without a relevant document there is no value`() {
        for metric in RetrievalMetric.standard {
            #expect(metric.value(of: ["a"], grades: ["a": 0, "b": -1]) == nil)
            #expect(metric.value(of: ["a"], grades: [:]) == nil)
            #expect(metric.value(of: [], grades: ["a": 1]) == 0)
            #expect(metric.value(of: ["a"], grades: ["a": 1]) == 1)
        }
    }

    @Test func `a repeated id takes no rank`() {
        #expect(RetrievalMetric.mrr(10).value(of: ["x", "x", "a"], grades: ["a": 1]) == 0.5)
        #expect(RetrievalMetric.recall(10).value(of: ["a", "a", "b"], grades: ["a": 1, "b": 1]) == 1)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `values lie from 0 to 1, and the ideal ranking has 1`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let grades = Dictionary(uniqueKeysWithValues: (0..<30).map { ($0, Int.random(in: -1...3, using: &random)) })
            .merging([99: 1]) { $1 }
        let best = grades.keys.sorted { grades[$0, default: 0] > grades[$1, default: 0] }
        for metric in RetrievalMetric.standard + [.precision(3)] {
            let value = try #require(metric.value(of: grades.keys.shuffled(using: &random), grades: grades))
            #expect((0...1).contains(value))
            #expect(try #require(metric.value(of: best, grades: grades)) >= value)
        }
        #expect(RetrievalMetric.ndcg(10).value(of: best, grades: grades) == 1)
    }

    @Test func `names are read as they are written`() throws {
        #expect(
            RetrievalMetric.standard.map(\.description) == [
                "ndcg@10", "mrr@10", "map@100", "recall@1", "recall@5", "recall@10", "recall@100", "r-precision@5",
            ]
        )
        for metric in RetrievalMetric.standard + [.precision(3)] {
            #expect(RetrievalMetric(metric.description) == metric)
        }
        for name in ["", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "NDCG@10", "ndcg@10@10", "@10", "hits@3"] {
            #expect(RetrievalMetric(name) == nil)
        }
        #expect(RetrievalMetric.hitsNeeded() == 101)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([RetrievalMetric].self, from: Data(#"["mrr"]"#.utf8))
        }
    }

    @Test func `correlations are those of scipy`() throws {
        for pair in try Golden.read().correlations {
            #expect(try abs(#require(Correlation.pearson(pair.x, pair.y)) - pair.pearson) < 1e-12)
            #expect(try abs(#require(Correlation.spearman(pair.x, pair.y)) - pair.spearman) < 1e-12)
            #expect(try abs(#require(Correlation.spearman(pair.x, pair.y.map { -$0 })) + pair.spearman) < 1e-12)
        }
        #expect(Correlation.pearson([1, 1], [1, 2]) == nil)
        #expect(Correlation.pearson([], []) == nil)
        #expect(Correlation.spearman([1, .nan], [1, 2]) == nil)
        #expect(try abs(#require(Correlation.spearman([1, 2, 3], [10, 100, 1000])) - 1) < 1e-12)
    }
}
