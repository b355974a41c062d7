internal import Foundation
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// Pairs that are hard to find by their words wait: they weigh little at first, and as much as the others in the end.
///
///     w[i] = D[i] + (1 − D[i]) s / m   in step s < m,   1 from step m on
///
/// D is how easy a row is, 0 … 1, by a ranking of the data's documents for its anchor by BM25: of a document its reciprocal
/// rank, or its score between the lowest and the highest found; 0 where it isn't found. With hard negatives of its own,
/// D[i] = (D of the positive − mean D of the negatives + 1) / 2, else D of the positive.
///
/// - Complexity: one BM25 search for each row before the first step.
/// - Note: Source: MacAvaney et al. 2020, arXiv:2004.14269; the end m is tuned there, half of training is ours.
public struct DifficultyCurriculum: StandardMethod {
    /// What tells how easy a document is to find.
    public enum Heuristic: String, Codable, Hashable, Sendable, CaseIterable {
        /// One over its rank.
        case reciprocalRank = "reciprocal-rank"
        /// Its score, 0 for the lowest that is found and 1 for the highest.
        case normalizedScore = "normalized-score"
    }

    /// The name in configurations.
    public static let name = "difficulty-curriculum"
    /// What tells how easy a document is. The default is one over its rank.
    public var heuristic = Heuristic.reciprocalRank
    /// The share of all steps after which all pairs weigh the same: m over their number. The default is a half.
    public var end = 0.5
    /// How many documents of a ranking are looked at. The default is 100.
    public var depth = 100

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(end >= 0 && end <= 1, "\(Self.name): end is \(end): it must be 0 to 1")
        try TrainingError.require(depth >= 1, "\(Self.name): depth is \(depth): it must be at least 1")
    }

    /// Ranks the documents of the data for each anchor.
    public func start(_ training: MethodContext) throws -> MethodState {
        let documents = Set(training.rows.flatMap { $0.positives + $0.negatives }).sorted()
        let index = try LexicalIndex(documents.map { training.texts[Int($0)] })
        let rankings = index.nearest(
            to: training.rows.map { training.texts[Int($0.anchor)] },
            count: depth,
            workers: .shared()
        )
        let ofRows = zip(training.rows, rankings).map { row, hits in
            let easiness = easiness(of: hits)
            func mean(_ texts: [Int32]) -> Double {
                let found = hits.indices.filter { texts.contains(documents[hits[$0].index]) }
                return found.reduce(0) { $0 + easiness[$1] } / Double(texts.count)
            }
            let positive = mean(row.positives)
            return Float(row.negatives.isEmpty ? positive : (positive - mean(row.negatives) + 1) / 2)
        }
        var state = MethodState()
        state.derived["easiness"] = Matrix(rows: 1, columns: ofRows.count, elements: ofRows)
        return state
    }

    /// Of each hit.
    private func easiness(of hits: [LexicalHit]) -> [Double] {
        switch heuristic {
        case .reciprocalRank: return hits.indices.map { 1 / Double($0 + 1) }
        case .normalizedScore:
            guard let highest = hits.first?.score, let lowest = hits.last?.score, highest > lowest
            else { return hits.map { _ in 1 } }
            return hits.map { Double(($0.score - lowest) / (highest - lowest)) }
        }
    }

    /// What the curriculum gives the rows of a step.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        let progress = Float(Double(step.number) / (end * Double(step.total)))
        guard progress < 1, let easiness = state.derived["easiness"] else { return nil }
        return step.rows.map { row in
            let easy = easiness[0, Int(row)]
            return easy + (1 - easy) * progress
        }
    }
}
