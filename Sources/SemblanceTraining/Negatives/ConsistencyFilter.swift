internal import Foundation
public import SemblanceEncoders
public import SemblanceNumerics
internal import SemblanceRetrieval

/// Leaves out pairs that a model disagrees with: noise, in data that was collected and not judged.
///
/// A pair stays where its positive is among the `top` texts of the corpus that the model finds for its anchor:
///
///     1 + |{text: cosine(anchor, text) > cosine(anchor, positive)}| ≤ top
///
/// Texts that are equal count once; the other known positives of the anchor, which may well be before this one, don't
/// count. A row's positives are judged one by one; a row without any left is dropped.
///
/// - Note: Source: E5, arXiv:2212.03533, §3.1, which compares with a million random texts and takes top 2.
public struct ConsistencyFilter: Sendable {
    /// What was kept.
    public struct Report: Hashable, Sendable, Codable {
        /// Rows there were.
        public var rows = 0
        /// Rows that were dropped whole.
        public var droppedRows = 0
        /// Positives there were, over all rows.
        public var positives = 0
        /// Positives that were dropped, those of dropped rows included.
        public var droppedPositives = 0
    }

    private let top: Int
    private let workers: Workers

    /// A filter that keeps positives among the first `top`.
    ///
    /// - Throws: ``TrainingError`` for a value out of its range.
    public init(top: Int = 2, compute: ComputeOptions = ComputeOptions()) throws {
        try TrainingError.require(top >= 1, "top is \(top): it must be at least 1")
        self.top = top
        workers = .shared(threads: compute.threads)
    }

    /// The pairs that the model finds consistent, in their order.
    ///
    /// - Parameters:
    ///   - embedder: a model that was trained on the pairs, or a stronger one.
    ///   - corpus: texts that positives are compared with, beside the positives of all pairs.
    /// - Throws: ``TrainingError`` for pairs that can't be used; `CancellationError`.
    /// - Complexity: one exact search of the corpus for each distinct anchor.
    public func consistent(
        _ pairs: [TrainingPair],
        under embedder: Embedder,
        corpus: [String] = []
    ) async throws -> (pairs: [TrainingPair], report: Report) {
        try await workers.run { cancellation in
            let set = try TrainingSet(pairs, corpus: corpus + pairs.flatMap(\.positives))
            let layout = MiningLayout(set, corpus: set.miningCorpus, takesNamed: false)
            let model = FrozenModel(embedder)
            let space = try MiningSpace(set, layout, under: model, workers: workers, cancellation: cancellation)
            // Known positives may take the first ranks.
            let most = layout.relevant.values.map(\.count).max() ?? 0
            let found = space.nearestToAnchors(min(layout.corpus.count, top + most))
            var report = Report()
            report.rows = set.rows.count
            var kept: [TrainingPair] = []
            for (row, pair) in zip(set.rows, pairs) {
                let first = Int(layout.anchorPlaces[Int(row.anchor)]) * found.count
                let relevant = Set(layout.relevant[row.anchor] ?? [])
                // The best texts that are no positives; the last of them bounds what is kept.
                let rivals = found.rows[first..<first + found.count].lazy.filter {
                    !relevant.contains(layout.text(at: $0))
                }.prefix(top)
                let bound = rivals.count < top ? nil : Array(rivals).last
                let isKept = pair.positives.map { positive in
                    guard let bound, let text = row.positives.first(where: { set.texts[Int($0)].isSame(as: positive) })
                    else { return true }
                    return space.similarity(row.anchor, layout.places[Int(text)])
                        >= space.similarity(row.anchor, bound)
                }
                report.positives += isKept.count
                report.droppedPositives += isKept.count { !$0 }
                if !isKept.contains(true) { continue }
                var pair = pair
                pair.positives = zip(pair.positives, isKept).filter(\.1).map(\.0)
                pair.positiveScores = pair.positiveScores.map { zip($0, isKept).filter(\.1).map(\.0) }
                kept.append(pair)
            }
            report.droppedRows = report.rows - kept.count
            return (kept, report)
        }
    }
}

extension String {
    /// Whether both have the same bytes: `==` also holds for other spellings of the same characters.
    fileprivate func isSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
