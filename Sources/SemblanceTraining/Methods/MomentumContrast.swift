internal import CSemblanceKernels
internal import SemblanceEncoders
public import SemblanceNumerics

/// Momentum contrast (MoCo): anchors are compared with keys, the documents as a slowly moving copy of the encoder
/// embeds them, and with a queue of the keys of past batches.
///
///     θₖ ← m θₖ + (1 − m) θ after every step;  k = unit embedding under θₖ, without gradient
///     loss[i] = −log exp(aᵢ · kᵢ / τ) / (Σ over the batch's keys of exp(aᵢ · kⱼ / τ) + Σ over the queue of exp(aᵢ · kₙ / τ))
///
/// The keys of a queue come from nearly the same encoder, so it may be long. Here the batch's other keys are candidates
/// too (the queue holds them a step later), the queue begins empty, and keys known to be relevant to the anchor are
/// masked.
///
/// Two additions, off by default. **Dual view**, with a `keyWeight` above 0: the same loss from the other side,
///
///     + keyWeight · mean over i of −log exp(dᵢ · bᵢ / τ) / (Σ over j of exp(dᵢ · bⱼ / τ) + Σ over its queue of exp(dᵢ · bₙ / τ))
///
/// with the documents dᵢ as the encoder embeds them and the anchors bᵢ as its copy does; without it no gradient reaches
/// the documents, so encoders of two towers need it. **Selection**: of the queue each anchor sees the `hardest` keys
/// alone, those of the highest cosine, after keys above `maximumShareOfPositive` times its positive's have been left out
/// as suspected positives.
///
/// Time: one more pass forward (two with the dual view), and `queueSize` candidates an anchor. Memory, in checkpoints
/// too: a second set of weights and `queueSize` · D floats; the dual view has a matrix of B · (B + `queueSize`).
///
/// - Note: Sources: He et al. 2020, arXiv:1911.05722, §3.2 and its Algorithm 1, with its defaults; Hoang et al. 2025,
///   arXiv:2501.16360, for the dual view and the selection of negatives by cosine, of which the weights, the number kept
///   and the limit are chosen here.
public struct MomentumContrast: StandardMethod {
    /// The name in configurations.
    public static let name = "momentum-contrast"
    /// How many keys the queue holds. The default is 65536.
    public var queueSize = 65536
    /// m: how slowly the copy follows. The default is 0.999.
    public var momentum: Float = 0.999
    /// The weight of the documents' loss beside the anchors'. The default is 0.
    public var keyWeight: Float = 0
    /// How many keys of the queue an anchor sees, the most similar ones; `nil`, the default, is all.
    public var hardest: Int?
    /// The highest share of the positive's cosine that a key of the queue may have; `nil`, the default, is no limit.
    public var maximumShareOfPositive: Float?

    private static let documentQueue = CandidateQueue("documents")
    private static let anchorQueue = CandidateQueue("anchors")

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            queueSize >= 0 && queueSize <= 1 << 24,
            "momentum-contrast queueSize is \(queueSize): it must be 0 to 16777216"
        )
        try TrainingError.require(
            momentum >= 0 && momentum < 1,
            "momentum-contrast momentum is \(momentum): it must be at least 0 and below 1 (0.999 is usual)"
        )
        try TrainingError.require(
            keyWeight.isFinite && keyWeight >= 0,
            "momentum-contrast keyWeight is \(keyWeight): it must be a number, at least 0"
        )
        try TrainingError.require(
            hardest ?? 1 >= 1,
            "momentum-contrast hardest is \(hardest ?? 0): it must be at least 1; leave it out for the whole queue"
        )
        try TrainingError.require(
            maximumShareOfPositive?.isFinite ?? true,
            "momentum-contrast maximumShareOfPositive is \(maximumShareOfPositive ?? 0): it must be a number"
        )
    }

    /// A copy of the weights, and empty queues.
    ///
    /// - Throws: ``TrainingError`` where the documents' tower would stay as it is.
    public func start(_ training: MethodContext) throws -> MethodState {
        try TrainingError.require(
            keyWeight > 0 || training.model.sharesWeights,
            "momentum-contrast trains the anchors' tower alone, and this model has two: "
                + "give keyWeight a value above 0 (1 weighs both sides alike)"
        )
        var state = MethodState()
        for (index, parameter) in training.parameters.enumerated() { state.saved["parameter.\(index)"] = parameter }
        Self.documentQueue.start(capacity: queueSize, dimension: training.dimension, in: &state)
        if keyWeight > 0 { Self.anchorQueue.start(capacity: queueSize, dimension: training.dimension, in: &state) }
        return state
    }

    /// Puts keys in the documents' place, adds the queue, then queues the keys.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        let weights = Self.weights(in: state)
        let keys = MatrixExpression(step.embed(.documents, with: weights)).unitRows
        step.documents = keys
        if let queued = Self.documentQueue.candidates(in: state) {
            state.derived["added"] = Matrix(rows: 1, columns: 1, repeating: Float(step.add(queued)))
        }
        Self.documentQueue.append(keys.value, step.documentKeys, to: &state)
        guard keyWeight > 0 else { return }
        state.derived["anchors"] = MatrixExpression(step.embed(.anchors, with: weights)).unitRows.value
    }

    /// Leaves each anchor the hardest of the queue.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard hardest != nil || maximumShareOfPositive != nil,
            let added = state.derived["added"], let queue = block.columns.added(Int(added[0, 0]))
        else { return }
        let limits = block.positives.value.elements.map { positive in
            maximumShareOfPositive.map { $0 * positive } ?? .infinity
        }
        let columns = block.columns.count
        var closed = Matrix(rows: block.rows.count, columns: columns)
        var scratch = Matrix(uninitializedRows: 1, columns: queue.count)
        unsafe closed.withMutablePointer { closed in
            unsafe scratch.withMutablePointer { scratch in
                unsafe block.similarities.value.withPointer { similarities in
                    unsafe block.mask.withPointer { mask in
                        for row in 0..<block.rows.count {
                            let first = row * columns + queue.lowerBound
                            unsafe semblance_close_but_highest(
                                similarities + first,
                                mask + first,
                                queue.count,
                                limits[row],
                                hardest ?? queue.count,
                                closed + first,
                                scratch
                            )
                        }
                    }
                }
            }
        }
        block.close(closed)
    }

    /// The documents' loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        guard keyWeight > 0, let anchors = state.derived["anchors"] else { return nil }
        let batch = 0..<anchors.rows
        let queued = Self.anchorQueue.entries(in: state)
        var keys = CandidateKeys()
        for row in batch {
            keys.appendRow(
                anchor: step.anchorTexts[row],
                group: step.groups[row],
                texts: CollectionOfOne(step.documentTexts[row])
            )
        }
        let columns = Self.keys(of: step) + (queued?.keys ?? [])
        keys.appendColumns(
            anchors: columns.map(\.anchor),
            texts: columns.map(\.text),
            groups: columns.map(\.group),
            owners: columns.indices.map { $0 < anchors.rows ? Int32($0) : -1 },
            visibility: .allButOwner
        )
        let documents = step.rawDocuments.rows(batch).unitRows * step.scaleOfTerms
        let candidates = Matrix.concatenatingRows(
            [anchors] + (queued.map { [$0.vectors] } ?? []),
            columns: anchors.columns
        )
        let others = documents.product(MatrixExpression(candidates), transposed: true) + MatrixExpression(keys.mask)
        return keyWeight * (others.logSumExpOfRows - documents.rowDots(MatrixExpression(anchors))).softplus.mean
    }

    /// Queues the anchors, and moves the copy towards the weights.
    public func update(_ state: inout MethodState, after outcome: StepOutcome) {
        if let anchors = state.derived["anchors"] {
            Self.anchorQueue.append(anchors, Self.keys(of: outcome.step), to: &state)
        }
        for (index, parameter) in outcome.parameters.enumerated() {
            // Where nothing is trained the difference is 0, and the copy keeps its bits.
            var difference = parameter
            state.saved["parameter.\(index)"].map { difference.add($0, times: -1) }
            state.saved["parameter.\(index)"]?.add(difference, times: 1 - momentum)
        }
    }

    /// The anchors are known by their text and their positive's.
    private static func keys(of step: ContrastiveStep) -> [CandidateQueue.Keys] {
        step.anchorTexts.indices.map {
            CandidateQueue.Keys(text: step.documentTexts[$0], anchor: step.anchorTexts[$0], group: step.groups[$0])
        }
    }

    private static func weights(in state: MethodState) -> [Matrix] {
        var weights: [Matrix] = []
        while let next = state.saved["parameter.\(weights.count)"] { weights.append(next) }
        return weights
    }
}
