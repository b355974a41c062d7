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

extension TrainingSet {
    /// Batches of the configuration's composition.
    ///
    /// - Throws: ``TrainingError`` where batches are to have one task each and no row has a task.
    func sampler(for configuration: TrainingConfiguration) throws -> any BatchSampler {
        guard configuration.batches.kind == .tasks else {
            return Sampler(
                rows: rows,
                textCount: texts.count,
                batchSize: configuration.batchSize,
                seed: configuration.seed
            )
        }
        guard rows.contains(where: { $0.task >= 0 }) else {
            throw TrainingError(
                code: .invalidData,
                message: "batches are to have one task each, and no training pair says which task it is of: "
                    + "give pairs a task, or choose batches that are mixed or of clusters"
            )
        }
        return TaskSampler(
            rows: rows,
            tasks: rows.map(\.task),
            textCount: texts.count,
            batchSize: configuration.batchSize,
            exponent: configuration.batches.taskExponent,
            seed: configuration.seed
        )
    }
}
