import Foundation
import SemblanceNumerics
import SemblanceRetrieval

/// Vectors around random centres, as embeddings of a corpus are.
func clustered(_ count: Int, _ dimension: Int, clusters: Int = 50, seed: UInt64) -> Matrix {
    var stream = RandomStream(seed: seed)
    let centres = stream.normal(rows: clusters, columns: dimension)
    var vectors = stream.normal(rows: count, columns: dimension)
    unsafe centres.withPointer { centres in
        unsafe vectors.withMutablePointer { vectors in
            for row in 0..<count {
                let centre = Int(stream.next() % UInt64(clusters))
                for column in 0..<dimension {
                    unsafe vectors[row * dimension + column] += 0.7 * centres[centre * dimension + column]
                }
            }
        }
    }
    return vectors
}

/// The score of two vectors in double precision.
func reference(_ metric: Metric, _ x: [Float], _ y: [Float]) -> Double {
    let pairs = zip(x, y).map { (Double($0), Double($1)) }
    func product(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    switch metric {
    case .innerProduct: return product(x, y)
    case .l2: return -pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    case .cosine:
        let lengths = (product(x, x) * product(y, y)).squareRoot()
        return lengths == 0 ? 0 : product(x, y) / lengths
    }
}

/// All scores, best first: what an exact search must agree with.
func sortedScores(
    _ metric: Metric,
    _ query: [Float],
    _ vectors: Matrix,
    _ ids: [Int64]
) -> [(id: Int64, score: Double)] {
    (0..<vectors.rows).map { (ids[$0], reference(metric, query, vectors[row: $0])) }
        .sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
}

/// The share of the true nearest that was found.
func recall(_ found: [[Hit]], _ truth: [[Hit]]) -> Double {
    let shares = zip(found, truth).map { found, truth in
        Double(Set(found.map(\.id)).intersection(truth.map(\.id)).count) / Double(max(truth.count, 1))
    }
    return shares.reduce(0, +) / Double(max(shares.count, 1))
}

/// A folder of its own that is removed when the test is over.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("semblance-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func callAsFunction(_ name: String) -> URL { url.appendingPathComponent(name) }
}

extension RetrievalError {
    /// The code of what `body` throws; `nil` where it throws nothing.
    static func code(of body: () async throws -> Void) async rethrows -> Code? {
        do {
            try await body()
            return nil
        } catch let error as RetrievalError {
            return error.code
        }
    }
}
