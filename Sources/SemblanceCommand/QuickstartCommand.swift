internal import ArgumentParser
internal import Foundation
internal import Semblance
internal import Synchronization

/// The main job on real text: WordNet, meaning → words.
struct QuickstartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quickstart",
        abstract: "Trains on WordNet, measures on meanings held out, and searches.",
        discussion: """
            A query is a meaning ("a person who studies rocks"), a document the words that have it. 2,000 of WordNet's \
            sets of words are held out: their meanings are never trained on. Needs Debian's wordnet-base (27 MB).
            """
    )

    @Option(help: "WordNet's folder.")
    var wordnet = "/usr/share/wordnet"
    @Option(help: "The folder that model and index are written to.")
    var output = "semblance-quickstart"
    @Option(help: "Passes over the pairs.")
    var epochs = 3
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    /// Meanings in words that a person types, none of them a gloss of WordNet.
    private static let questions = [
        "a person who studies rocks", "to walk without lifting the feet", "fear of small spaces",
        "the time before the sun comes up", "very happy", "a machine that washes plates",
    ]

    func run() async throws {
        guard FileManager.default.fileExists(atPath: wordnet + "/data.noun") else {
            throw CommandError("\(wordnet) holds no WordNet: apt-get install wordnet-base, or say --wordnet FOLDER")
        }
        try checkOutput(output, overwriting: outputOptions.overwrite)
        let started = ContinuousClock.now
        let wordNet = try WordNet(contentsOf: URL(path: wordnet))
        let (pairs, heldOut) = try wordNet.split(holdingOut: 2000)
        common.console.note("\(wordNet.synsets.count) sets of words, \(heldOut.queries.count) meanings held out")

        let embedder = try await Embedder.fit(
            pairs,
            startingFrom: .scratch(vocabulary: Self.vocabulary),
            configuration: trainingConfiguration(),
            progress: common.console.trainingProgress()
        )
        let report = try await Evaluator.retrieval(embedder, on: heldOut, compute: common.compute)
        let baseline = try await Evaluator.lexical(on: heldOut, compute: common.compute)

        let folder = URL(path: output)
        let model = folder.appending(path: "model"), index = folder.appending(path: "index")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try embedder.write(to: model, overwriting: true)
        let search = try await SearchIndex.build(
            wordNet.synsets.map { SearchDocument(id: $0.id, text: $0.text) },
            with: embedder,
            at: index,
            overwriting: true,
            compute: common.compute
        )
        let answers = try await search.search(Self.questions, count: 3)
        let result = QuickstartResult(
            seconds: started.duration(to: .now) / .seconds(1),
            heldOut: report.summary,
            bm25: baseline.summary,
            answers: zip(Self.questions, answers).map { SearchResult(query: $0, hits: $1) }
        )
        try common.console.result(result) {
            let rows = [1, 10, 100].map { (k: Int) -> String in
                "  recall@\("\(k)".padding(toLength: 5, withPad: " ", startingAt: 0))"
                    + "\(report.value(of: .recall(k)).formatted(digits: 3))    "
                    + "BM25 \(baseline.value(of: .recall(k)).formatted(digits: 3))"
            }
            let found = result.answers.map { "\($0.query)\n    " + $0.hits.map(\.text).joined(separator: "\n    ") }
            return """
                Meanings never trained on, among the words of all \(search.count) sets:
                \(rows.joined(separator: "\n"))

                \(found.joined(separator: "\n"))

                \(result.seconds.formatted(digits: 0)) s in all. Search on with:
                  swift run -c release semblance search \(index.path) "a small boat for one person"
                """
        }
    }

    // The recipe was chosen on other sets held out of the training part: see Docs/Recipes.md.

    private static var vocabulary: VocabularyConfiguration {
        var configuration = VocabularyConfiguration()
        configuration.size = 20_000
        return configuration
    }

    private func trainingConfiguration() -> TrainingConfiguration {
        var configuration = TrainingConfiguration(
            epochs: epochs,
            batchSize: 2048,
            learningRate: 0.2,
            negatives: [.siblings]
        )
        configuration.negativesPerRow = 1
        configuration.optimizer.rule = .adamW
        configuration.compute = common.compute
        return configuration
    }
}

/// The JSON of `quickstart`.
private struct QuickstartResult: Encodable {
    let seconds: Double
    let heldOut: RetrievalSummary
    let bm25: RetrievalSummary
    let answers: [SearchResult]

    enum CodingKeys: String, CodingKey {
        case seconds, bm25, answers
        case heldOut = "held_out"
    }
}
