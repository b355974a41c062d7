// What the methods on scored pairs share.

internal import SemblanceNumerics

extension ContrastiveStep {
    /// `[B, D]`: the first positive of each anchor.
    var firstPositives: MatrixExpression { documents.rows(0..<anchorTexts.count) }
}

extension MethodContext {
    /// Why a row can't be used; `problem` goes on where it has been named.
    func unusable(_ row: Int, _ problem: String) -> TrainingError {
        TrainingError.pair(row, anchor: texts[Int(rows[row].anchor)], problem)
    }

    /// Expects a score of every pair, within bounds.
    func requireScores(for method: String, within bounds: ClosedRange<Float>? = nil) throws {
        for (index, row) in rows.enumerated() {
            guard row.score.isFinite else {
                throw unusable(index, " has no score, which \(method) needs: give every pair one (\"score\" in JSON)")
            }
            if let bounds, !bounds.contains(row.score) {
                throw unusable(
                    index,
                    " has the score \(row.score), and \(method) needs \(bounds.lowerBound) … \(bounds.upperBound): "
                        + "scale the scores"
                )
            }
        }
    }
}

/// log(1 + Σ over pairs i with a higher label than j of exp(s[j] − s[i])), `[1, 1]`, of similarities `[B, 1]`.
///
/// - Complexity: O(B²) time and memory.
func rankingLoss(_ similarities: MatrixExpression, labels: [Float]) -> MatrixExpression {
    let labels = MatrixExpression(column: labels)
    let isHigher = MatrixExpression(labels > labels.asRow)
    let violations = similarities.asRow - similarities + isHigher.asMask
    return MatrixExpression.stacked([violations.logSumExpOfRows, MatrixExpression(0)]).asRow.logSumExpOfRows
}
