// The contrastive kernel: scores, softmax and gradients in blocks of rows, so memory grows with B·D, not with B².
// B anchors, C documents, D dimension, R rows of a block, N columns: the candidates of all directions.

internal import CSemblanceKernels
package import SemblanceNumerics

/// The objective's result for one batch.
package struct Contrast: Sendable {
    /// The mean loss of the anchors, in nats.
    package var loss = 0.0
    /// `[B, D]`: ∂loss/∂ of the anchors' embeddings.
    package var anchorGradient: Matrix
    /// `[C, D]`: ∂loss/∂ of the documents' embeddings.
    package var documentGradient: Matrix
    /// ∂loss/∂(1/τ).
    package var scaleGradient = 0.0
    /// The mean number of candidates a mask closed, and of all.
    package var maskedPerRow = 0.0
    package var candidatesPerRow = 0
    /// Open candidates that came out above the row's positive, at most one a row.
    package var suspects: [Suspect] = []

    /// A document that looks more relevant to the anchor than its positive does.
    package struct Suspect: Sendable {
        package let row: Int
        package let document: Int
        package let score: Float
        package let positiveScore: Float
    }
}

/// Computes ``ContrastiveConfiguration``'s loss and its gradient.
///
/// The score matrix is worked through in blocks of R rows over all N columns: scores (one product), softmax and gradient
/// in place, then the gradient's products with candidates and anchors. A row sees all its columns at once, so nothing is
/// computed twice: 2·3·N·D products a row. R depends on N alone, never on the threads.
///
/// - Note: Source of the blocking: arXiv:2410.17243; of embeddings apart from their encoder: arXiv:2101.06983.
package struct ContrastiveObjective: Sendable {
    package let configuration: ContrastiveConfiguration
    /// Floats of the score block: 64 MiB.
    package var scoreBudget = 16 << 20

    package init(_ configuration: ContrastiveConfiguration) { self.configuration = configuration }

    /// Loss and gradients of a batch.
    ///
    /// - Parameters:
    ///   - anchors: `[B, D]`, of any length; the objective scales rows to unit length and differentiates through that.
    ///   - documents: `[C, D]`, likewise, laid out as in `batch`.
    ///   - scale: 1/τ.
    /// - Complexity: O(B·N·D) time, O((B + C)·D) memory and a block of at most `scoreBudget` floats (or one row).
    package func contrast(
        anchors: Matrix,
        documents: Matrix,
        batch: ContrastiveBatch,
        scale: Float,
        workers: Workers
    ) -> Contrast {
        precondition(anchors.rows == batch.anchors.count && documents.rows == batch.documents.count)
        let unitAnchors = UnitRows(anchors, workers: workers)
        let unitDocuments = UnitRows(documents, workers: workers)
        var result = Contrast(
            anchorGradient: Matrix(rows: anchors.rows, columns: anchors.columns),
            documentGradient: Matrix(rows: documents.rows, columns: documents.columns)
        )
        let partitions =
            configuration.partition == .joint
            ? [configuration.directions] : configuration.directions.map { [$0] }
        for directions in partitions {
            let pass = ContrastivePass(
                directions: directions,
                anchors: unitAnchors.output,
                documents: unitDocuments.output,
                batch: batch,
                configuration: configuration,
                scoreBudget: scoreBudget,
                share: 1 / Double(partitions.count)
            )
            pass.run(scale: scale, workers: workers, into: &result)
        }
        result.anchorGradient = unitAnchors.gradient(result.anchorGradient, workers: workers)
        result.documentGradient = unitDocuments.gradient(result.documentGradient, workers: workers)
        return result
    }
}
