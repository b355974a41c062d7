internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics

/// Clusters of anchors whose loss is high, and whose gradient helps other clusters with a high loss, weigh more (iDRO of
/// COCO-DR).
///
///     r[g, h] = (ℓ[g] ℓ[h])^α cos(∇ℓ[g], ∇ℓ[h])                     ℓ[g]: mean loss of the cluster's anchors in the batch
///     ω[g]    ← ω[g]^μ exp(ρ · mean over clusters h of r[g, h])      brought to the share the batch's clusters had
///     loss    = Σ over clusters g of the batch: ω[g] ℓ[g] / Σ ω
///
/// Clusters are made of the anchors' embeddings under the model that training starts from, once, by k-means. ω begins
/// equal, sums to 1, and is never below ε before it is brought to that sum. Gradients are with respect to a linear map put
/// behind the anchors (the paper: the last layers' weights), of the plain softmax over the batch's documents:
/// ⟨∇ℓ[g], ∇ℓ[h]⟩ is the mean over i in g, j in h of ⟨a[i], a[j]⟩ ⟨c[i], c[j]⟩, where c[i] is the gradient of anchor i.
///
/// - Complexity: O(B·(B + C)·D) a step, about what the kernel costs, and O(B·D) memory; rows are scored twice.
/// - Note: Source: Yu et al. 2022, arXiv:2210.15212 (iDRO); K = 50, α = 0.25, ρ = 0.05, μ = 0.1 and ε = 0.01 as in the authors'
///   code, where a cluster that the batch lacks falls to ε; here it keeps its weight.
public struct ClusterRobustness: StandardMethod {
    /// The name in configurations.
    public static let name = "cluster-robustness"
    /// K, how many clusters there are. The default is 50.
    public var clusters = 50
    /// α, how much a loss counts. The default is 0.25.
    public var lossPower = 0.25
    /// ρ, how fast weights change. The default is 0.05.
    public var rate = 0.05
    /// μ, how much of a weight is kept. The default is 0.1.
    public var memory = 0.1
    /// ε, the least weight. The default is 0.01.
    public var floor = 0.01

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(clusters >= 2, "\(Self.name): clusters is \(clusters): it must be at least 2")
        for (name, value) in [("lossPower", lossPower), ("rate", rate), ("floor", floor)] {
            try TrainingError.require(
                value.isFinite && value >= 0,
                "\(Self.name): \(name) is \(value): it must be a number, at least 0"
            )
        }
        try TrainingError.require(memory >= 0 && memory <= 1, "\(Self.name): memory is \(memory): it must be 0 to 1")
    }

    /// Clusters the anchors.
    public func start(_ training: MethodContext) throws -> MethodState {
        let anchors = training.rows.map(\.anchor)
        let found = SphericalClusters.of(
            MatrixExpression(try training.embed(anchors, with: training.model, as: .query)).unitRows.value,
            count: clusters,
            seed: training.seed,
            workers: .shared()
        )
        var state = MethodState()
        state.derived["clusters"] = Matrix(rows: 1, columns: found.count, elements: found.map(Float.init))
        state.saved["weights"] = Matrix(rows: 1, columns: clusters, repeating: 1 / Float(clusters))
        return state
    }

    /// Renews the clusters' weights, and gives each anchor its share of its cluster's.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        guard let numbers = state.derived["clusters"], var weights = state.saved["weights"] else { return nil }
        let batch = RowGroups(step.rows.map { Int(numbers[0, Int($0)]) }, losses: losses.losses)
        let cosines = cosines(of: batch, in: step)
        let levels = batch.losses.map { pow(max($0, 0), lossPower) }
        let old = batch.numbers.map { Double(weights[0, $0]) }
        var new = batch.numbers.indices.map { g in
            let agreement = batch.numbers.indices.reduce(0) { $0 + levels[g] * levels[$1] * cosines[g][$1] }
            return pow(old[g], memory) * exp(rate * agreement / Double(clusters))
        }
        let share = old.reduce(0, +) / new.reduce(0, +)
        new = new.map { max($0 * share, floor) }
        for (g, number) in batch.numbers.enumerated() { weights[0, number] = Float(new[g]) }
        weights.scale(by: 1 / weights.elements.reduce(0, +))
        state.saved["weights"] = weights
        return batch.rowWeights(new)
    }

    /// Of the gradients of the batch's clusters.
    private func cosines(of batch: RowGroups, in step: ContrastiveStep) -> [[Double]] {
        let anchors = step.anchors.value
        let softmax = BatchSoftmax(anchors: anchors, documents: step.documents.value, scale: step.scale)
        let gradients = softmax.anchorGradients
        var products = Matrix(rows: batch.numbers.count, columns: batch.numbers.count)
        for first in stride(from: 0, to: anchors.rows, by: 256) {
            let rows = first..<min(first + 256, anchors.rows)
            func kernel(_ side: Matrix) -> MatrixExpression {
                MatrixExpression(side.rows(rows)).product(MatrixExpression(side), transposed: true)
            }
            let sums = (kernel(anchors) * kernel(gradients)).product(MatrixExpression(batch.shares))
            products.add(batch.shares.rows(rows).product(sums.value, transposed: true, workers: nil))
        }
        let lengths = batch.numbers.indices.map { max(Double(products[$0, $0]), 0).squareRoot() + 1e-12 }
        return batch.numbers.indices.map { g in
            batch.numbers.indices.map { h in Double(products[g, h]) / (lengths[g] * lengths[h]) }
        }
    }
}
