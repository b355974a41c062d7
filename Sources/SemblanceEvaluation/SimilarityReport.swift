internal import Foundation

/// How well similarities agree with judged ones.
///
/// As JSON: `{"pairs": 1500, "spearman": {"value": 0.82, "low": 0.80, "high": 0.84}, "pearson": {…}}`.
public struct SimilarityReport: Codable, Hashable, Sendable {
    /// How many pairs there were.
    public let pairs: Int
    /// Spearman's correlation of the ranks.
    public let spearman: Estimate
    /// Pearson's correlation.
    public let pearson: Estimate

    /// Compares similarities with the scores of a set, pair by pair.
    ///
    /// The 95 % interval is Fisher's: tanh(artanh r ± 1.96 s) with s² = 1 / (n − 3) for Pearson's and
    /// (1 + r² / 2) / (n − 3) for Spearman's. Similarities that are all equal, or not numbers, correlate by 0.
    ///
    /// - Precondition: there is one similarity for each pair.
    /// - Note: Source of the interval: D. G. Bonett and T. A. Wright, "Sample size requirements for estimating Pearson,
    ///   Kendall and Spearman correlations", Psychometrika 65, 2000.
    public init(similarities: [Double], of dataset: SimilarityDataset) {
        let scores = dataset.pairs.map(\.score)
        pairs = scores.count
        let freedom = Double(pairs - 3)
        let spearman = Correlation.spearman(similarities, scores) ?? 0
        let pearson = similarities.contains { !$0.isFinite } ? 0 : Correlation.pearson(similarities, scores) ?? 0
        self.spearman = Self.estimate(spearman, variance: (1 + spearman * spearman / 2) / freedom)
        self.pearson = Self.estimate(pearson, variance: 1 / freedom)
    }

    private static func estimate(_ correlation: Double, variance: Double) -> Estimate {
        // At ±1 the interval is that one point.
        guard abs(correlation) < 1 else { return Estimate(value: correlation, low: correlation, high: correlation) }
        let (centre, reach) = (atanh(correlation), 1.96 * variance.squareRoot())
        return Estimate(value: correlation, low: tanh(centre - reach), high: tanh(centre + reach))
    }
}
