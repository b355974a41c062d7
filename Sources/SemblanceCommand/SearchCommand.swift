internal import ArgumentParser
internal import Foundation
internal import Semblance

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Searches an index.",
        discussion: "The index folder holds the model: nothing else is needed."
    )

    @Argument(help: "An index folder.")
    var index: String
    @Argument(help: "What to look for.")
    var queries: [String] = []
    @Option(name: .customLong("queries"), help: "A file with one query a line.")
    var queriesFile: String?
    @Option(help: "Hits for each query.")
    var count = 10
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if queries.isEmpty, queriesFile == nil { throw ValidationError("give a query, or --queries FILE") }
        if count < 1 { throw ValidationError("--count is \(count): it must be at least 1") }
    }

    func run() async throws {
        let index = try SearchIndex.open(at: URL(path: index), compute: common.compute)
        let texts = try queries + (queriesFile.map { try TextLines.read(from: URL(path: $0)) } ?? [])
        let hits = try await index.search(texts, count: count)
        let results = zip(texts, hits).map { SearchResult(query: $0, hits: $1) }
        try common.console.result(["results": results]) { results.map(\.text).joined(separator: "\n\n") }
    }
}

/// One query of the JSON of `search`.
struct SearchResult: Encodable {
    struct Hit: Encodable {
        let id: String
        let score: Float
        let title: String
        let text: String
    }

    let query: String
    let hits: [Hit]

    init(query: String, hits: [SearchHit]) {
        self.query = query
        self.hits = hits.map {
            Hit(id: $0.document.id, score: $0.score, title: $0.document.title, text: $0.document.text)
        }
    }

    /// For a person.
    var text: String {
        let lines = hits.map { hit in
            "  \(Double(hit.score).formatted(digits: 3))  \(hit.title.isEmpty ? hit.text : hit.title)  [\(hit.id)]"
        }
        return ([query] + lines).joined(separator: "\n")
    }
}
