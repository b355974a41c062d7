import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

private let python = ProcessInfo.processInfo.environment["SEMBLANCE_PYTHON"]

/// Runs where SEMBLANCE_PYTHON names a Python that has faiss-cpu.
@Suite(.enabled(if: python != nil)) struct VectorIndexPythonTests {
    @Test(
        arguments: [
            "exact", "hnsw", "ivf:lists=4,probes=4", "SQ8", "HNSW8,SQ8", "IVF4,PQ8x4", "OPQ4,PQ4x4", "PCA8,Flat",
        ],
        [Metric.cosine, .l2]
    )
    func `faiss-cpu opens the file and finds the same`(kind: String, metric: Metric) async throws {
        let folder = try TemporaryFolder()
        let vectors = clustered(400, 16, seed: 20)
        let ids = (0..<400).map { Int64($0) }
        let index = try VectorIndex(of: vectors, ids: ids, metric: metric, kind: IndexKind(parsing: kind))
        try await index.write(to: folder("index"))
        let script = """
            import faiss, json, numpy as np, sys
            q = np.array(json.load(sys.stdin), "f4").reshape(-1, 16)
            index = faiss.read_index(sys.argv[1])
            if sys.argv[2] == "cosine": faiss.normalize_L2(q)
            inner = faiss.downcast_index(index)
            if hasattr(inner, "hnsw"): inner.hnsw.efSearch = 400
            D, I = index.search(q, 5)
            json.dump({"ids": I.tolist(), "distances": D.tolist()}, sys.stdout)
            """
        let queries = clustered(20, 16, seed: 21)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(python))
        let file = folder("index").appendingPathComponent("segment-00000001.faiss").path
        process.arguments = ["-c", script, file, metric.rawValue]
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(queries.elements))
        try input.fileHandleForWriting.close()
        struct Found: Decodable {
            let ids: [[Int64]]
            let distances: [[Float]]
        }
        let theirs = try JSONDecoder().decode(Found.self, from: output.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        let ours = try await index.nearest(to: queries, count: 5, effort: 400)
        for (row, hits) in ours.enumerated() {
            for (place, hit) in hits.enumerated() {
                let distance = theirs.distances[row][place]
                #expect(abs(hit.score - (metric == .l2 ? -distance : distance)) <= 1e-3 * max(1, abs(distance)))
            }
        }
        // Codes give equal scores to several; there the order is each side's own.
        let exact = ["exact", "hnsw", "ivf:lists=4,probes=4", "PCA8,Flat"].contains(kind)
        if exact { #expect(ours.map { $0.map(\.id) } == theirs.ids) }
    }
}
