internal import SemblanceNumerics

/// The plain softmax of anchors over a batch's documents, no candidate closed: for methods that look at a step from outside.
///
///     p[i] = softmax over documents j of scale · ⟨a[i], d[j]⟩;  the target of anchor i is document i
struct BatchSoftmax {
    /// `[B, D]` and `[C, D]`, unit rows.
    let anchors: Matrix
    let documents: Matrix
    let scale: Float

    /// Rows worked on at a time, so that memory is O((B + C)·D).
    private static let blockRows = 256

    /// `[B]`: −log p[i, i].
    var losses: [Double] {
        blocks { rows, logits in
            let targets = MatrixExpression(anchors.rows(rows)).rowDots(MatrixExpression(documents.rows(rows))) * scale
            return (logits.logSumExpOfRows - targets).value
        }.elements.map(Double.init)
    }

    /// `[B, D]`: ∂ −log p[i, i] / ∂a[i], over scale: Σ over j of p[i, j] d[j] − d[i].
    var anchorGradients: Matrix {
        blocks { rows, logits in
            let probabilities = (logits - logits.logSumExpOfRows).exp
            return (probabilities.product(MatrixExpression(documents)) - MatrixExpression(documents.rows(rows))).value
        }
    }

    private func blocks(_ body: (_ rows: Range<Int>, _ logits: MatrixExpression) -> Matrix) -> Matrix {
        let all = MatrixExpression(documents)
        let parts = stride(from: 0, to: anchors.rows, by: Self.blockRows).map { first in
            let rows = first..<min(first + Self.blockRows, anchors.rows)
            return body(rows, MatrixExpression(anchors.rows(rows)).product(all, transposed: true) * scale)
        }
        return Matrix.concatenatingRows(parts, columns: parts.first?.columns ?? 1)
    }
}
