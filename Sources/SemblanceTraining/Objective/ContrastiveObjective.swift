// The contrastive kernel: scores, softmax and gradients in blocks of rows, so memory grows with B·D, not with B².
// B anchors, C documents, D dimension, R rows of a block, N columns: the candidates of all directions.

internal import CSemblanceKernels
package import SemblanceNumerics

/// The objective's result for one batch.
package struct Contrast {
    /// The mean loss of the anchors, in nats, with the methods' terms.
    package var loss = 0.0
    /// `[B]`: the anchors' losses, unweighted.
    package var losses: [Double] = []
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
    /// The step as methods saw it, without its expressions' past.
    package var step: ContrastiveStep
    /// By method: the gradients of what it had learned.
    package var learned: [[String: Matrix]] = []

    /// The step as a method sees it.
    func step(seenBy method: Int) -> ContrastiveStep {
        var step = step
        step.method = method
        return step
    }

    /// A document that looks more relevant to the anchor than its positive does.
    package struct Suspect: Sendable {
        package let row: Int
        package let document: Int
        package let score: Float
        package let positiveScore: Float
    }
}

/// Computes ``ContrastiveConfiguration``'s loss and its gradient, with what methods change.
///
/// The score matrix is worked through in blocks of R rows over all N columns: scores (one product), softmax and gradient
/// in place, then the gradient's products with candidates and anchors. A row sees all its columns at once, so nothing is
/// computed twice: 2·3·N·D products a row. R depends on N alone, never on the threads.
///
/// - Note: Source of the blocking: arXiv:2410.17243; of embeddings apart from their encoder: arXiv:2101.06983.
package struct ContrastiveObjective: Sendable {
    package let configuration: ContrastiveConfiguration
    package let methods: [any ContrastiveMethod]
    /// Floats of the score block: 64 MiB.
    package var scoreBudget = 16 << 20

    /// The methods of the configuration, then `methods`.
    package init(_ configuration: ContrastiveConfiguration, methods: [any ContrastiveMethod] = []) {
        self.configuration = configuration
        self.methods = configuration.methods.map { $0.method } + methods
    }

    /// Loss and gradients of a batch.
    ///
    /// - Parameters:
    ///   - anchors: `[B, D]`, of any length; the objective scales rows to unit length and differentiates through that.
    ///   - documents: `[C, D]`, likewise, laid out as in `batch`.
    ///   - context: what else methods may ask of a step.
    ///   - scale: 1/τ.
    ///   - states: of the methods.
    /// - Complexity: O(B·N·D) time, O((B + C)·D) memory and a block of at most `scoreBudget` floats (or one row).
    package func contrast(
        anchors: Matrix,
        documents: Matrix,
        batch: ContrastiveBatch,
        context: ContrastiveStep.Context = .init(),
        scale: Float,
        states: inout [MethodState],
        workers: Workers
    ) -> Contrast {
        precondition(anchors.rows == batch.anchors.count && documents.rows == batch.documents.count)
        let tape = Tape(Weights([]), isRecording: true, workers: workers)
        let inputs = [anchors, documents, Matrix(rows: 1, columns: 1, repeating: scale)].map(tape.input)
        var step = ContrastiveStep(
            anchors: inputs[0],
            documents: inputs[1],
            scale: inputs[2],
            batch: batch,
            context: context,
            on: tape
        )
        for index in methods.indices {
            step.method = index
            methods[index].candidates(for: &step, &states[index])
        }
        var sums = ContrastSums(step)
        if !methods.contains(where: \.replacesContrast) {
            contrast(step, batch, &states, workers, &sums)
        }
        var seeds = zip(sums.gradients, sums.variables(of: step)).map { (gradient: $0, output: $1) }
        for index in methods.indices {
            step.method = index
            guard let term = methods[index].term(for: &step, states[index]) else { continue }
            precondition(term.value.count == 1, "the term of \(methods[index]) is \(term.value), not one number")
            sums.loss += Double(term.value[0, 0])
            seeds.append((Matrix(rows: 1, columns: 1, repeating: 1), term.variable))
        }
        let gradients = tape.gradients(of: inputs + step.learned.map(\.variable), from: seeds)
        if let ofTerms = gradients[2] { sums.scaleGradient += Double(ofTerms[0, 0]) }
        var learned = [[String: Matrix]](repeating: [:], count: methods.count)
        for (weight, gradient) in zip(step.learned, gradients.dropFirst(inputs.count)) {
            learned[weight.method][weight.name] = gradient
        }
        return Contrast(
            loss: sums.loss,
            losses: sums.losses,
            anchorGradient: gradients[0] ?? Matrix(rows: anchors.rows, columns: anchors.columns),
            documentGradient: gradients[1] ?? Matrix(rows: documents.rows, columns: documents.columns),
            scaleGradient: sums.scaleGradient,
            maskedPerRow: sums.maskedPerRow,
            candidatesPerRow: sums.candidatesPerRow,
            suspects: sums.suspects,
            step: step.frozen,
            learned: learned
        )
    }

    /// The softmax over candidates.
    private func contrast(
        _ step: ContrastiveStep,
        _ batch: ContrastiveBatch,
        _ states: inout [MethodState],
        _ workers: Workers,
        _ sums: inout ContrastSums
    ) {
        let partitions =
            configuration.partition == .joint
            ? [configuration.directions] : configuration.directions.map { [$0] }
        let frozen = step.frozen
        let passes = partitions.map { directions in
            ContrastivePass(
                directions: directions,
                step: frozen,
                batch: batch,
                configuration: configuration,
                methods: methods,
                states: states,
                scoreBudget: scoreBudget,
                share: 1 / Double(partitions.count)
            )
        }
        var weights: [Float]?
        var isScored = false
        for index in methods.indices {
            if methods[index].weighsRows, !isScored {
                isScored = true
                for pass in passes { pass.run(weights: nil, onlyLosses: true, workers: workers, into: &sums) }
            }
            var turn = frozen
            turn.method = index
            let losses = RowLosses(
                losses: sums.losses,
                entropies: sums.entropies,
                candidates: sums.candidates
            )
            guard let factors = methods[index].weights(of: losses, in: turn, &states[index]) else { continue }
            precondition(factors.count == batch.anchors.count, "\(factors.count) weights of \(methods[index])")
            weights = weights.map { zip($0, factors).map { $0 * $1 } } ?? factors
        }
        sums.forgetRows()
        for pass in passes { pass.run(weights: weights, onlyLosses: false, workers: workers, into: &sums) }
    }
}

/// What passes add up.
struct ContrastSums {
    var loss = 0.0
    /// Of each anchor, as in ``RowLosses``.
    private(set) var losses: [Double] = []
    private(set) var entropies: [Double] = []
    private(set) var candidates: [Double] = []
    /// Of the unit anchors, the unit documents, and added candidates; those that are constants have none.
    var gradients: [Matrix]
    var scaleGradient = 0.0
    var maskedPerRow = 0.0
    var candidatesPerRow = 0
    var suspects: [Contrast.Suspect] = []

    init(_ step: ContrastiveStep) {
        let added = step.candidates.map(\.vectors)
        gradients =
            [step.anchors, step.documents].map { Matrix(rows: $0.value.rows, columns: $0.value.columns) }
            + added.map { Matrix(rows: $0.isConstant ? 0 : $0.value.rows, columns: $0.value.columns) }
        forgetRows()
    }

    /// Notes what a partition found of an anchor.
    mutating func add(_ report: semblance_contrast_row, share: Double, toRow row: Int) {
        losses[row] += report.loss * share
        entropies[row] += report.entropy * share
        candidates[row] += Double(report.open) * share
    }

    /// Makes the anchors' sums 0.
    mutating func forgetRows() {
        losses = Array(repeating: 0, count: gradients[0].rows)
        (entropies, candidates) = (losses, losses)
    }

    /// What the gradients are of.
    func variables(of step: ContrastiveStep) -> [Variable] {
        ([step.anchors, step.documents] + step.candidates.map(\.vectors)).map(\.variable)
    }
}
