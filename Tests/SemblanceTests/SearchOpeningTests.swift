import Foundation
import SemblanceTestSupport
import Testing

@testable import Semblance

@Suite struct SearchOpeningTests {
    private struct Unasked: Error {}

    @Test func `openOrCreate makes an index, then opens it and doesn't ask for the model`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let model = try await MemoryModels.small.value
            for start in 0..<3 {
                let index = try await SearchIndex.openOrCreate(
                    at: place,
                    with: start == 0 ? model : try { throw Unasked() }()
                )
                #expect(index.count == start)
                try await index.upsert([SearchDocument(id: "\(start)", text: "rocks")])
                try await index.close()
            }
            let other = SearchConfiguration()
            #expect(try await SearchIndex.openOrCreate(at: place, with: model, configuration: other).count == 3)
        }
    }

    @Test func `openOrCreate refuses an index of another configuration, and what can't be opened`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let model = try await MemoryModels.small.value
            try await SearchIndex.openOrCreate(at: place, with: model).close()
            await #expect {
                try await SearchIndex.openOrCreate(at: place, with: model, configuration: .init(kind: .hnsw))
            } throws: { ($0 as? SearchIndexError)?.code == .mismatch }
            // It let go of the folder; and a model that fails leaves nothing.
            try await SearchIndex.openOrCreate(at: place, with: model).close()
            let none = folder.appending(path: "none")
            await #expect(throws: Unasked.self) {
                try await SearchIndex.openOrCreate(at: none, with: try { throw Unasked() }())
            }
            #expect(!FileManager.default.fileExists(atPath: none.path))
        }
    }

    @Test func `a reader that refreshes sees what the writer did before, and not sooner`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let model = try await MemoryModels.small.value
            var maintenance = MaintenanceConfiguration()
            maintenance.sealingCount = 16
            let writer = try await SearchIndex.create(at: place, with: model, maintenance: maintenance)
            let reader = try SearchIndex.open(at: place, readOnly: true)
            var (random, contents) = (RandomStream(seed: 5), SimulatedSearch.Contents())
            for version in 0..<20 {
                let before = contents
                let documents = (version..<version + 9).map { SimulatedSearch.document($0, version: version, &random) }
                try await writer.upsert(documents)
                try await writer.remove(["d\(version)", "d\(version / 2)"])
                for document in documents { contents[document.id] = document }
                for id in ["d\(version)", "d\(version / 2)"] { contents[id] = nil }
                if version == 9 { try await writer.compact() }
                #expect(try await SimulatedSearch.difference(reader, before) == nil)
                try await reader.refresh()
                #expect(try await SimulatedSearch.difference(reader, contents) == nil)
                #expect(try await SimulatedSearch.difference(reader, before) != nil)
            }
            try await writer.refresh()
            try await writer.move(to: model)
            try await reader.refresh()
            #expect(try await SimulatedSearch.difference(reader, contents) == nil)
            try await writer.upsert([SearchDocument(id: "last", text: "ships")])
            try await reader.refresh()
            #expect(try reader.document("last")?.text == "ships")
            await #expect(throws: RetrievalError.self) { try await reader.remove(["last"]) }
            // What it can't read leaves it as it is.
            try await writer.close()
            try FileManager.default.moveItem(at: place, to: folder.appending(path: "elsewhere"))
            await #expect(throws: (any Error).self) { try await reader.refresh() }
            #expect(try reader.document("last")?.text == "ships")
        }
    }
}
