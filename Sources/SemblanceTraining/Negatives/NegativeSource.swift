/// Where a row's hard negatives come from.
public enum NegativeSource: String, Hashable, Sendable, Codable, CaseIterable {
    /// The negatives the training data names.
    case rows
    /// The documents the model as it stands finds nearest to the anchor (arXiv:2007.00808).
    case mined
    /// The documents that ``MiningConfiguration/guides`` find nearest to the anchor: each is a source of its own, and
    /// judges what it found by its own scores (arXiv:2407.15831, §3; arXiv:2206.08063).
    case guided
    /// The documents that share the anchor's words (BM25).
    case lexical
    /// The positives of other rows of the same group, and where groups are paths of a taxonomy those of near branches,
    /// the nearest first (arXiv:2209.05987).
    case siblings
    /// The documents the model as it stands finds nearest to the row's first positive (arXiv:2209.05987).
    case related
    /// Random documents of the corpus.
    case random
}
