// Pairs of an earlier task beside those of the new one.

internal import SemblanceEncoders
internal import SemblanceNumerics

/// Pairs of the kind a model was trained on before, some in each step.
///
///     loss = own loss + rate · loss of the replayed pairs
///
/// so that a replayed pair weighs as much as one of the data. The two lists are contrasted apart: no text of one is a
/// candidate of the other, and so none is a false negative there. Replayed pairs bring their own negatives along and have
/// the configuration's temperature, directions and masks; methods are for the new task's.
///
/// - Note: Source: rehearsal, Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal", §3.
struct Replay {
    let set: TrainingSet
    private let queries: TokenStore
    private let documents: TokenStore
    private let sampler: Sampler
    private let objective: NestedObjective
    private let rate: Float
    private let negativesPerRow: Int
    private var batches: [ArraySlice<Int32>] = []
    private var batchesOfEpoch = -1

    /// - Throws: ``TrainingError`` where a pair has no positive.
    init(_ pairs: [TrainingPair], for embedder: Embedder, _ configuration: TrainingConfiguration, workers: Workers)
        throws
    {
        set = try TrainingSet(pairs)
        queries = set.tokens(of: .query, by: embedder, workers: workers)
        documents = set.tokens(of: .document, by: embedder, workers: workers)
        rate = configuration.retention.replayRate
        sampler = Sampler(
            rows: set.rows,
            textCount: set.texts.count,
            batchSize: max(2, Int((rate * Float(configuration.batchSize)).rounded())),
            seed: configuration.seed &+ 0x4EA1
        )
        var plain = configuration.objective
        plain.methods = []
        objective = try NestedObjective(ContrastiveObjective(plain), for: embedder)
        negativesPerRow = configuration.negativesPerRow
    }

    /// Embeds a step's pairs, contrasts them and adds the gradients of the weights.
    mutating func run(_ step: SideStep, into sums: inout [ParameterGradients]) -> (loss: Double, tokens: Int) {
        let (epoch, index) = step.number.quotientAndRemainder(dividingBy: sampler.batchesPerEpoch)
        if batchesOfEpoch != epoch {
            batches = sampler.batches(epoch: epoch)
            batchesOfEpoch = epoch
        }
        let batch = ContrastiveBatch(
            batches[index].map { number in
                var row = set.rows[Int(number)]
                row.negatives = Array(row.negatives.prefix(negativesPerRow))
                return row
            }
        )
        let anchors = step.embed(batch.anchors, .query, queries, .views)
        let candidates = step.embed(batch.documents, .document, documents, .views)
        var states: [MethodState] = []
        var contrast = objective.contrast(
            anchors: anchors.embeddings,
            documents: candidates.embeddings,
            batch: batch,
            scale: step.scale,
            selection: step.selection,
            states: &states,
            workers: step.workers
        ).total
        contrast.anchorGradient.scale(by: rate)
        contrast.documentGradient.scale(by: rate)
        anchors.backpropagate(contrast.anchorGradient, into: &sums[0])
        candidates.backpropagate(contrast.documentGradient, into: &sums[sums.count - 1])
        return (Double(rate) * contrast.loss, anchors.tokenCount + candidates.tokenCount)
    }
}
