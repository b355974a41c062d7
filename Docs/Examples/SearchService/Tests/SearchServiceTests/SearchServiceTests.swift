import Foundation
import Hummingbird
import HummingbirdTesting
import Semblance
import Testing

@testable import SearchService

@Suite struct SearchServiceTests {
    static let documents = """
        [{"_id": "geo", "title": "geologist", "text": "studies rocks", "metadata": {"field": "earth", "year": 2020}},
         {"_id": "astro", "title": "astronomer", "text": "studies stars", "metadata": {"field": "sky", "year": 2021}},
         {"_id": "a/b c", "title": "plumber", "text": "mends pipes", "metadata": {"tags": ["house", "water"]}}]
        """

    @Test func `documents that were put are found, by meaning, by words and by both`() async throws {
        try await withService { client in
            let (first, again) = (try await client.put(Self.documents), try await client.put(Self.documents))
            #expect(first["added"] == 3 && again["unchanged"] == 3)
            for mode in ["dense", "lexical", "hybrid"] {
                let found = try await client.get("/search?query=studies+rocks&count=1&mode=\(mode)")
                #expect(found.ids == ["geo"], "\(mode)")
                // A plus sign in a URL is a blank.
                let same = try await client.get("/search?query=studies%20rocks&count=1&mode=\(mode)")
                #expect(found["hits"] as [[String: AnyHashable]]? == same["hits"])
            }
            let sky = try await client.post(
                "/search",
                #"{"query": "studies", "filter": "field = 'sky' and year > 2020"}"#
            )
            let water = try await client.get("/search?query=x&filter=tags%20contains%20%22water%22")
            #expect(sky.ids == ["astro"] && water.ids == ["a/b c"])
            let (statistics, health) = (try await client.get("/stats"), try await client.get("/health"))
            #expect(statistics["count"] == 3 && health.status == .ok)
        }
    }

    @Test func `a document can be fetched, changed and deleted`() async throws {
        try await withService { client in
            _ = try await client.put(Self.documents)
            let report = try await client.put(#"[{"_id": "geo", "text": "watches volcanoes"}]"#)
            let changed = try await client.get("/documents/geo")
            #expect(report["replaced"] == 1 && changed["text"] == "watches volcanoes")
            let deleted = try await client.delete("/documents/a%2Fb%20c")
            #expect(deleted.status == .noContent)
            for lost in [try await client.delete("/documents/a%2Fb%20c"), try await client.get("/documents/none")] {
                #expect(lost.status == .notFound && lost.message?.contains("no document") == true)
            }
            let found = try await client.get("/search?query=pipes&mode=lexical")
            #expect(found.status == .ok && found.ids.isEmpty)
        }
    }

    @Test func `what is wrong with a request is said with status 400`() async throws {
        try await withService { client in
            let answers = [
                (try await client.get("/search"), "query"),
                (try await client.get("/search?query=x&filter=year%20%3E%3E%203"), "column"),
                (try await client.get("/search?query=x&mode=psychic"), "dense, lexical or hybrid"),
                (try await client.get("/search?query=x&count=0"), "count is 0"),
                (try await client.get("/search?query=x&count=many"), "Int"),
                (try await client.post("/search", #"{"count": 3}"#), "\"query\" is missing"),
                (try await client.put(#"[{"_id": "1", "text": "a"}, {"_id": "1", "text": "b"}]"#), "has the id \"1\""),
                (try await client.put(#"[{"_id": "1"}]"#), "[0]: \"text\" is missing"),
                (try await client.put("no JSON"), "JSON"),
            ]
            for (answer, part) in answers {
                #expect(answer.status == .badRequest && answer.message?.contains(part) == true, "\(answer.body)")
            }
            let (statistics, lost) = (try await client.get("/stats"), try await client.get("/nowhere"))
            #expect(statistics["count"] == 0)
            #expect(lost.status == .notFound && lost.message == "Not Found")
        }
    }

    @Test func `a service that starts again has what was acknowledged`() async throws {
        try await withFolder { folder in
            let place = folder.appending(path: "index")
            try await serve(SearchIndex.create(at: place, with: embedder()), .live) { client in
                let (put, deleted) = (try await client.put(Self.documents), try await client.delete("/documents/astro"))
                #expect(put.status == .ok && deleted.status == .noContent)
            }
            // The first one is closed by now: else the folder is locked.
            try await serve(SearchIndex.open(at: place), .live) { client in
                let found = try await client.get("/search?query=studies+rocks&count=1")
                let (lost, statistics) = (try await client.get("/documents/astro"), try await client.get("/stats"))
                #expect(found.ids == ["geo"] && lost.status == .notFound && statistics["count"] == 2)
            }
        }
    }

    @Test func `requests at the same time are all answered`() async throws {
        try await withService(.live) { client in
            _ = try await client.put(Self.documents)
            try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<64 {
                    group.addTask {
                        if number % 8 == 0 {
                            _ = try await client.put(#"[{"_id": "new\#(number)", "text": "counts to \#(number)"}]"#)
                        }
                        return try await client.get("/search?query=studies+rocks&count=1&mode=lexical").ids
                    }
                }
                for try await ids in group { #expect(ids == ["geo"]) }
            }
            let statistics = try await client.get("/stats")
            #expect(statistics["count"] == 11)
        }
    }
}

// MARK: What the tests stand on

/// A small model, trained on the spot.
private func embedder() async throws -> Embedder {
    let pairs = [("studies rocks", "geologist"), ("studies stars", "astronomer"), ("mends pipes", "plumber")]
    return try await Embedder.fit(pairs.map { TrainingPair(anchor: $0, positive: $1) })
}

private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
}

private func serve(
    _ index: SearchIndex,
    _ setup: TestingSetup,
    _ body: @Sendable (Client) async throws -> Void
) async throws {
    let application = Application(
        router: router(of: index),
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        services: [IndexService(index: index)]
    )
    try await application.test(setup) { try await body(Client(client: $0)) }
}

private func withService(
    _ setup: TestingSetup = .router,
    _ body: @Sendable (Client) async throws -> Void
) async throws {
    try await withFolder { folder in
        try await serve(SearchIndex.create(at: folder.appending(path: "index"), with: embedder()), setup, body)
    }
}

private struct Client: Sendable {
    let client: any TestClientProtocol

    func get(_ uri: String) async throws -> TestResponse { try await client.execute(uri: uri, method: .get) }

    func delete(_ uri: String) async throws -> TestResponse { try await client.execute(uri: uri, method: .delete) }

    func post(_ uri: String, _ body: String) async throws -> TestResponse {
        try await client.execute(uri: uri, method: .post, body: ByteBuffer(string: body))
    }

    func put(_ documents: String) async throws -> TestResponse {
        try await client.execute(uri: "/documents", method: .put, body: ByteBuffer(string: documents))
    }
}

extension TestResponse {
    private var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(buffer: body))) as? [String: Any] ?? [:]
    }

    /// A field of the answer.
    subscript<Value>(field: String) -> Value? { json[field] as? Value }

    var message: String? { (json["error"] as? [String: Any])?["message"] as? String }

    /// The ids of the documents that were found.
    var ids: [String] {
        let hits = json["hits"] as? [[String: Any]] ?? []
        return hits.compactMap { ($0["document"] as? [String: Any])?["_id"] as? String }
    }
}
