internal import ArgumentParser
internal import Foundation
internal import Semblance

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Searches an index.",
        discussion: """
            The index folder holds the model: nothing else is needed. A filter compares fields of the documents' \
            metadata: 'language = "en" and year >= 2020 and not tags contains "draft"'.
            """
    )

    @Argument(help: "An index folder.")
    var index: String
    @Argument(help: "What to look for.")
    var queries: [String] = []
    @Option(name: .customLong("queries"), help: "A file with one query a line.")
    var queriesFile: String?
    @Option(help: "Hits for each query.")
    var count = 10
    @Option(help: "Which documents may be found, by their metadata.")
    var filter: String?
    @Option(help: "dense (by meaning, the default), lexical, hybrid, or hybrid:weighted-sum,weights=0.7/0.3.")
    var mode: SearchMode?
    @Flag(help: "By meaning and by words, fused by rank: --mode hybrid.")
    var hybrid = false
    @Flag(help: "By words alone: --mode lexical.")
    var lexical = false
    @Flag(help: "Say how the vectors are gone through.")
    var explain = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if queries.isEmpty, queriesFile == nil { throw ValidationError("give a query, or --queries FILE") }
        if count < 1 { throw ValidationError("--count is \(count): it must be at least 1") }
        if [hybrid, lexical, mode != nil].count(where: \.self) > 1 {
            throw ValidationError("--mode, --hybrid and --lexical are alternatives: give one of them")
        }
    }

    func run() async throws {
        let filter = try filter.map { try Filter(parsing: $0) }
        let options = SearchOptions(mode: mode ?? (hybrid ? .hybrid : lexical ? .lexical : .dense))
        let index = try SearchIndex.open(at: URL(path: index), readOnly: true, compute: common.compute)
        let texts = try queries + (queriesFile.map { try TextLines.read(from: URL(path: $0)) } ?? [])
        let hits = try await index.search(texts, count: count, where: filter, options: options)
        let result = SearchResults(
            results: zip(texts, hits).map { SearchResult(query: $0, hits: $1) },
            explanation: explain ? try index.explain(count: count, where: filter, options: options) : nil
        )
        try common.console.result(result) {
            (result.results.map(\.text) + (result.explanation.map { [$0.description] } ?? [])).joined(separator: "\n\n")
        }
    }
}

/// The JSON of `search`.
private struct SearchResults: Encodable {
    let results: [SearchResult]
    let explanation: SearchExplanation?
}

/// One query of the JSON of `search`.
struct SearchResult: Encodable {
    struct Hit: Encodable {
        let id: String
        let score: Float
        let title: String
        let text: String
        let metadata: Metadata
    }

    let query: String
    let hits: [Hit]

    init(query: String, hits: [SearchHit]) {
        self.query = query
        self.hits = hits.map {
            Hit(
                id: $0.document.id,
                score: $0.score,
                title: $0.document.title,
                text: $0.document.text,
                metadata: $0.document.metadata
            )
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
