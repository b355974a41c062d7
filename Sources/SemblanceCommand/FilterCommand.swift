internal import ArgumentParser
internal import Foundation
internal import Semblance

struct FilterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter",
        abstract: "Drops pairs that a model disagrees with.",
        discussion: "A positive stays where it is among the first texts that the model finds for its anchor."
    )

    @Argument(help: "Training pairs.")
    var pairs: String
    @Option(help: "A model folder.")
    var model: String
    @Option(help: "The JSON Lines file that is written.")
    var output: String
    @Option(help: "The last rank a positive may have, from 1.")
    var top = 2
    @Option(help: "Texts to compare with beside the positives, a JSON Lines file with text and title.")
    var corpus: String?
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try checkOutput(output, overwriting: outputOptions.overwrite)
        let filter = try ConsistencyFilter(top: top, compute: common.compute)
        let rows = try JSONLines.read(TrainingPair.self, from: URL(path: pairs))
        let texts = try readCorpus(corpus)
        let (kept, report) = try await filter.consistent(
            rows,
            under: Embedder(contentsOf: URL(path: model)),
            corpus: texts
        )
        try JSONLines.write(kept, to: URL(path: output))
        try common.console.result(FilterResult(report)) {
            "\(kept.count) of \(report.rows) rows kept; \(report.droppedPositives) of \(report.positives) positives are "
                + "below rank \(top); written to \(output)"
        }
    }
}

/// The JSON of `filter`.
private struct FilterResult: Encodable {
    let rows: Int
    let droppedRows: Int
    let positives: Int
    let droppedPositives: Int

    init(_ report: ConsistencyFilter.Report) {
        rows = report.rows
        droppedRows = report.droppedRows
        positives = report.positives
        droppedPositives = report.droppedPositives
    }

    enum CodingKeys: String, CodingKey {
        case rows, positives
        case droppedRows = "dropped_rows"
        case droppedPositives = "dropped_positives"
    }
}
