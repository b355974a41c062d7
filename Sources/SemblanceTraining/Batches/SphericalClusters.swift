internal import CSemblanceKernels
package import SemblanceNumerics
internal import SemblanceRetrieval

/// Clusters of vectors by their directions: k-means with cosines.
package enum SphericalClusters {
    /// The cluster of each row, 0 ..< count.
    ///
    /// Begins with random rows; each of at most `rounds` rounds gives every row to the nearest centre and moves centres to
    /// the mean direction of their rows. A centre without rows stays. The same for any number of threads.
    ///
    /// - Parameters:
    ///   - vectors: `[N, D]`, unit rows.
    ///   - count: at most N are made.
    /// - Complexity: O(rounds · N · count · D).
    /// - Note: Source: Dhillon and Modha 2001, "Concept decompositions for large sparse text data using clustering", §3.
    package static func of(
        _ vectors: Matrix,
        count: Int,
        rounds: Int = 10,
        seed: UInt64,
        workers: Workers
    ) -> [Int32] {
        let count = min(count, vectors.rows)
        guard count > 1 else { return Array(repeating: 0, count: vectors.rows) }
        var random = RandomStream(seed: seed)
        var centres = vectors.gatheringRows(Array(random.permutation(of: vectors.rows).prefix(count)))
        var clusters: [Int32] = []
        for _ in 0..<rounds {
            let found = ExactSearch.nearest(to: vectors, in: centres, count: 1, workers: workers).rows
            if found == clusters { break }
            clusters = found
            centres = moved(centres, vectors, clusters, workers)
        }
        return clusters
    }

    /// Each centre at the mean direction of its rows.
    private static func moved(_ centres: Matrix, _ vectors: Matrix, _ clusters: [Int32], _ workers: Workers) -> Matrix {
        var offsets = [Int32](repeating: 0, count: centres.rows + 1)
        for cluster in clusters { offsets[Int(cluster) + 1] += 1 }
        for cluster in 0..<centres.rows { offsets[cluster + 1] += offsets[cluster] }
        var next = offsets
        var members = [Int32](repeating: 0, count: clusters.count)
        for (row, cluster) in clusters.enumerated() {
            members[Int(next[Int(cluster)])] = Int32(row)
            next[Int(cluster)] += 1
        }
        var means = Matrix(uninitializedRows: centres.rows, columns: centres.columns)
        let columns = centres.columns
        let (starts, rows) = (offsets, members)
        unsafe means.withMutablePointer { out in
            unsafe vectors.withPointer { table in
                workers.forEach(centres.rows) { cluster in
                    unsafe starts.withUnsafeBufferPointer { starts in
                        guard let base = starts.baseAddress else { return }
                        unsafe semblance_embedding_mean(
                            table,
                            columns,
                            nil,
                            rows,
                            base + cluster,
                            1,
                            out + cluster * columns,
                            columns
                        )
                    }
                }
            }
        }
        var moved = UnitRows(means, workers: workers).output
        for cluster in 0..<centres.rows where offsets[cluster] == offsets[cluster + 1] {
            moved[row: cluster] = centres[row: cluster]
        }
        return moved
    }
}
