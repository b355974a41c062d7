// What the trainer asks the model as it stands between steps: hard negatives, and which anchors are near each other.

internal import Foundation
internal import Logging
internal import SemblanceEncoders
internal import SemblanceNumerics

extension Trainer {
    /// Whether a step begins with mining again.
    func isMiningDue(epoch: Int, index: Int) -> Bool {
        guard state.minedStep != state.step else { return false }
        if let every = configuration.remineEverySteps, state.step % every == 0 { return true }
        guard index == 0, let every = configuration.remineEvery else { return false }
        return epoch % every == 0
    }

    /// Chooses every row's hard negatives anew, under the model as it stands.
    func mine(
        epoch: Int,
        cancellation: Cancellation,
        _ progress: (@Sendable (TrainingEvent) -> Void)?
    ) throws {
        guard sources.contains(where: { $0 != .rows }), configuration.negativesPerRow > 0 else {
            state.minedStep = state.step
            return
        }
        let miner = HardNegativeMiner(
            configuration.mining,
            perRow: configuration.negativesPerRow,
            seed: configuration.seed &+ UInt64(configuration.remineEverySteps == nil ? epoch : state.step),
            workers: workers
        )
        let layout = MiningLayout(set, corpus: set.miningCorpus, takesNamed: sources.contains(.rows))
        let space = try MiningSpace(set, layout, workers: workers) { texts, role in
            let store = role == .query ? queries : documents
            return try EmbeddingJob(
                encoder: model.embedder.tower(for: role).encoder,
                weights: weights(of: role),
                skipped: store.skippedTokens
            ).run(store.tokens(of: texts[...]), workers, cancellation)
        }
        let (negatives, found) = try miner.mine(
            set,
            layout,
            sources: sources,
            space: space,
            guides: guideSpaces(layout, cancellation)
        )
        state.negatives = negatives.map(\.texts)
        state.minedStep = state.step
        report.mining.append(found)
        progress?(.mined(found))
        logger.info(
            "mined hard negatives",
            metadata: ["epoch": "\(epoch + 1)", "negatives": "\(found.negatives)", "shortRows": "\(found.shortRows)"]
        )
        if found.shortRows > 0 { warn(GuardRails.fewNegatives(found, wanted: configuration.negativesPerRow), progress) }
    }

    /// Finds which rows' anchors are near each other, at the beginning of an epoch.
    func cluster(_ epoch: Int, _ cancellation: Cancellation) throws {
        guard state.clusters.isEmpty || configuration.remineEvery.map({ epoch % $0 == 0 }) ?? false else { return }
        let count = configuration.batches.clusters ?? max(2, sampler.batchesPerEpoch / 4)
        let layout = MiningLayout(set, corpus: [], takesNamed: false)
        let anchors = try EmbeddingJob(
            encoder: model.embedder.tower(for: .query).encoder,
            weights: weights(of: .query),
            skipped: queries.skippedTokens,
            normalizes: true
        ).run(queries.tokens(of: layout.anchors[...]), workers, cancellation)
        let clusters = SphericalClusters.of(anchors, count: count, seed: configuration.seed, workers: workers)
        state.clusters = set.rows.map { clusters[Int(layout.anchorPlaces[Int($0.anchor)])] }
    }

    /// The texts under each guide; guides don't change, so they are asked once.
    private func guideSpaces(_ layout: MiningLayout, _ cancellation: Cancellation) throws -> [MiningSpace] {
        if guides.isEmpty {
            guides = try configuration.mining.guides.map { folder in
                let guide = try FrozenModel(contentsOf: folder, for: configuration)
                return try MiningSpace(set, layout, under: guide, workers: workers, cancellation: cancellation)
            }
        }
        return guides
    }
}
