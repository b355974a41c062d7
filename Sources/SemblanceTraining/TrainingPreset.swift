/// Settings for a situation: what was measured to be best there.
///
/// The measurements stand in `Docs/Objectives/Presets.md`. Presets choose negatives and objectives alone: learning rate,
/// epochs and batch are those of the defaults.
public enum TrainingPreset: String, Hashable, Sendable, Codable, CaseIterable {
    /// Pairs, and nothing else known: negatives are mined anew each epoch, four random ones of the hundred nearest.
    case pairs
    /// Pairs whose groups are classes, or paths of a taxonomy: as ``pairs``. What a group holds is never a negative.
    case taxonomy
    /// Pairs of which people said how alike they are (`score`): the cosine is brought to the score.
    case scored
    /// Pairs of which a part are wrong: as ``pairs``.
    case noisy
    /// Pairs, and a stronger model to ask, named in ``MiningConfiguration/guides``: it, the model itself and BM25 find
    /// negatives in turn.
    case teacher
}

extension TrainingConfiguration {
    /// The settings of a preset.
    public init(_ preset: TrainingPreset) {
        self.init()
        switch preset {
        case .scored:
            negatives = []
            objective.methods = [MethodChoice(CosineMSE())]
            return
        case .teacher:
            negatives = [.mined, .lexical, .guided]
            mining.mixture = .even
        case .pairs, .taxonomy, .noisy: negatives = [.mined]
        }
        remineEvery = 1
        mining.pick = .random
    }
}
