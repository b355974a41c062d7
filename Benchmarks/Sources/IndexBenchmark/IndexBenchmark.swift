import ArgumentParser
import Foundation
import Semblance

/// Build time, queries a second and recall@10 of the indexes, on the vectors of peers/vectors.py.
///
/// Prints the lines that peers/index_search.py prints, so that both can be run in turn.
@main struct IndexBenchmark: AsyncParsableCommand {
    @Argument(help: "Folder with base.f32 and queries.f32: raw 32-bit floats, row after row.")
    var folder: String
    @Option(name: .customLong("dim")) var dimension = 384
    @Option(help: "Threads to search with.") var threads = 1
    @Option(help: "Threads to build with.") var buildThreads = 2
    @Option(parsing: .upToNextOption, help: "FAISS' names: Flat, HNSW32, IVF256,Flat.")
    var keys = ["Flat", "HNSW32", "IVF256,Flat"]
    @Option(parsing: .upToNextOption) var efs = [16, 32, 64, 128, 256]
    @Option(help: "Candidates kept while a graph is built.") var buildEffort = 40

    func run() async throws {
        let base = try matrix("base.f32")
        let queries = try matrix("queries.f32")
        let singles = (0..<queries.rows).map { queries[row: $0] }
        let ids = (0..<base.rows).map(Int64.init)
        let exact = try VectorIndex(dimension: dimension, metric: .innerProduct, kind: .exact)
        try await exact.add(base, ids: ids)
        let truth = try await exact.nearest(to: queries, count: 10).map { Set($0.map(\.id)) }
        let clock = ContinuousClock()

        for key in keys {
            let kind: IndexKind
            let efforts: [Int]
            if key == "Flat" {
                (kind, efforts) = (.exact, [0])
            } else if key.hasPrefix("HNSW"), let links = Int(key.dropFirst(4)) {
                var configuration = HNSWConfiguration()
                (configuration.links, configuration.buildEffort) = (links, buildEffort)
                (kind, efforts) = (.hnsw(configuration), efs)
            } else {
                (kind, efforts) = (.factory(key), key.hasPrefix("IVF") ? [4, 16, 64] : [0])
            }
            let built = try VectorIndex(
                dimension: dimension,
                metric: .innerProduct,
                kind: kind,
                options: ComputeOptions(threads: buildThreads)
            )
            let build = try await clock.measure {
                try await built.add(base, ids: ids)
                try await built.compact()
            }

            // Threads belong to an index: the one to search is opened with its own.
            let place = FileManager.default.temporaryDirectory.appendingPathComponent("semblance-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: place) }
            try await built.write(to: place)
            let index = try VectorIndex.open(at: place, options: ComputeOptions(threads: threads))

            for effort in efforts {
                var found: [[Hit]] = []
                let single = try clock.measure {
                    found = try singles.map { try index.nearest(to: $0, count: 10, effort: effort) }
                }
                let batch = try await clock.measure {
                    _ = try await index.nearest(to: queries, count: 10, effort: effort)
                }
                let recall =
                    zip(found, truth).map { Double($1.intersection($0.map(\.id)).count) / 10 }.reduce(0, +)
                    / Double(queries.rows)
                let rate = { (time: Duration) in (Double(queries.rows) / (time / .seconds(1)) * 10).rounded() / 10 }
                let line: [String: Any] = [
                    "peer": "semblance", "key": key, "effort": effort,
                    "build_s": (build / .seconds(1) * 1000).rounded() / 1000,
                    "single_qps": rate(single), "batch_qps": rate(batch), "recall@10": recall,
                ]
                let data = try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
                print(String(decoding: data, as: UTF8.self))
            }
        }
    }

    private func matrix(_ name: String) throws -> Matrix {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(name))
        let elements = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        return Matrix(rows: elements.count / dimension, columns: dimension, elements: elements)
    }
}
