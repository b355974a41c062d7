public import SemblanceNumerics

/// Several views for each anchor (Poly-View): the anchor and all its positives are views of one thing, and each is told
/// from the views of the others.
///
///     ℓ[α, β] = exp(vα · vβ / τ) / (exp(vα · vβ / τ) + Σ over other rows' views, and hard negatives, of exp(vα · x / τ))
///     geometric:  loss = −mean over rows, over views α, over views β ≠ α of log ℓ[α, β]
///     arithmetic: loss = −mean over rows, over views α of log (mean over views β ≠ α of ℓ[α, β])
///
/// A view's other positives are no negatives of it: neither target nor candidate spoils the other. With two views both
/// are InfoNCE in two directions; arithmetic asks of a view to find some of its others, geometric all of them, and is
/// never below. There is no softmax beside it: it takes the place of the objective's own.
///
/// - Complexity: O(V·(V + H)·D) time and O(V·(V + H)) memory for V views and H hard negatives in a batch.
/// - Note: Source: Shidani et al. 2024, arXiv:2403.05490, §2.3 and the algorithm in its appendix; geometric did best there.
public struct PolyView: StandardMethod {
    /// The name in configurations.
    public static let name = "poly-view"

    /// How the likelihoods of a view's others are averaged.
    public enum Mean: String, Hashable, Sendable, Codable, CaseIterable {
        /// −mean of log ℓ.
        case geometric
        /// −log of mean ℓ.
        case arithmetic
    }

    /// The mean. The default is geometric.
    public var mean = Mean.geometric

    /// The defaults.
    public init() {}

    /// Yes.
    public var replacesContrast: Bool { true }

    /// The loss over all views.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let rows = step.anchorTexts.count
        let positives = step.isPositive.prefix { $0 }.count
        let owners = (0..<rows).map(Int32.init) + step.owners.prefix(positives)
        let texts = step.anchorTexts + step.documentTexts.prefix(positives)
        var viewsOfRow = [[Int]](repeating: [], count: rows)
        for (view, row) in owners.enumerated() { viewsOfRow[Int(row)].append(view) }

        let views = MatrixExpression.stacked([step.anchors, step.documents.rows(0..<positives)])
        let negatives = step.documents.rows(positives..<step.documents.value.rows)
        var keys = CandidateKeys()
        for (row, views) in viewsOfRow.enumerated() {
            keys.appendRow(group: step.groups[row], texts: views.map { texts[$0] })
        }
        keys.appendColumns(
            anchors: nil,
            texts: texts,
            groups: owners.map { step.groups[Int($0)] },
            owners: owners,
            visibility: .allButOwner
        )
        let ownersOfNegatives = Array(step.owners.dropFirst(positives))
        keys.appendColumns(
            anchors: nil,
            texts: Array(step.documentTexts.dropFirst(positives)),
            groups: ownersOfNegatives.map { step.groups[Int($0)] },
            owners: ownersOfNegatives,
            visibility: .all
        )
        let mask = keys.mask.gatheringRows(owners.map(Int.init))

        let scaled = views * step.scaleOfTerms
        let logits =
            scaled.product(MatrixExpression.stacked([views, negatives]), transposed: true) + MatrixExpression(mask)
        let others = logits.logSumExpOfRows
        // The k-th of the others of each view; a view that has fewer is paired with itself and weighs 0.
        let partners = owners.indices.map { view in viewsOfRow[Int(owners[view])].filter { $0 != view } }
        let logLikelihoods = (0..<(partners.map(\.count).max() ?? 0)).map { k in
            let partner = partners.indices.map { partners[$0].count > k ? partners[$0][k] : $0 }
            return (
                -(others - scaled.rowDots(views.gathering(partner))).softplus,
                MatrixExpression(column: partners.map { $0.count > k ? 1 / Float($0.count) : 0 })
            )
        }
        let share = MatrixExpression(column: owners.map { 1 / Float(rows * viewsOfRow[Int($0)].count) })
        return -(share * logMean(logLikelihoods)).sum
    }

    /// `[V, 1]`: the mean of log ℓ or the log of mean ℓ, given log ℓ and their weights.
    private func logMean(_ terms: [(logLikelihood: MatrixExpression, weight: MatrixExpression)]) -> MatrixExpression {
        func sum(_ parts: [MatrixExpression]) -> MatrixExpression { parts.dropFirst().reduce(parts[0], +) }
        switch mean {
        case .geometric: return sum(terms.map { $0.weight * $0.logLikelihood })
        case .arithmetic:
            // The largest of each view leaves the exponent, so that none vanishes.
            let largest = (0..<terms[0].weight.value.rows).map { view in
                terms.reduce(-Float.infinity) { largest, term in
                    term.weight.value[view, 0] > 0 ? max(largest, term.logLikelihood.value[view, 0]) : largest
                }
            }
            let shift = MatrixExpression(column: largest)
            return shift + sum(terms.map { $0.weight * ($0.logLikelihood - shift).exp }).log
        }
    }
}
