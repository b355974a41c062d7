internal import SemblanceNumerics

/// Positives that count by their relevance.
///
///     loss = mean over anchors i of Σ over positives j of i: g[j] · (logSumExp over open k of z[i, k] − z[i, j]) / ḡ
///
/// g are the grades, `positiveScores` or the pair's `score`; ḡ is the batch's mean of their sums over a row, so that their
/// unit doesn't matter. With one positive a row and equal grades this is the plain objective; a grade of 0 makes a positive a
/// negative of its row.
///
/// - Complexity: O(1) a score.
/// - Note: Source: Zhu, Jung and Clark 2024, arXiv:2404.08535 (GCL), §3.2: a cross entropy weighted by score-to-weight, here
///   the linear one; other functions of the score are applied to the data. The paper doesn't divide by ḡ; with Adam that
///   makes no difference but for other terms beside it.
public struct GradedRelevance: StandardMethod {
    /// `graded-relevance`.
    public static let name = "graded-relevance"

    /// The paper's settings: there are none.
    public init() {}

    /// Every row has a grade above 0, and none below.
    public func start(_ training: MethodContext) throws -> MethodState {
        for (index, row) in training.rows.enumerated() {
            let grades = row.positiveScores.isEmpty ? [row.score] : row.positiveScores
            guard grades.allSatisfy({ $0 >= 0 && $0.isFinite }), grades.contains(where: { $0 > 0 }) else {
                throw training.unusable(
                    index,
                    " has the grades \(grades), and \(Self.name) needs one above 0 and none below: give "
                        + "\"positive_scores\", or \"score\""
                )
            }
        }
        return MethodState()
    }

    /// The targets.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        var grades = [Float](repeating: 1, count: block.columns.count)
        for segment in block.columns.segments where segment.kind == .documents {
            for (column, grade) in zip(segment.range, step.grades) { grades[column] = grade }
        }
        let graded = MatrixExpression(block.isTarget) * MatrixExpression(column: grades).asRow
        block.targets = (graded / graded.rowSums).value
    }

    /// Each row by the sum of its grades.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        var sums = [Float](repeating: 0, count: step.anchorTexts.count)
        for (document, grade) in step.grades.enumerated() where step.isPositive[document] {
            sums[Int(step.owners[document])] += grade
        }
        let mean = sums.reduce(0, +) / Float(sums.count)
        return sums.map { $0 / mean }
    }
}

extension ContrastiveStep {
    /// `[C]`: how relevant documents are to their owners; 0 for negatives.
    fileprivate var grades: [Float] {
        documentTexts.indices.map { document in
            guard isPositive[document] else { return 0 }
            let own = documentScores[document]
            return own.isNaN ? scores[Int(owners[document])] : own
        }
    }
}
