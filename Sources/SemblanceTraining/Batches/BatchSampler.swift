/// Says which rows make which batch of an epoch, as a function of its number alone.
package protocol BatchSampler: Sendable {
    /// Pairs of a full batch.
    var batchSize: Int { get }
    /// Batches of one epoch.
    var batchesPerEpoch: Int { get }
    /// The rows of every batch of an epoch.
    ///
    /// - Parameter clusters: by row, which others it is near to; empty where that doesn't count.
    func batches(epoch: Int, clusters: [Int32]) -> [ArraySlice<Int32>]
}

extension BatchSampler {
    /// As ``batches(epoch:clusters:)``, without clusters.
    package func batches(epoch: Int) -> [ArraySlice<Int32>] { batches(epoch: epoch, clusters: []) }
}
