import ArgumentParser
import Foundation
import Hummingbird
import Semblance

/// `SearchService INDEX [--model MODEL]`: serves an index over HTTP until it gets SIGTERM or SIGINT.
@main
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "SearchService",
        abstract: "Serves an index over HTTP."
    )

    @Argument(help: "The folder of the index.")
    var index: String
    @Option(help: "A model folder, to make the index with if there is none.")
    var model: String?
    @Option(help: "Where to listen.")
    var host = "127.0.0.1"
    @Option(help: "Where to listen.")
    var port = 8080

    func run() async throws {
        let index = try await openIndex()
        let application = Application(
            router: router(of: index),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            services: [IndexService(index: index)]
        )
        try await application.runService()
    }

    private func openIndex() async throws -> SearchIndex {
        let folder = URL(filePath: index)
        guard let model else { return try SearchIndex.open(at: folder) }
        return try await SearchIndex.openOrCreate(at: folder, with: Embedder(contentsOf: URL(filePath: model)))
    }
}
