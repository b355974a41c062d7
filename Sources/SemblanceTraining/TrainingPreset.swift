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
        if preset == .scored {
            negatives = []
            objective.methods = [MethodChoice(CosineMSE())]
        } else {
            negatives = preset == .teacher ? [.mined, .lexical, .guided] : [.mined]
            negativesPerRow = 4
            remineEvery = 1
            mining.pick = .random
            mining.mixture = preset == .teacher ? .even : .inTurn
        }
    }
}
