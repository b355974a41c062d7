import Foundation
import SemblanceNumerics
import Testing

@testable import SemblanceRetrieval

@Suite struct VectorIndexFilesTests {
    @Test(
        arguments: [
            "exact", "hnsw", "ivf:lists=8,probes=8", "ivf", "automatic", "SQ8", "HNSW8,SQ8", "IVF8,PQ8x4",
            "OPQ4,IVF4,PQ4x4",
        ]
    )
    func `what is written opens with the same hits`(kind: String) async throws {
        let folder = try TemporaryFolder()
        let vectors = clustered(600, 16, seed: 3)
        let ids = (0..<600).map { Int64($0 * 3 + 5) - (1 << 40) }
        let index = try VectorIndex(dimension: 16, kind: IndexKind(parsing: kind))
        try await index.add(vectors, ids: ids)
        try await index.compact()
        try await index.write(to: folder("index"))
        let opened = try VectorIndex.open(at: folder("index"))
        #expect(opened.count == 600 && opened.kind == index.kind && opened.metric == .cosine)
        let queries = clustered(20, 16, seed: 4)
        let expected = try await index.nearest(to: queries, count: 7)
        #expect(try await opened.nearest(to: queries, count: 7) == expected)
        #expect(expected.allSatisfy { $0.count == 7 })
        // It can grow like the one it was written from, and is another one then.
        try await opened.add(queries, ids: (0..<20).map { Int64($0) })
        try await index.add(queries, ids: (0..<20).map { Int64($0) })
        let grown = try await opened.nearest(to: queries, count: 7)
        #expect(grown != expected)
        #expect(try await index.nearest(to: queries, count: 7) == grown)
        // It is on the disk; while one writes no other can, nor be written over it.
        #expect(try VectorIndex.open(at: folder("index"), readOnly: true).count == 620)
        #expect(throws: FileError.self) { try VectorIndex.open(at: folder("index")) }
        await #expect(throws: (any Error).self) { try await index.write(to: folder("index")) }
        try await opened.close()
        await #expect(throws: RetrievalError.self) { try await opened.remove([1]) }
        // Written over the old one, it opens as the new one.
        try await index.write(to: folder("index"))
        #expect(try VectorIndex.open(at: folder("index")).count == 620)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["index"])
    }

    @Test func `an empty index and one of one vector can be written and opened`() async throws {
        let folder = try TemporaryFolder()
        for kind in [IndexKind.exact, .hnsw, .ivf, .automatic] {
            let index = try VectorIndex(dimension: 3, metric: .l2, kind: kind)
            try await index.write(to: folder("empty"))
            let opened = try VectorIndex.open(at: folder("empty"))
            #expect(opened.count == 0)
            try await opened.add(Matrix(rows: 1, columns: 3, elements: [1, 2, 3]), ids: [.min])
            try await opened.write(to: folder("one"))
            try await opened.close()
            let one = try VectorIndex.open(at: folder("one"))
            #expect(try one.nearest(to: [1, 2, 5], count: 9) == [Hit(id: .min, score: -4)])
        }
    }

    /// Bit flips, cuts, additions and swaps: an error each time, or the hits that were written.
    @Test(arguments: ["exact", "hnsw:links=4", "ivf:lists=4", "SQ8"])
    func `damage is an error or makes no difference`(kind: String) async throws {
        let folder = try TemporaryFolder()
        let ids = (0..<50).map { Int64($0) }
        let index = try VectorIndex(of: clustered(50, 6, seed: 1), ids: ids, kind: IndexKind(parsing: kind))
        try await index.remove([3, 17])
        try await index.write(to: folder("index"))
        let query = [Float](repeating: 1, count: 6)
        let expected = try index.nearest(to: query, count: 5)
        var stream = RandomStream(seed: 2)
        let all = try FileManager.default.contentsOfDirectory(atPath: folder("index").path)
        let names = all.filter { $0 != "lock" && $0 != IndexManifest.copyName }.sorted()
        #expect(names.count == (kind == "SQ8" ? 6 : 5))
        var refused = 0
        for round in 0..<300 {
            let name = names[round % names.count]
            let url = folder("index").appendingPathComponent(name)
            let good = try Data(contentsOf: url)
            var bad = good
            let place = Int(stream.next() % UInt64(good.count))
            switch stream.next() % 4 {
            case 0: bad[place] ^= 1 << UInt8(stream.next() % 8)
            case 1: bad = good.prefix(place)
            case 2: bad += good.prefix(place + 1)
            default:
                bad = try Data(contentsOf: folder("index").appendingPathComponent(names[(round + 1) % names.count]))
            }
            try bad.write(to: url)
            do {
                let opened = try VectorIndex.open(at: folder("index"), readOnly: true)
                #expect(try opened.nearest(to: query, count: 5) == expected)
            } catch let error as RetrievalError {
                #expect(error.code == .damagedFile, "\(error)")
                refused += 1
            }
            try good.write(to: url)
        }
        // The journal may end in what was never acknowledged.
        #expect(refused >= 275)
        #expect(try VectorIndex.open(at: folder("index"), readOnly: true).nearest(to: query, count: 5) == expected)
        for name in names {
            let url = folder("index").appendingPathComponent(name)
            let good = try Data(contentsOf: url)
            try FileManager.default.removeItem(at: url)
            #expect(throws: (any Error).self, "\(name)") { try VectorIndex.open(at: folder("index"), readOnly: true) }
            try good.write(to: url)
        }
    }

    @Test func `only an index is written over, and only an index or a file of FAISS is opened`() async throws {
        let folder = try TemporaryFolder()
        let index = try VectorIndex(dimension: 3)
        let files = FileManager.default
        try files.createDirectory(at: folder("letters"), withIntermediateDirectories: true)
        try Data("dear".utf8).write(to: folder("letters").appendingPathComponent("one"))
        try Data("notes".utf8).write(to: folder("notes"))
        for (name, code) in [("letters", RetrievalError.Code.fileSystem), ("notes", .fileSystem)] {
            #expect(try await RetrievalError.code { try await index.write(to: folder(name)) } == code)
        }
        #expect(try Data(contentsOf: folder("letters").appendingPathComponent("one")) == Data("dear".utf8))
        #expect(try await RetrievalError.code { _ = try VectorIndex.open(at: folder("letters")) } == .fileSystem)
        #expect(try await RetrievalError.code { _ = try VectorIndex.open(at: folder("notes")) } == .damagedFile)
        #expect(try await RetrievalError.code { _ = try VectorIndex.open(at: folder("nothing")) } == .fileSystem)
        let inside = folder("notes").appendingPathComponent("x")
        #expect(try await RetrievalError.code { try await index.write(to: inside) } == .fileSystem)
        try await index.write(to: folder("new"))
        try await index.write(to: folder("new"))
    }

    @Test(arguments: ["exact", "hnsw", "int8"])
    func `vectors go to the files of others and come back`(kind: String) async throws {
        let folder = try TemporaryFolder()
        let vectors = clustered(300, 8, seed: 30)
        let ids = (0..<300).map { Int64($0 * 7 - 50) }
        let index = try VectorIndex(of: vectors, ids: ids, metric: .l2, kind: IndexKind(parsing: kind))
        try await index.remove([ids[3]])
        try await index.upsert(vectors.rows(4..<5), ids: [1_000_000])
        try await index.exportNPY(vectors: folder("v.npy"), ids: folder("i.npy"))
        try await index.exportJSONLines(to: folder("v.jsonl"))
        try await index.exportFAISS(to: folder("v.faiss"))
        let (npy, lines) = try (VectorIndex(dimension: 8, metric: .l2), VectorIndex(dimension: 8, metric: .l2))
        #expect(try await npy.upsertNPY(vectors: folder("v.npy"), ids: folder("i.npy")) == 300)
        #expect(try await lines.upsertJSONLines(folder("v.jsonl")) == 300)
        let file = try VectorIndex.open(at: folder("v.faiss"))
        let exact = try await index.converted(to: .exact)
        let query = vectors[row: 9]
        let expected = try exact.nearest(to: query, count: 300)
        for copy in [npy, lines, exact] {
            #expect(copy.ids == index.ids)
            #expect(try copy.nearest(to: query, count: 300) == expected)
        }
        #expect(file.ids == index.ids && file.count == 300)
        #expect(try await npy.upsertNPY(vectors: folder("v.npy")) == 300)
        #expect(npy.count > 300)
        // What isn't such a file is an error that names it.
        let good = try Data(contentsOf: folder("v.npy"))
        for bad in [Data(), good.prefix(40), good.prefix(good.count - 4), good + [0], Data("hello there, world".utf8)] {
            try bad.write(to: folder("bad.npy"))
            await #expect(throws: FileError.self) { try await npy.upsertNPY(vectors: folder("bad.npy")) }
        }
        await #expect(throws: FileError.self) { try await npy.upsertNPY(vectors: folder("i.npy")) }
        try Data(#"{"id": 1, "vector": [1, 2]}"#.utf8).write(to: folder("bad.jsonl"))
        await #expect(throws: RetrievalError.self) { try await npy.upsertJSONLines(folder("bad.jsonl")) }
        let empty = try VectorIndex(dimension: 8)
        await #expect(throws: RetrievalError.self) { try await empty.exportFAISS(to: folder("empty.faiss")) }
    }

    private struct Expected: Decodable {
        struct File: Decodable {
            let metric: Metric
            let ids: [[Int64]]
            let distances: [[Float]]
        }
        let queries: [Float]
        let files: [String: File]
    }

    /// Files and hits of faiss-cpu, made by make_faiss.py.
    @Test func `files of faiss-cpu open with its ids and hits`() async throws {
        let fixtures = try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures")
        let json = try Data(contentsOf: fixtures.appendingPathComponent("faiss.json"))
        let expected = try JSONDecoder().decode(Expected.self, from: json)
        let queries = Matrix(rows: 5, columns: 8, elements: expected.queries)
        #expect(expected.files.count == 7)
        for (name, file) in expected.files {
            let index = try VectorIndex.open(at: fixtures.appendingPathComponent("\(name).faiss"))
            #expect(index.metric == file.metric && index.count == 64 && index.dimension == 8)
            let found = try await index.nearest(to: queries, count: 6, effort: 64)
            #expect(found.map { $0.map(\.id) } == file.ids, "\(name)")
            for (hits, distances) in zip(found, file.distances) {
                for (hit, distance) in zip(hits, distances) {
                    let score = file.metric == .l2 ? -distance : distance
                    #expect(abs(hit.score - score) <= 1e-5 * max(1, abs(score)), "\(name)")
                }
            }
            try await index.add(queries, ids: [1, 2, 3, 4, 5].map { $0 - 1000 })
            #expect(try index.nearest(to: queries[row: 0], count: 100).count == 69)
        }
    }
}
