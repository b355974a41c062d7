internal import ArgumentParser
internal import Foundation
internal import Semblance

struct MineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mine",
        abstract: "Adds hard negatives to pairs.",
        discussion:
            "Rows come out as they are, with negatives and negative_scores (the model's similarity to the anchor)."
    )

    /// Sources that look for negatives; those in the rows are there already.
    enum Source: String, ExpressibleByArgument, CaseIterable {
        case dense, lexical, siblings, related, guided, random

        var negativeSource: NegativeSource {
            switch self {
            case .dense: .mined
            case .lexical: .lexical
            case .siblings: .siblings
            case .related: .related
            case .guided: .guided
            case .random: .random
            }
        }
    }

    @Argument(help: "Training pairs.")
    var pairs: String
    @Option(help: "A model folder.")
    var model: String
    @Option(help: "The JSON Lines file that is written.")
    var output: String
    @Option(help: "Texts to choose from, a JSON Lines file with text and title; the positives unless given.")
    var corpus: String?
    @Option(help: "Negatives for each row.")
    var perRow = 5
    @Option(help: "A method by name; the options below change it. (default: topk-percpos)")
    var method: MiningConfiguration?
    @Option(help: "The first rank considered, from 0. (default: \(MiningConfiguration().rankFrom))")
    var rankFrom: Int?
    @Option(help: "The rank before which to stop. (default: \(MiningConfiguration().rankTo))")
    var rankTo: Int?
    @Option(help: "The highest similarity of a negative.")
    var maxScore: Float?
    @Option(help: "The lowest similarity of a negative.")
    var minScore: Float?
    @Option(help: "How far a negative stays below the positive.")
    var margin: Float?
    @Option(help: "The same as a share of the positive's similarity.")
    var relativeMargin: Float?
    @Option(help: "The highest share of the positive's similarity. (default: 0.95 unless a limit is given)")
    var maxShareOfPositive: Float?
    @Option(help: "How negatives are chosen among those allowed.")
    var pick = MiningConfiguration().pick
    @Option(help: "Where they come from; may be given several times. (default: dense)")
    var source: [Source] = []
    @Option(help: "What several sources give.")
    var mixture = MiningConfiguration().mixture
    @Option(help: "The share of hard negatives where the pick is balanced; measured unless given.")
    var competence: Double?
    @Option(help: "A model folder that --source guided asks; may be given several times.")
    var guide: [String] = []
    @Option(help: "Decides random picks.")
    var seed: UInt64 = 42
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try checkOutput(output, overwriting: outputOptions.overwrite)
        var settings = method ?? MiningConfiguration()
        if let rankFrom { settings.rankFrom = rankFrom }
        if let rankTo { settings.rankTo = rankTo }
        if let maxScore { settings.maximumScore = maxScore }
        if let minScore { settings.minimumScore = minScore }
        if let margin { settings.margin = margin }
        if let relativeMargin { settings.relativeMargin = relativeMargin }
        let limits = [maxShareOfPositive, maxScore, margin, relativeMargin]
        if maxShareOfPositive != nil || method == nil && limits.contains(where: { $0 != nil }) {
            settings.maximumShareOfPositive = maxShareOfPositive
        }
        settings.pick = pick
        settings.mixture = mixture
        settings.competence = competence
        settings.guides = guide
        let miner = try HardNegativeMiner(settings, perRow: perRow, seed: seed, compute: common.compute)
        let rows = try JSONLines.read(TrainingPair.self, from: URL(path: pairs))
        let texts = try readCorpus(corpus)
        let (mined, report) = try await miner.negatives(
            for: rows,
            with: Embedder(contentsOf: URL(path: model)),
            from: source.isEmpty ? [.mined] : source.map(\.negativeSource),
            corpus: texts
        )
        try JSONLines.write(mined, to: URL(path: output))
        try common.console.result(MineResult(report)) {
            "\(report.negatives) negatives for \(report.rows) rows; \(report.shortRows) rows have fewer than \(perRow) "
                + "(\(report.shortOfCandidates) for want of candidates, \(report.shortByLimits) by limits); "
                + "\(report.suspectedFalseNegatives) candidates suspected relevant; written to \(output)"
        }
    }
}

/// The JSON of `mine`.
private struct MineResult: Encodable {
    let rows: Int
    let negatives: Int
    let shortRows: Int
    let suspectedFalseNegatives: Int

    init(_ report: MiningReport) {
        rows = report.rows
        negatives = report.negatives
        shortRows = report.shortRows
        suspectedFalseNegatives = report.suspectedFalseNegatives
    }

    enum CodingKeys: String, CodingKey {
        case rows, negatives
        case shortRows = "short_rows"
        case suspectedFalseNegatives = "suspected_false_negatives"
    }
}
