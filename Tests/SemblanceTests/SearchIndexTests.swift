import Foundation
import Semblance
import SemblanceTestSupport
import Testing

@Suite struct SearchIndexTests {
    private static let documents = [
        SearchDocument(id: "geo", title: "geologist", text: "studies rocks"),
        SearchDocument(id: "astro", title: "astronomer", text: "studies stars"),
        SearchDocument(id: "plumb", title: "plumber", text: "mends pipes"),
        SearchDocument(id: "empty", text: ""),
    ]

    private static func embedder(seed: UInt64) async throws -> Embedder {
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 4, seed: seed)
        configuration.compute.threads = 1
        return try await Embedder.fit(
            documents.map { TrainingPair(anchor: $0.text, positive: $0.title + " " + $0.text) },
            configuration: configuration
        )
    }

    @Test func `what is built is found, and found again when opened`() async throws {
        try await withTemporaryFolder { folder in
            let index = try await SearchIndex.build(
                Self.documents,
                with: Self.embedder(seed: 1),
                at: folder.appending(path: "index")
            )
            let opened = try SearchIndex.open(at: folder.appending(path: "index"))
            #expect(opened.count == 4)
            for (query, id) in [("studies rocks", "geo"), ("mends pipes", "plumb"), ("astronomer stars", "astro")] {
                let hits = try await index.search(query, count: 2)
                #expect(hits.first?.document.id == id && hits.count == 2)
                #expect(try await opened.search(query, count: 2) == hits)
            }
            #expect(try await opened.search("rocks", count: 100).count == 4)
            #expect(try await opened.search([], count: 3).isEmpty)
        }
    }

    @Test(arguments: ["model", "vectors", "documents.jsonl"])
    func `a part of another index is refused`(part: String) async throws {
        try await withTemporaryFolder { folder in
            let (mine, other) = (folder.appending(path: "mine"), folder.appending(path: "other"))
            _ = try await SearchIndex.build(Self.documents, with: Self.embedder(seed: 1), at: mine)
            let others = Self.documents.dropLast() + [SearchDocument(id: "empty", text: "pipes")]
            _ = try await SearchIndex.build(Array(others), with: Self.embedder(seed: 2), at: other)
            _ = try SearchIndex.open(at: mine)
            try FileManager.default.removeItem(at: mine.appending(path: part))
            try FileManager.default.copyItem(at: other.appending(path: part), to: mine.appending(path: part))
            #expect { try SearchIndex.open(at: mine) } throws: { ($0 as? SearchIndexError)?.code == .mismatch }
        }
    }

    @Test func `repeated ids, folders that exist and folders that are no index are errors`() async throws {
        try await withTemporaryFolder { folder in
            let embedder = try await Self.embedder(seed: 1)
            let twice = [Self.documents[0], Self.documents[0]]
            await #expect(throws: SearchIndexError.self) {
                try await SearchIndex.build(twice, with: embedder, at: folder.appending(path: "a"))
            }
            let place = folder.appending(path: "b")
            _ = try await SearchIndex.build(Self.documents, with: embedder, at: place)
            await #expect(throws: (any Error).self) {
                try await SearchIndex.build(Self.documents, with: embedder, at: place)
            }
            _ = try await SearchIndex.build(Self.documents, with: embedder, at: place, overwriting: true)
            #expect { try SearchIndex.open(at: folder) } throws: { ($0 as? SearchIndexError)?.code == .notAnIndex }
        }
    }
}
