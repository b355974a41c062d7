import CSemblanceFAISS
import CSemblanceKernels
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceRetrieval

/// Our scans of FAISS' codes beside what FAISS makes of the same codes.
@Suite struct CodeScanTests {
    private static let levels = [SEMBLANCE_CPU_PORTABLE, SEMBLANCE_CPU_AVX2, SEMBLANCE_CPU_AVX512]

    @Test(
        arguments: ["SQ8", "SQ4", "LSH"],
        [
            (1, Metric.l2), (7, .l2), (40, .l2), (384, .l2), (33, .innerProduct), (64, .innerProduct),
            (100, .innerProduct),
        ]
    )
    func `a code's score is that of the vector FAISS decodes it to`(factory: String, shape: (Int, Metric)) throws {
        let (dimension, metric) = shape
        if factory == "LSH" && metric != .l2 { return }
        let count = 600
        let vectors = clustered(count, dimension, seed: UInt64(dimension))
        let queries = clustered(5, dimension, seed: 99)
        let index = try Segment(
            dimension: dimension,
            metric: metric,
            recipe: SegmentRecipe(factory: factory, keepsVectors: false, sample: count),
            count: count,
            sample: { vectors },
            full: nil,
            workers: Workers.shared(threads: 1),
            between: {},
            parts: { try $0(vectors, (0..<count).map { Int64($0) }) }
        )
        let decoded = try (0..<count).map { try index.vector(Int32($0)) }
        var every3 = [UInt8](repeating: 0, count: (count + 7) / 8)
        for slot in stride(from: 0, to: count, by: 3) { every3[slot / 8] |= 1 << UInt8(slot % 8) }
        let usual = semblance_cpu()
        defer { _ = semblance_cpu_set(usual) }
        for level in Self.levels where semblance_cpu_set(level) != 0 {
            for row in 0..<queries.rows {
                let query = queries[row: row]
                func score(_ vector: [Float]) -> Float {
                    zip(query, vector).reduce(Float(0)) { sum, pair in
                        switch factory {
                        case "LSH": sum - ((pair.0 >= 0) == (pair.1 > 0) ? 0 : 1)
                        default: metric == .l2 ? sum - (pair.0 - pair.1) * (pair.0 - pair.1) : sum + pair.0 * pair.1
                        }
                    }
                }
                let hits: [Hit] = try unsafe query.withUnsafeBufferPointer { query in
                    try unsafe index.nearest(
                        to: query.baseAddress.unsafelyUnwrapped,
                        rows: 1,
                        count: count,
                        effort: 1,
                        allowed: row % 2 == 0 ? nil : every3,
                        workers: Workers.shared(threads: 1)
                    )[0]
                }
                #expect(hits.count == (row % 2 == 0 ? count : count / 3))
                #expect(Set(hits.map(\.id)).count == hits.count)
                #expect(row % 2 == 0 || hits.allSatisfy { $0.id % 3 == 0 })
                #expect(zip(hits, hits.dropFirst()).allSatisfy { $0.precedes($1) })
                let scale = max(1, hits.map { abs($0.score) }.max() ?? 1)
                let errors = hits.map { abs($0.score - score(decoded[Int($0.id)])) / scale }
                #expect(errors.allSatisfy { $0 < 1e-5 }, "\(errors.max() ?? 0)")
                // The twin: the scores of others.
                let wrong = hits.map { abs($0.score - score(decoded[(Int($0.id) + 1) % count])) / scale }
                #expect(!wrong.allSatisfy { $0 < 1e-5 })
            }
        }
    }
}
