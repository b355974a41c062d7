internal import ArgumentParser
internal import Foundation
internal import Semblance

struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures how well a model finds the relevant documents of a BEIR folder.",
        discussion: "Values come with 95 % bootstrap intervals; a baseline with a paired randomisation test on ndcg@10."
    )

    @Argument(help: "A model folder.")
    var model: String
    @Argument(help: "A BEIR folder: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv.")
    var folder: String
    @Option(help: "The split.")
    var split = "test"
    @Option(help: "The index searched: exact, hnsw, ivf, or a FAISS factory string.")
    var through = IndexKind.exact
    @Option(help: "bm25, or another model folder, to compare with.")
    var baseline: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let dataset = try RetrievalDataset(contentsOf: URL(path: folder), split: split)
        func evaluate(_ model: String) async throws -> RetrievalReport {
            try await Evaluator.retrieval(
                Embedder(contentsOf: URL(path: model)),
                on: dataset,
                through: through,
                compute: common.compute
            )
        }
        let report = try await evaluate(model)
        var result = EvaluationResult(summary: report.summary)
        if let baseline {
            let other =
                baseline == "bm25"
                ? try await Evaluator.lexical(on: dataset, compute: common.compute) : try await evaluate(baseline)
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
