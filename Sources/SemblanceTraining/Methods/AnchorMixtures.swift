internal import SemblanceNumerics

/// Mixtures with the anchor as hard negatives, mixtures without it as hard positives (SupReMix).
///
///     anchor-inclusive: m[i, j] = λ aᵢ + (1 − λ) dⱼ for every negative j, λ ~ Beta(2, 8), a negative of anchor i alone
///     anchor-exclusive: p[i] = μ dⱼ + (1 − μ) dₖ with yⱼ < yᵢ < yₖ and μ yⱼ + (1 − μ) yₖ = yᵢ, a positive of anchor i
///
/// An anchor-inclusive mixture is nearer to the anchor than the negative it is made of: aᵢ · m = λ + (1 − λ) aᵢ · dⱼ. So
/// no vector need be made: each negative's logit z becomes log(exp z + exp(z + λ (1 − aᵢ · dⱼ) / τ)).
///
/// Anchor-exclusive mixtures need a line to lie on: the rows' scores as labels y. For each anchor j and k are drawn among
/// the rows of the batch with labels at most `window` away.
///
/// λ is drawn once for each anchor (the authors draw one for each mixture, and take all j and k). As in their code
/// mixtures keep their length, but here gradient flows to both ends.
///
/// - Note: Source: Wu et al. 2023, arXiv:2309.16633, §3.2; the window is chosen for each data set there.
public struct AnchorMixtures: StandardMethod {
    /// The name in configurations.
    public static let name = "anchor-mixtures"
    /// Whether there are anchor-inclusive mixtures. The default is yes.
    public var isInclusive = true
    /// The beta distribution of the anchor's share λ. The default is Beta(2, 8), a fifth on average.
    public var alpha = 2.0, beta = 8.0
    /// The furthest label an anchor-exclusive mixture is made of; `nil`, the default, makes none.
    public var window: Float?

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        for (name, value) in [("alpha", alpha), ("beta", beta)] {
            try TrainingError.require(
                value.isFinite && value > 0,
                "anchor-mixtures \(name) is \(value): it must be a number above 0"
            )
        }
        if let window {
            try TrainingError.require(window > 0, "anchor-mixtures window is \(window): it must be above 0")
        }
    }

    /// - Throws: ``TrainingError`` where there is a window and no row has a score.
    public func start(_ training: MethodContext) throws -> MethodState {
        if window != nil, training.rows.allSatisfy({ $0.score.isNaN }) {
            throw TrainingError(
                code: .invalidData,
                message: "anchor-mixtures with a window need labels, and no pair has one: "
                    + "give each pair a \"score\", or leave the window out for anchor-inclusive mixtures alone"
            )
        }
        return MethodState()
    }

    /// Draws λ, and adds the anchor-exclusive mixtures.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        if isInclusive {
            var random = step.random()
            let shares = step.anchorTexts.map { _ in Float(random.beta(alpha, beta)) }
            state.derived["shares"] = Matrix(column: shares)
        }
        if let window { addExclusive(window, to: &step) }
    }

    /// Adds each negative's mixture with the anchor to its logit.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard isInclusive, let shares = state.derived["shares"] else { return }
        let nearer = block.scale * MatrixExpression(shares.rows(block.rows)) * (1 - block.similarities)
        block.logits = block.logits + nearer.softplus * (1 - MatrixExpression(block.isTarget))
    }

    private func addExclusive(_ window: Float, to step: inout ContrastiveStep) {
        var random = step.random(1)
        let labels = step.scores
        let order = labels.indices.filter { !labels[$0].isNaN }.sorted { labels[$0] < labels[$1] }
        var owners: [Int32] = []
        var (below, above, shares): ([Int], [Int], [Float]) = ([], [], [])
        for row in order {
            let label = labels[row]
            let start = order.partition { labels[$0] >= label - window }
            let same = order.partition { labels[$0] >= label }..<order.partition { labels[$0] > label }
            let end = order.partition { labels[$0] > label + window }
            guard start < same.lowerBound, same.upperBound < end else { continue }
            let (j, k) = (
                order[Int.random(in: start..<same.lowerBound, using: &random)],
                order[Int.random(in: same.upperBound..<end, using: &random)]
            )
            owners.append(Int32(row))
            below.append(j)
            above.append(k)
            shares.append((labels[k] - label) / (labels[k] - labels[j]))
        }
        guard !owners.isEmpty else { return }
        let share = MatrixExpression(column: shares)
        var mixtures = Candidates(
            share * step.documents.gathering(below) + (1 - share) * step.documents.gathering(above),
            owners: owners
        )
        mixtures.isPrivate = true
        mixtures.isPositive = true
        step.add(mixtures)
    }
}

extension [Int] {
    /// The first index from which on `condition` holds, in a list it divides in two.
    fileprivate func partition(where condition: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
