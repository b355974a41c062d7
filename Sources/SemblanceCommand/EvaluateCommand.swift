internal import ArgumentParser
internal import Foundation
internal import Semblance

struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures how well a model finds the relevant documents of a BEIR folder, or orders scored pairs.",
        discussion: """
            Scored pairs are a .tsv or .jsonl file; cosines are correlated with their scores. \
            Values come with 95 % bootstrap intervals; a baseline with a paired randomisation test on ndcg@10. \
            `--mode all` searches by meaning, by words and by both, and tests each against each.
            """
    )

    @Argument(help: "A model folder.")
    var model: String
    @Argument(
        help: "A BEIR folder (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv), or scored pairs (.tsv, .jsonl)."
    )
    var folder: String
    @Option(help: "The split.")
    var split = "test"
    @Option(help: "The index searched: exact, hnsw, ivf, or a FAISS factory string.")
    var through = IndexKind.exact
    @Option(help: "Search by meaning (dense), words (lexical), both (hybrid), or each in turn (all).")
    var mode = EvaluatedMode.dense
    @Option(help: "How both become one: reciprocal-rank or weighted-sum.")
    var fusion = RankFusion.Method.reciprocalRank
    @Option(help: ArgumentHelp("What meaning and words weigh in it.", valueName: "dense,lexical"))
    var weights = Weights(values: [1, 1])
    @Option(help: "Compare the first so many components of the embeddings (dense alone).")
    var dimension: Int?
    @OptionGroup var depth: DepthOptions
    @Option(help: "bm25, or another model folder, to compare with.")
    var baseline: String?
    @Option(help: "A JSON Lines file that is written: each query's id and metrics.")
    var perQuery: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if dimension != nil, mode != .dense {
            throw ValidationError("--dimension is for --mode dense: leave one of them out")
        }
        if mode == .all, baseline != nil {
            throw ValidationError("--mode all compares the modes with each other: give no --baseline")
        }
        if mode == .all, perQuery != nil {
            throw ValidationError("--per-query is of one mode: name it, and not all")
        }
    }

    func run() async throws {
        if isScoredPairs(folder) { return try await correlate(on: SimilarityDataset(contentsOf: URL(path: folder))) }
        let dataset = try RetrievalDataset(contentsOf: URL(path: folder), split: split)
        if mode == .all { return try await compareModes(on: dataset) }
        let report = try await evaluate(model, on: dataset, by: [mode])[0]
        if let perQuery { try JSONLines.write(QueryMetrics.rows(of: report), to: URL(path: perQuery)) }
        var result = EvaluationResult(summary: report.summary)
        if let baseline {
            let other =
                baseline == "bm25"
                ? try await Evaluator.lexical(on: dataset, compute: common.compute)
                : try await evaluate(baseline, on: dataset, by: [mode])[0]
            result.baseline = other.summary
            result.pValue = try report.pairedRandomizationTest(against: other, on: .ndcg(10)).pValue
        }
        try common.console.result(result) {
            var systems = [(model, report.summary)]
            if let baseline, let summary = result.baseline { systems.append((baseline, summary)) }
            let test = result.pValue.map { "\np = \($0.formatted(digits: 4)) for ndcg@10 (paired randomisation test)" }
            return table(systems) + (test ?? "")
        }
    }

    private func correlate(on dataset: SimilarityDataset) async throws {
        var systems: [(name: String, report: SimilarityReport)] = []
        for name in [model] + (baseline.map { [$0] } ?? []) {
            let report = try await Evaluator.similarity(
                depth.open(name),
                on: dataset,
                dimension: dimension,
                compute: common.compute
            )
            systems.append((name, report))
        }
        let result = SimilarityResult(report: systems[0].report, baseline: systems.dropFirst().first?.report)
        try common.console.result(result) { systems.map { table($0.name, $0.report) }.joined(separator: "\n") }
    }

    private func evaluate(
        _ model: String,
        on dataset: RetrievalDataset,
        by modes: [EvaluatedMode]
    ) async throws -> [RetrievalReport] {
        let embedder = try depth.open(model)
        if modes == [.dense] {
            return [
                try await Evaluator.retrieval(
                    embedder,
                    on: dataset,
                    through: through,
                    dimension: dimension,
                    compute: common.compute
                )
            ]
        }
        return try await Evaluator.retrieval(
            embedder,
            on: dataset,
            by: modes.map { mode in
                switch mode {
                case .lexical: .lexical
                case .hybrid: .hybrid(RankFusion(fusion, weights: weights.values))
                default: .dense
                }
            },
            configuration: SearchConfiguration(kind: through),
            compute: common.compute
        )
    }

    private func compareModes(on dataset: RetrievalDataset) async throws {
        let modes: [EvaluatedMode] = [.lexical, .dense, .hybrid]
        let reports = try await evaluate(model, on: dataset, by: modes)
        var result = ModeComparison(systems: zip(modes, reports).map { ($0.rawValue, $1.summary) })
        for (first, second) in [(2, 0), (2, 1), (1, 0)] {
            let test = try reports[first].pairedRandomizationTest(against: reports[second], on: .ndcg(10))
            result.tests.append(
                .init(
                    first: modes[first].rawValue,
                    second: modes[second].rawValue,
                    difference: test.difference,
                    pValue: test.pValue
                )
            )
        }
        try common.console.result(result) {
            let tests = result.tests.map { test in
                "\(test.first) − \(test.second): \(test.difference.formatted(digits: 4)), "
                    + "p = \(test.pValue.formatted(digits: 4))"
            }
            return table(result.systems) + "\nndcg@10, paired randomisation tests\n  " + tests.joined(separator: "\n  ")
        }
    }
}

/// What `evaluate` searches by.
enum EvaluatedMode: String, ExpressibleByArgument, CaseIterable {
    case dense, lexical, hybrid, all
}

/// What the lists of a fusion weigh, as an argument: `1,0.5`.
struct Weights: ExpressibleByArgument {
    let values: [Double]

    init(values: [Double]) { self.values = values }

    init?(argument: String) {
        values = argument.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
        guard values.count == 2, values.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
    }

    var defaultValueDescription: String { values.map(\.description).joined(separator: ",") }
}

/// The JSON of `evaluate --mode all`.
private struct ModeComparison: Encodable {
    struct Test: Encodable {
        let first: String
        let second: String
        let difference: Double
        let pValue: Double

        enum CodingKeys: String, CodingKey {
            case first, second, difference
            case pValue = "p_value"
        }
    }

    let systems: [(name: String, summary: RetrievalSummary)]
    var tests: [Test] = []

    enum CodingKeys: String, CodingKey {
        case modes, tests
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(
            Dictionary(systems.map { ($0.name, $0.summary) }, uniquingKeysWith: { first, _ in first }),
            forKey: .modes
        )
        try container.encode(tests, forKey: .tests)
    }
}

/// The JSON of `evaluate`: the summary's fields, and beside them the baseline's.
private struct EvaluationResult: Encodable {
    let summary: RetrievalSummary
    var baseline: RetrievalSummary?
    var pValue: Double?

    enum CodingKeys: String, CodingKey {
        case baseline
        case pValue = "p_value"
    }

    func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(baseline, forKey: .baseline)
        try container.encodeIfPresent(pValue, forKey: .pValue)
    }
}

/// A line of `--per-query`: `{"ndcg@10": 0.63, …, "query": "q1"}`.
private struct QueryMetrics: Encodable {
    let query: String
    let values: [RetrievalMetric: Double]

    static func rows(of report: RetrievalReport) -> [QueryMetrics] {
        report.queries.enumerated().map { index, query in
            QueryMetrics(query: query, values: report.values.mapValues { $0[index] })
        }
    }

    enum CodingKeys: String, CodingKey {
        case query
    }

    func encode(to encoder: any Encoder) throws {
        try values.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(query, forKey: .query)
    }
}

/// The JSON of `evaluate` on scored pairs: the report's fields, and beside them the baseline's.
private struct SimilarityResult: Encodable {
    let report: SimilarityReport
    let baseline: SimilarityReport?

    private enum CodingKeys: String, CodingKey { case baseline }

    func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(baseline, forKey: .baseline)
    }
}

/// Whether a path names scored pairs, not a folder.
func isScoredPairs(_ path: String) -> Bool { ["tsv", "jsonl"].contains(URL(path: path).pathExtension) }

/// A system's correlations, for a person.
func table(_ name: String, _ report: SimilarityReport) -> String {
    let lines = [("spearman", report.spearman), ("pearson", report.pearson)].map { metric, estimate in
        "  \(metric.padding(toLength: 14, withPad: " ", startingAt: 0))\(estimate.value.formatted(digits: 4))  "
            + "[\(estimate.low.formatted(digits: 4)), \(estimate.high.formatted(digits: 4))]"
    }
    return (["\(name) (\(report.pairs) pairs)"] + lines).joined(separator: "\n")
}

/// Metrics of systems side by side, for a person.
func table(_ systems: [(name: String, summary: RetrievalSummary)]) -> String {
    var lines: [String] = []
    for (name, summary) in systems {
        lines.append("\(name) (\(summary.queries) queries)")
        for metric in RetrievalMetric.standard {
            guard let estimate = summary.estimates[metric] else { continue }
            lines.append(
                "  \("\(metric)".padding(toLength: 14, withPad: " ", startingAt: 0))"
                    + "\(estimate.value.formatted(digits: 4))  "
                    + "[\(estimate.low.formatted(digits: 4)), \(estimate.high.formatted(digits: 4))]"
            )
        }
    }
    return lines.joined(separator: "\n")
}
