internal import SemblanceNumerics
internal import SemblanceRetrieval

/// Unit vectors put into clusters by direction: spherical k-means.
enum SphericalClusters {
    /// The cluster of each row, the same for any number of threads.
    ///
    /// Centres begin as rows drawn at random and become their members' mean direction, until nothing moves; a centre that
    /// loses all members stays where it is.
    ///
    /// - Parameters:
    ///   - vectors: `[n, D]`, unit rows.
    ///   - count: how many clusters; with fewer rows, one for each.
    /// - Complexity: O(rounds · n · count · D).
    /// - Note: Source: Dhillon and Modha 2001, "Concept decompositions", §2.3.
    static func of(_ vectors: Matrix, count: Int, seed: UInt64, rounds: Int = 20, workers: Workers) -> [Int32] {
        var random = RandomStream(seed: seed)
        var centres = vectors.gatheringRows(Array(random.permutation(of: vectors.rows).prefix(count)))
        var clusters: [Int32] = []
        for _ in 0..<rounds {
            let found = ExactSearch.nearest(to: vectors, in: centres, count: 1, workers: workers).rows
            if found == clusters { break }
            clusters = found
            var members = [[Int]](repeating: [], count: centres.rows)
            for (row, cluster) in clusters.enumerated() { members[Int(cluster)].append(row) }
            for (cluster, rows) in members.enumerated() where !rows.isEmpty {
                centres.replaceRows(from: cluster, with: vectors.gatheringRows(rows).columnSums)
            }
            centres = MatrixExpression(centres).unitRows.value
        }
        return clusters
    }
}
