internal import ArgumentParser
internal import Foundation
internal import Semblance

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Makes search indexes, and changes and looks after them.",
        subcommands: [
            IndexBuildCommand.self, IndexAddCommand.self, IndexRemoveCommand.self, IndexCompactCommand.self,
            IndexStatsCommand.self, IndexBackupCommand.self, IndexVerifyCommand.self, IndexRepairCommand.self,
        ]
    )
}

struct IndexBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Embeds documents and writes an index to search them.",
        discussion: """
            CORPUS.jsonl holds one {"_id", "title", "text", "metadata"} a line; title and metadata may be missing. \
            Title and text are embedded joined by a blank.
            """
    )

    @Argument(help: "Documents.")
    var corpus: String
    @Option(help: "A model folder.")
    var model: String
    @Option(help: "The folder the index is written to.")
    var output: String
    @Option(help: "automatic, exact, hnsw, ivf, int8, int4, product, binary, or a FAISS factory string.")
    var kind = IndexKind.automatic
    @Option(help: "How vectors are compared.")
    var metric = Metric.cosine
    @Option(help: "Cut texts into passages of so many tokens at most.")
    var passages: Int?
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try checkOutput(output, overwriting: outputOptions.overwrite)
        let started = ContinuousClock.now
        let documents = try readDocuments(corpus)
        common.console.note("embedding \(documents.count) documents")
        var configuration = SearchConfiguration(metric: metric, kind: kind)
        configuration.passages = passages.map { PassageConfiguration(length: $0, overlap: $0 / 5) }
        let index = try await SearchIndex.build(
            documents,
            with: Embedder(contentsOf: URL(path: model)),
            at: URL(path: output),
            configuration: configuration,
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

struct IndexAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Puts documents into an index, in place of those with the same ids.",
        discussion: "What hasn't changed is not embedded again. Ends with 0 only when every document is durable."
    )

    @Argument(help: "An index folder.")
    var index: String
    @Argument(help: "Documents, as for `index build`.")
    var corpus: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let documents = try readDocuments(corpus)
        let opened = try SearchIndex.open(at: URL(path: index), compute: common.compute)
        let report = try await opened.upsert(documents)
        try await opened.close()
        try common.console.result(report) {
            "\(report.added) added, \(report.replaced) replaced, \(report.unchanged) unchanged, "
                + "\(report.embedded) embedded"
        }
    }
}

struct IndexRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Takes documents out of an index."
    )

    @Argument(help: "An index folder.")
    var index: String
    @Argument(help: "Ids of documents.")
    var ids: [String] = []
    @Option(name: .customLong("ids"), help: "A file with one id a line.")
    var idsFile: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if ids.isEmpty, idsFile == nil { throw ValidationError("give ids, or --ids FILE") }
    }

    func run() async throws {
        let all = try ids + (idsFile.map { try TextLines.read(from: URL(path: $0)) } ?? [])
        let opened = try SearchIndex.open(at: URL(path: index), compute: common.compute)
        let removed = try await opened.remove(all)
        try await opened.close()
        try common.console.result(["removed": removed]) { "\(removed) of \(all.count) removed" }
    }
}

struct IndexCompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Builds an index into one segment, without what was removed."
    )

    @Argument(help: "An index folder.")
    var index: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let opened = try SearchIndex.open(at: URL(path: index), compute: common.compute)
        try await opened.compact()
        let statistics = try opened.statistics()
        try await opened.close()
        try common.console.result(statistics) { statistics.description }
    }
}

struct IndexStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Says what is in an index."
    )

    @Argument(help: "An index folder.")
    var index: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let opened = try SearchIndex.open(at: URL(path: index), readOnly: true, compute: common.compute)
        let statistics = try opened.statistics()
        try common.console.result(statistics) { statistics.description }
    }
}

struct IndexBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies an index as it is now, also while another process changes it."
    )

    @Argument(help: "An index folder.")
    var index: String
    @Option(help: "The folder the copy is written to; it may not be there yet.")
    var output: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let opened = try SearchIndex.open(at: URL(path: index), readOnly: true, compute: common.compute)
        try await opened.write(to: URL(path: output))
        try common.console.result(["count": opened.count]) { "\(opened.count) documents, written to \(output)" }
    }
}

struct IndexVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads every byte of an index and says what is damaged.",
        discussion: "Ends with 0 only when everything is whole. Changes nothing."
    )

    @Argument(help: "An index folder.")
    var index: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let report = try SearchIndex.verify(at: URL(path: index))
        try common.console.result(report) { report.description }
        if !report.isWhole { throw ExitCode.failure }
    }
}

struct IndexRepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Makes a damaged index one that opens, and says what was lost.",
        discussion: "Nothing is destroyed: files that are not used any more move to a folder inside the index."
    )

    @Argument(help: "An index folder that nobody writes.")
    var index: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let report = try await SearchIndex.repair(at: URL(path: index))
        try common.console.result(report) { report.description }
    }
}

/// The documents of a file, their ids all different.
private func readDocuments(_ corpus: String) throws -> [SearchDocument] {
    var lines: [String: Int] = [:]
    var documents: [SearchDocument] = []
    try JSONLines.forEach(SearchDocument.self, in: URL(path: corpus)) { document, line in
        if let first = lines.updateValue(line, forKey: document.id) {
            throw CommandError(
                "\(corpus), line \(line): the _id \"\(document.id)\" is that of line \(first) already; ids must differ"
            )
        }
        documents.append(document)
    }
    return documents
}

/// The JSON of `index build`.
private struct IndexResult: Encodable {
    let count: Int
    let dimension: Int
    let kind: String
    let seconds: Double
}
