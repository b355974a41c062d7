import Foundation
import SemblanceTestSupport
import Testing

@testable import Semblance

@Suite struct SearchBackupTests {
    private static let files = FileManager.default

    private static func names(in folder: URL) throws -> [String] {
        try files.contentsOfDirectory(atPath: folder.path).sorted()
    }

    /// Documents under `ids`, all of one version.
    private static func documents(_ ids: Range<Int>, version: Int) -> [SearchDocument] {
        ids.map { SearchDocument(id: "\($0)", text: "rocks \($0)", metadata: ["version": .number(Double(version))]) }
    }

    private static func version(of id: String, in index: SearchIndex) throws -> Double {
        let document = try #require(try index.document(id))
        guard case .number(let version) = document.metadata["version"] else { throw CancellationError() }
        return version
    }

    @Test func `a copy is the index as it was, opens like it, and goes its own way`() async throws {
        try await withTemporaryFolder { folder in
            var maintenance = MaintenanceConfiguration()
            maintenance.sealingCount = 16
            var configuration = SearchConfiguration(kind: .hnsw)
            configuration.passages = PassageConfiguration(length: 8, overlap: 2)
            let index = try await SearchIndex.create(
                at: folder.appending(path: "index"),
                with: MemoryModels.small.value,
                configuration: configuration,
                maintenance: maintenance
            )
            var (random, contents) = (RandomStream(seed: 11), SimulatedSearch.Contents())
            for version in 0..<12 {
                let documents = (version..<version + 9).map { SimulatedSearch.document($0, version: version, &random) }
                try await index.upsert(documents)
                for document in documents { contents[document.id] = document }
                try await index.remove(["d\(version)"])
                contents["d\(version)"] = nil
            }
            let reader = try SearchIndex.open(at: folder.appending(path: "index"), readOnly: true)
            try await index.write(to: folder.appending(path: "copy"))
            try await index.upsert([SearchDocument(id: "later", text: "ships")])
            try await reader.write(to: folder.appending(path: "copy of a reader"))
            try await index.close()

            for name in ["copy", "copy of a reader"] {
                let place = folder.appending(path: name)
                #expect(try SearchIndex.verify(at: place).isWhole)
                let copy = try SearchIndex.open(at: place)
                #expect(copy.configuration == configuration)
                #expect(copy.current.fingerprint == index.current.fingerprint)
                #expect(try await SimulatedSearch.difference(copy, contents) == nil)
                try await copy.upsert([SearchDocument(id: "own", text: "trees")])
                #expect(try await SimulatedSearch.difference(copy, contents) != nil)
                #expect(!index.contains("own") && !copy.contains("later"))
                try await copy.close()
            }
            #expect(try Self.names(in: folder) == ["copy", "copy of a reader", "index"])
        }
    }

    @Test func `a copy made among changes has every one that returned before, each as a whole`() async throws {
        try await withTemporaryFolder { folder in
            let index = try await SearchIndex.create(
                at: folder.appending(path: "index"),
                with: MemoryModels.small.value
            )
            try await index.upsert(Self.documents(0..<40, version: 0))
            let changing = Task {
                var version = 1
                while !Task.isCancelled {
                    // The first half changes in one call, the second in another.
                    try await index.upsert(Self.documents(0..<20, version: version))
                    try await index.upsert(Self.documents(20..<40, version: version))
                    version += 1
                }
            }
            for round in 0..<8 {
                let before = try Self.version(of: "39", in: index)
                let place = folder.appending(path: "copy \(round)")
                try await index.write(to: place)
                let copy = try SearchIndex.open(at: place, readOnly: true)
                let versions = try (0..<40).map { try Self.version(of: "\($0)", in: copy) }
                let (first, second) = (Set(versions[..<20]), Set(versions[20...]))
                #expect(first.count == 1 && second.count == 1)
                #expect([0, 1].contains(versions[0] - versions[39]))
                #expect(versions[39] >= before)
            }
            changing.cancel()
            _ = await changing.result
            try await index.close()
        }
    }

    @Test func `what is there already stays, and a copy that fails leaves nothing`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.create(at: place, with: MemoryModels.small.value)
            try await index.upsert(Self.documents(0..<4, version: 0))
            await #expect {
                try await index.write(to: place)
            } throws: { ($0 as? SearchIndexError)?.code == .exists }
            #expect(index.count == 4)
            try await index.compact()

            // A file that went bad is not copied.
            let vectors = place.appending(path: "vectors-1")
            let payloads = try #require(try Self.names(in: vectors).first { $0.hasSuffix(".payloads") })
            let file = try FileHandle(forUpdating: vectors.appending(path: payloads))
            try file.seek(toOffset: 70)
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try file.seek(toOffset: 70)
            try file.write(contentsOf: [byte ^ 0xFF])
            try file.close()
            await #expect { try await index.write(to: folder.appending(path: "copy")) } throws: {
                ($0 as? RetrievalError)?.code == .damagedFile
            }
            #expect(try Self.names(in: folder) == ["index"])
            try await index.close()
        }
    }
}
