public import Foundation
public import SemblanceEncoders

extension Embedder {
    /// Trains a model on texts alone: two views of a text are anchor and positive, the other texts of the batch negatives.
    ///
    /// Views differ by dropout, where the encoder is a transformer (unsupervised SimCSE), and by what
    /// ``TrainingConfiguration/augmentation`` makes of each, which a static encoder needs.
    ///
    /// - Parameters:
    ///   - texts: sentences; those that occur twice are taken once.
    ///   - start: a pretrained transformer, or a static encoder.
    ///   - configuration: as in `fit(_:)`; negatives have no place in it, and there must be dropout or an augmentation.
    /// - Throws: as `fit(_:)`, and ``TrainingError`` where both views of a text would be the same.
    /// - Note: Sources: SimCSE, arXiv:2104.08821, §3; for augmentations see ``TextAugmentation``.
    @discardableResult
    public static func fit(
        texts: [String],
        startingFrom start: InitialModel = .scratch(),
        configuration: TrainingConfiguration = TrainingConfiguration(),
        evaluating development: DevelopmentSet? = nil,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom resumption: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> Embedder {
        let embedder = try start.makeEmbedder(for: [], corpus: texts, seed: configuration.seed)
        let dropout = configuration.dropout ?? embedder.tower(for: .query).encoder.dropout
        try TrainingError.require(
            dropout > 0 || configuration.augmentation != nil,
            "dropout is \(dropout) and there is no augmentation, so both views of a text are the same: give a transformer "
                + "dropout, such as 0.1, or choose an augmentation, such as contriever"
        )
        try TrainingError.require(
            configuration.negatives?.isEmpty ?? true,
            "negatives are of pairs: texts alone have none"
        )
        var seen = Set<String>()
        return try await fit(
            texts.filter { seen.insert($0).inserted }.map { TrainingPair(anchor: $0, positive: $0) },
            startingFrom: .embedder(embedder),
            configuration: configuration,
            evaluating: development,
            checkpoints: checkpoints,
            resumingFrom: resumption,
            progress: progress
        )
    }
}
