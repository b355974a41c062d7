public import Foundation
public import SemblanceEncoders

extension Embedder {
    /// Trains a transformer on texts alone: unsupervised SimCSE.
    ///
    /// Each text goes through the encoder twice, with dropout of its own each time; the two vectors are anchor and
    /// positive, the other texts of the batch negatives.
    ///
    /// - Parameters:
    ///   - texts: sentences; those that occur twice are taken once.
    ///   - start: a pretrained transformer.
    ///   - configuration: as in `fit(_:)`; negatives have no place in it, and dropout must not be 0.
    /// - Throws: as `fit(_:)`, and ``TrainingError`` where nothing would be dropped: then both vectors are the same.
    /// - Note: Source: Gao et al. 2021, arXiv:2104.08821, §3.
    @discardableResult
    public static func fit(
        texts: [String],
        startingFrom start: InitialModel,
        configuration: TrainingConfiguration = TrainingConfiguration(),
        evaluating development: DevelopmentSet? = nil,
        checkpoints: CheckpointConfiguration? = nil,
        resumingFrom resumption: URL? = nil,
        progress: (@Sendable (TrainingEvent) -> Void)? = nil
    ) async throws -> Embedder {
        let embedder = try start.makeEmbedder(for: [], corpus: texts, seed: configuration.seed)
        let dropout = configuration.dropout ?? embedder.tower(for: .query).encoder.dropout
        try TrainingError.require(
            dropout > 0,
            "dropout is \(dropout): texts alone need some, such as 0.1, or both views of a text are the same"
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
