// Texts that stay where the starting model put them.
// T texts of a step, D dimension.

internal import SemblanceEncoders
package import SemblanceNumerics

/// A pull towards the starting model's embeddings, on texts that need no label.
///
///     term = weight · mean over the step's T texts of ‖u − u₀‖²,   ‖u − u₀‖² = 2 (1 − cosine(e, e₀))
///
/// u is a text's embedding at unit length, u₀ what it was before the first step. Texts are embedded without dropout, so the
/// term is 0 at first. They are embedded as documents, and as queries too where those have weights or a prompt of their
/// own; then the term is the mean of both. All texts take their turns.
///
/// - Complexity: a step embeds T texts more; the start's embeddings of all texts are held.
/// - Note: Source: the loss of learning without forgetting (arXiv:1606.09282, §3), with the distance of embeddings in place
///   of that of class probabilities.
package struct Pull {
    private let order: [Int32]
    private let count: Int
    private let weight: Float
    private let sides: [Side]

    private struct Side {
        let role: Role
        let store: TokenStore
        /// `[texts, D]`, unit rows.
        let start: Matrix
    }

    /// Embeds the texts with the model as it is.
    ///
    /// - Parameter texts: at least one; each counts once.
    init(
        _ texts: [String],
        from model: TrainedModel,
        _ configuration: TrainingConfiguration,
        workers: Workers,
        cancellation: Cancellation
    ) throws {
        let embedder = model.embedder
        let all = (0..<Int32(texts.count)).map { $0 }
        var random = RandomStream(seed: configuration.seed, stream: 0x9011)
        order = random.permutation(of: texts.count).map(Int32.init)
        count = min(configuration.retention.pullTexts, texts.count)
        weight = configuration.retention.pullWeight
        let roles: [Role] = embedder.embedsRolesAlike ? [.document] : [.document, .query]
        sides = try roles.map { role in
            let store = TokenStore(texts, used: all, embedder: embedder, role: role, workers: workers)
            let start = try EmbeddingJob(
                encoder: embedder.tower(for: role).encoder,
                weights: Weights(
                    Array(model.parameters[model.range(of: role)]),
                    precision: configuration.compute.precision
                ),
                skipped: store.skippedTokens,
                normalizes: true
            ).run(store.tokens(of: all[...]), workers, cancellation)
            return Side(role: role, store: store, start: start)
        }
    }

    /// Embeds a step's texts and adds the gradients of the weights.
    func run(_ step: SideStep, into sums: inout [ParameterGradients]) -> (loss: Double, tokens: Int) {
        let texts = (0..<count).map { order[(step.number * count + $0) % order.count] }
        var (loss, tokens) = (0.0, 0)
        for side in sides {
            let batch = step.embed(texts, side.role, side.store, .whole)
            let term = Self.term(
                of: batch.embeddings,
                from: side.start.gatheringRows(texts.map(Int.init)),
                weight: Double(weight) / Double(sides.count),
                workers: step.workers
            )
            loss += term.loss
            tokens += batch.tokenCount
            batch.backpropagate(term.gradient, into: &sums[side.role == .query ? 0 : sums.count - 1])
        }
        return (loss, tokens)
    }

    /// weight · mean over the rows of ‖u − u₀‖², and its gradient; at u₀ both are exactly 0.
    ///
    /// - Parameters:
    ///   - embeddings: `[T, D]`, of any length.
    ///   - start: `[T, D]`, unit rows.
    package static func term(
        of embeddings: Matrix,
        from start: Matrix,
        weight: Double,
        workers: Workers
    ) -> (loss: Double, gradient: Matrix) {
        let unit = UnitRows(embeddings, workers: workers)
        var distance = unit.output
        distance.add(start, times: -1)
        let factor = weight / Double(embeddings.rows)
        let loss = factor * distance.sumOfSquares
        distance.scale(by: Float(2 * factor))
        return (loss, unit.gradient(distance, workers: workers))
    }
}
