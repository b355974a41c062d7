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
            var members = [[Int]](repeating: [], count: count)
            for (row, cluster) in clusters.enumerated() { members[Int(cluster)].append(row) }
            for (cluster, rows) in members.enumerated() where !rows.isEmpty {
                centres.replaceRows(from: cluster, with: vectors.gatheringRows(rows).columnSums)
            }
            centres = UnitRows(centres, workers: workers).output
        }
        return clusters
    }
}
