import Foundation
import Semblance
import SemblanceTestSupport
import Testing

@Suite struct SearchIndexTests {
    private static let documents = [
        SearchDocument(
            id: "geo",
            title: "geologist",
            text: "studies rocks",
            metadata: ["field": "earth", "year": 2020]
        ),
        SearchDocument(
            id: "astro",
            title: "astronomer",
            text: "studies stars",
            metadata: ["field": "sky", "year": 2021]
        ),
        SearchDocument(id: "plumb", title: "plumber", text: "mends pipes", metadata: ["tags": ["house", "water"]]),
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

    private static func ids(_ hits: [SearchHit]) -> [String] { hits.map(\.document.id) }

    @Test func `what is built is found, and found again when opened`() async throws {
        try await withTemporaryFolder { folder in
            let index = try await SearchIndex.build(
                Self.documents,
                with: Self.embedder(seed: 1),
                at: folder.appending(path: "index")
            )
            let opened = try SearchIndex.open(at: folder.appending(path: "index"), readOnly: true)
            #expect(opened.count == 4)
            for (query, id) in [("studies rocks", "geo"), ("mends pipes", "plumb"), ("astronomer stars", "astro")] {
                let hits = try await index.search(query, count: 2)
                #expect(hits.first?.document.id == id && hits.count == 2)
                #expect(hits.first?.document == Self.documents.first { $0.id == id })
                #expect(try await opened.search(query, count: 2) == hits)
            }
            #expect(try await opened.search("rocks", count: 100).count == 4)
            #expect(try await opened.search([], count: 3).isEmpty)
            await #expect(throws: RetrievalError.self) { try await opened.remove(["geo"]) }
        }
    }

    @Test func `documents come, change and go, and that is there after a restart`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.create(at: place, with: Self.embedder(seed: 1))
            #expect(try await index.search("rocks").isEmpty)
            var report = try await index.upsert(Self.documents)
            #expect(report.added == 4 && report.embedded == 4)
            report = try await index.upsert(Self.documents)
            #expect(report.unchanged == 4 && report.embedded == 0 && report.added == 0)
            // Another text is embedded again; other fields are not.
            let stars = SearchDocument(id: "geo", text: "watches stars and planets")
            let dated = SearchDocument(
                id: "astro",
                title: "astronomer",
                text: "studies stars",
                metadata: ["year": 1999]
            )
            report = try await index.upsert([stars, dated])
            #expect(report.replaced == 2 && report.embedded == 1 && report.added == 0)
            #expect(try await index.remove(["plumb", "nobody"]) == 1)
            #expect(index.count == 3 && !index.contains("plumb"))

            func check(_ index: SearchIndex) async throws {
                #expect(try index.document("geo") == stars && index.document("plumb") == nil)
                #expect(try await Self.ids(index.search("studies stars", count: 9)).count == 3)
                #expect(try await index.search("studies stars", count: 1)[0].document == dated)
                let words = SearchOptions(mode: .lexical)
                #expect(try await Self.ids(index.search("planets pipes rocks", options: words)) == ["geo"])
                #expect(try await Self.ids(index.search("stars", where: .equals("year", 1999))) == ["astro"])
                #expect(try await index.search("stars", where: .equals("field", "sky")).isEmpty)
            }
            try await check(index)
            try await index.close()
            try await index.close()
            await #expect(throws: RetrievalError.self) { try await index.remove(["geo"]) }
            let opened = try SearchIndex.open(at: place)
            try await check(opened)
            try await opened.compact()
            try await check(opened)
            #expect(throws: FileError.self) { try SearchIndex.open(at: place) }
            let embedder = index.embedder
            await #expect(throws: SearchIndexError.self) { try await SearchIndex.create(at: place, with: embedder) }
            let reader = try SearchIndex.open(at: place, readOnly: true)
            try await check(reader)
            try await reader.close()
        }
    }

    @Test func `filters, words, both, a least score and diversity`() async throws {
        try await withTemporaryFolder { folder in
            let index = try await SearchIndex.build(
                Self.documents,
                with: Self.embedder(seed: 1),
                at: folder.appending(path: "i")
            )
            #expect(try await Self.ids(index.search("rocks", where: .contains("tags", "water"))) == ["plumb"])
            #expect(
                try await Set(Self.ids(index.search("rocks", where: .less("year", 2021) || .equals("field", "sky"))))
                    == ["geo", "astro"]
            )
            #expect(try await Set(Self.ids(index.search("x", where: !.exists("year")))) == ["plumb", "empty"])
            let hybrid = try await index.search("studies rocks", count: 3, options: SearchOptions(mode: .hybrid))
            #expect(hybrid.count == 3 && hybrid[0].document.id == "geo")
            #expect(hybrid[0].score == Float(2.0 / 61))
            var options = SearchOptions(mode: .lexical)
            #expect(try await Self.ids(index.search("studies", options: options)) == ["geo", "astro"])
            #expect(
                try await Self.ids(index.search("studies", where: .equals("field", "sky"), options: options)) == [
                    "astro"
                ]
            )
            options.minimumScore = 100
            #expect(try await index.search("studies", options: options).isEmpty)
            options = SearchOptions()
            options.diversity = MaximalMarginalRelevance(lambda: 0)
            let diverse = try await index.search("studies rocks", count: 4, options: options)
            #expect(diverse[0].document.id == "geo" && Set(Self.ids(diverse)).count == 4)
            options.diversity = MaximalMarginalRelevance(lambda: 2)
            await #expect(throws: RetrievalError.self) { try await index.search("x", options: options) }
            let explanation = try index.explain(where: .equals("field", "sky"))
            #expect(explanation.documents == 4 && explanation.allowed == 1 && explanation.estimate == 1)
            #expect(explanation.plan.steps.map(\.allowed) == [1])
            #expect(index.highlights(of: "study rock", in: "She studies rocks.").ranges.count == 2)
        }
    }

    @Test func `long texts are cut into passages and found by the one that matches`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SearchConfiguration()
            configuration.passages = PassageConfiguration(length: 8, overlap: 2)
            let index = try await SearchIndex.create(
                at: folder.appending(path: "index"),
                with: Self.embedder(seed: 1),
                configuration: configuration
            )
            let filler = Array(repeating: "nothing to see here at all.", count: 10).joined(separator: " ")
            let long = SearchDocument(id: "long", text: filler + " She mends pipes. " + filler)
            try await index.upsert([long, SearchDocument(id: "short", text: "studies rocks")] + Self.documents)
            #expect(index.count == 6)
            let hit = try #require(try await index.search("mends pipes", count: 6).first { $0.document.id == "long" })
            let bytes = Array(hit.document.text.utf8)[hit.passage]
            let passage = String(decoding: bytes, as: UTF8.self)
            #expect(passage.contains("mends") || passage.contains("pipes"))
            #expect(try await Set(Self.ids(index.search("mends pipes", count: 6))).count == 6)
            // A document goes with all of its passages.
            #expect(try await index.remove(["long"]) == 1)
            #expect(try await index.search("mends pipes", count: 99).count == 5)
            #expect(try await Self.ids(index.search("mends pipes", count: 1)) == ["plumb"])
        }
    }

    @Test func `an index moves to another model while it is used`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.build(Self.documents, with: Self.embedder(seed: 1), at: place)
            let other = try await Self.embedder(seed: 2)
            let before = try await index.search("studies rocks", count: 4)
            async let moved: Void = index.move(to: other)
            for round in 0..<20 {
                try await index.upsert([SearchDocument(id: "extra\(round)", text: "round \(round)")])
                #expect(try await index.search("studies rocks", count: 1)[0].document.id == "geo")
            }
            try await moved
            try await index.remove(["extra3"])
            #expect(index.count == 23 && index.contains("extra19") && !index.contains("extra3"))
            #expect(try await index.search("studies rocks", count: 4) != before)
            let direct = try await other.embed("studies rocks")
            let same = try await index.embedder.embed("studies rocks")
            #expect(direct == same)
            try await index.close()
            let opened = try SearchIndex.open(at: place)
            #expect(opened.count == 23)
            #expect(try await opened.embedder.embed("studies rocks") == direct)
            let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
            #expect(Set(names) == ["manifest.json", "model-2", "vectors-2", "words-2"])
        }
    }

    @Test func `a damaged index is found out, and repaired to what is whole`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.build(Self.documents, with: Self.embedder(seed: 1), at: place)
            try await index.upsert([
                SearchDocument(id: "geo", text: "collects stamps"), SearchDocument(id: "new", text: "x"),
            ])
            try await index.remove(["astro"])
            try await index.close()
            #expect(try SearchIndex.verify(at: place).isWhole)
            #expect(try await SearchIndex.repair(at: place).keptIn == nil)
            // Without its journal the index has the documents that were built into the segment, old versions too.
            let vectors = place.appending(path: "vectors-1")
            let names = try FileManager.default.contentsOfDirectory(atPath: vectors.path)
            for name in names where name.hasPrefix("journal-") {
                let file = vectors.appending(path: name)
                try Data(Data(contentsOf: file).prefix(100)).write(to: file)
            }
            #expect(try !SearchIndex.verify(at: place).isWhole)
            #expect(throws: (any Error).self) { try SearchIndex.open(at: place) }
            let report = try await SearchIndex.repair(at: place)
            #expect(report.keptIn != nil)
            #expect(try SearchIndex.verify(at: place).isWhole)
            let repaired = try SearchIndex.open(at: place)
            #expect(repaired.contains("plumb") && repaired.contains("empty") && !repaired.contains("new"))
            #expect(try await repaired.search("mends pipes", count: 9)[0].document.id == "plumb")
            #expect(try await repaired.search("x", count: 9).count == repaired.count)
        }
    }

    @Test func `many tasks search and change at once`() async throws {
        try await withTemporaryFolder { folder in
            let index = try await SearchIndex.create(
                at: folder.appending(path: "index"),
                with: Self.embedder(seed: 1),
                durability: .manual
            )
            try await index.upsert(Self.documents)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<4 {
                    group.addTask {
                        for round in 0..<20 {
                            let id = "\(task)-\(round)"
                            let text = "word\(task)x\(round) studies"
                            try await index.upsert([
                                SearchDocument(id: id, text: text, metadata: ["task": .number(Double(task))])
                            ])
                            let words = SearchOptions(mode: .lexical)
                            let found = try await index.search("word\(task)x\(round)", options: words)
                            #expect(Self.ids(found) == [id])
                            #expect(try await index.search(text, count: 3).count == 3)
                            if round % 2 == 0 {
                                try await index.remove([id])
                                #expect(try await index.search(text, count: 90).allSatisfy { $0.document.id != id })
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(index.count == 44)
            #expect(try await index.search("studies", count: 90, where: .equals("task", 2)).count == 10)
        }
    }

    @Test(arguments: ["model-1", "vectors-1"])
    func `a part of another index is refused`(part: String) async throws {
        try await withTemporaryFolder { folder in
            let (mine, other) = (folder.appending(path: "mine"), folder.appending(path: "other"))
            try await SearchIndex.build(Self.documents, with: Self.embedder(seed: 1), at: mine).close()
            try await SearchIndex.build(Self.documents, with: Self.embedder(seed: 2), at: other).close()
            try await SearchIndex.open(at: mine).close()
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
            try await SearchIndex.build(Self.documents, with: embedder, at: place).close()
            await #expect(throws: (any Error).self) {
                try await SearchIndex.build(Self.documents, with: embedder, at: place)
            }
            _ = try await SearchIndex.build(Self.documents, with: embedder, at: place, overwriting: true)
            #expect { try SearchIndex.open(at: folder) } throws: { ($0 as? SearchIndexError)?.code == .notAnIndex }
        }
    }
}
