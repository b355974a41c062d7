internal import ArgumentParser
internal import Foundation
internal import Semblance

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Makes search indexes.",
        subcommands: [Build.self]
    )

    struct Build: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Embeds documents and writes an index to search them.",
            discussion: """
                CORPUS.jsonl holds one {"_id", "title", "text"} a line; the title may be missing. Title and text are \
                embedded joined by a blank.
                """
        )

        @Argument(help: "Documents.")
        var corpus: String
        @Option(help: "A model folder.")
        var model: String
        @Option(help: "The folder the index is written to.")
        var output: String
        @Option(help: "automatic, exact, hnsw, ivf, or a FAISS factory string.")
        var kind = IndexKind.automatic
        @Option(help: "How vectors are compared.")
        var metric = Metric.cosine
        @OptionGroup var outputOptions: OutputOptions
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try checkOutput(output, overwriting: outputOptions.overwrite)
            let started = ContinuousClock.now
            let file = URL(path: corpus)
            var lines: [String: Int] = [:]
            var documents: [SearchDocument] = []
            try JSONLines.forEach(SearchDocument.self, in: file) { document, line in
                if let first = lines.updateValue(line, forKey: document.id) {
                    throw CommandError(
                        "\(corpus), line \(line): the _id \"\(document.id)\" is that of line \(first) already; "
                            + "ids must differ"
                    )
                }
                documents.append(document)
            }
            common.console.note("embedding \(documents.count) documents")
            let index = try await SearchIndex.build(
                documents,
                with: Embedder(contentsOf: URL(path: model)),
                at: URL(path: output),
                configuration: SearchConfiguration(metric: metric, kind: kind),
                overwriting: outputOptions.overwrite,
                compute: common.compute
            )
            let result = IndexResult(
                count: index.count,
                dimension: index.embedder.dimension,
                kind: "\(index.configuration.kind)",
                seconds: started.duration(to: .now) / .seconds(1)
            )
            try common.console.result(result) {
                "\(result.count) documents (\(result.kind), dimension \(result.dimension)) in "
                    + "\(result.seconds.formatted(digits: 2)) s, written to \(output)"
            }
        }
    }
}

/// The JSON of `index build`.
private struct IndexResult: Encodable {
    let count: Int
    let dimension: Int
    let kind: String
    let seconds: Double
}
