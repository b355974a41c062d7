// The contrastive objective over several views of the embeddings.
// B anchors, C documents, W columns: the last layer's components and those of a step's other layers.

internal import SemblanceEncoders
package import SemblanceNumerics

/// The objective's result for one batch, over all views.
package struct NestedContrast {
    /// The sum of the views' losses, its gradients, `[B, W]` and `[C, W]`, and for all else the whole embedding's result.
    package var total: Contrast
    /// Each view's own result, by its place among ``NestedViews/all``.
    package var views: [(index: Int, contrast: Contrast)]
}

/// ``ContrastiveObjective`` on each view of ``NestingConfiguration``, methods and all, and the alignment of layers.
///
/// Each view has a state of its own for each method, as their matrices have the view's dimension.
///
/// - Complexity: the sum of the views' costs; the encoder's is that of one pass.
package struct NestedObjective: Sendable {
    package let objective: ContrastiveObjective
    package let views: NestedViews
    private let alignmentWeight: Float
    private let temperature: Float

    /// - Parameters:
    ///   - dimension: the model's.
    ///   - layerCount: how many layers it has; 0 where it has none.
    /// - Throws: ``TrainingError`` for a layer or a dimension that the model lacks.
    package init(_ objective: ContrastiveObjective, dimension: Int, layerCount: Int) throws {
        let nesting = objective.configuration.nesting
        self.objective = objective
        views = try NestedViews(nesting, dimension: dimension, layerCount: layerCount)
        alignmentWeight = nesting.alignmentWeight
        temperature = nesting.alignmentTemperature
    }

    init(_ objective: ContrastiveObjective, for embedder: Embedder) throws {
        let counts = Role.allCases.map { embedder.tower(for: $0).encoder.layerCount }
        try TrainingError.require(
            objective.configuration.nesting.layers.isEmpty || counts[0] == counts[1],
            "objective.nesting.layers are for towers of as many layers: queries have \(counts[0]), documents \(counts[1])"
        )
        try self.init(objective, dimension: embedder.dimension, layerCount: counts[0])
    }

    /// The states of all methods, view by view.
    func start(_ training: MethodContext) throws -> [MethodState] {
        let memory = EmbeddingMemory()
        return try views.all.flatMap { view in
            try objective.methods.enumerated().map { index, method in
                try method.start(memory.context(training, method: index, dimension: view.dimension))
            }
        }
    }

    /// Loss and gradients of a batch.
    ///
    /// - Parameters:
    ///   - anchors: `[B, W]`, of any length, laid out as `selection` says.
    ///   - documents: `[C, W]`, likewise.
    ///   - selection: the step's views.
    ///   - states: of the methods, view by view.
    package func contrast(
        anchors: Matrix,
        documents: Matrix,
        batch: ContrastiveBatch,
        context: ContrastiveStep.Context = .init(),
        scale: Float,
        selection: NestedViews.Selection,
        states: inout [MethodState],
        workers: Workers
    ) -> NestedContrast {
        let found = selection.views.map { view in
            let range = view.index * objective.methods.count..<(view.index + 1) * objective.methods.count
            var own = Array(states[range])
            var context = context
            context.embed = context.embed.map { embed in { embed($0, $1).columns(view.columns) } }
            let contrast = objective.contrast(
                anchors: anchors.columns(view.columns),
                documents: documents.columns(view.columns),
                batch: batch,
                context: context,
                scale: scale,
                states: &own,
                workers: workers
            )
            states.replaceSubrange(range, with: own)
            return (index: view.index, contrast: contrast)
        }
        var total = found[0].contrast
        guard found.count > 1 else { return NestedContrast(total: total, views: found) }
        total.anchorGradient = Matrix(rows: anchors.rows, columns: anchors.columns)
        total.documentGradient = Matrix(rows: documents.rows, columns: documents.columns)
        (total.loss, total.scaleGradient) = (0, 0)
        for (view, (_, contrast)) in zip(selection.views, found) {
            total.loss += view.weight * contrast.loss
            total.scaleGradient += view.weight * contrast.scaleGradient
            let (first, weight) = (view.columns.lowerBound, Float(view.weight))
            total.anchorGradient.addColumns(from: first, contrast.anchorGradient, times: weight)
            total.documentGradient.addColumns(from: first, contrast.documentGradient, times: weight)
        }
        if !selection.layers.isEmpty, alignmentWeight > 0 {
            align(anchors, documents, selection, workers, into: &total)
        }
        return NestedContrast(total: total, views: found)
    }

    /// Adds the divergence of the layers' embeddings from the last one's.
    private func align(
        _ anchors: Matrix,
        _ documents: Matrix,
        _ selection: NestedViews.Selection,
        _ workers: Workers,
        into total: inout Contrast
    ) {
        let tape = Tape(Weights([]), isRecording: true, workers: workers)
        let inputs = [tape.input(anchors), tape.input(documents)]
        let dimension = views.all[0].dimension
        var sum = MatrixExpression(0)
        for input in inputs {
            let embeddings = MatrixExpression(input, on: tape)
            for place in 1...selection.layers.count {
                let first = place * dimension
                let width = selection.views.filter { $0.columns.lowerBound == first }.map(\.columns.count).max() ?? 0
                let last = embeddings.detached.columns(0..<width).unitRows / temperature
                let layer = embeddings.columns(first..<first + width).unitRows / temperature
                let logTargets = last - last.logSumExpOfRows
                let logShares = layer - layer.logSumExpOfRows
                sum = sum + (logTargets.exp * (logTargets - logShares)).sum
            }
        }
        let factor = alignmentWeight * temperature / Float(anchors.rows + documents.rows)
        let term = sum * factor
        total.loss += Double(term.value[0, 0])
        let one = Matrix(rows: 1, columns: 1, repeating: 1)
        let gradients = tape.gradients(of: inputs, from: [(gradient: one, output: term.variable)])
        if let gradient = gradients[0] { total.anchorGradient.add(gradient) }
        if let gradient = gradients[1] { total.documentGradient.add(gradient) }
    }
}

/// Embeddings that methods asked for when they started. For each view they ask for the same ones, in the same order.
private final class EmbeddingMemory {
    private var made: [Int: [Matrix]] = [:]

    /// What a method can look at, for a view of `dimension` components.
    func context(_ training: MethodContext, method: Int, dimension: Int) -> MethodContext {
        var context = training
        var asked = 0
        context.dimension = dimension
        context.embedding = { [self] texts, embedder, role in
            defer { asked += 1 }
            if let known = made[method], asked < known.count { return known[asked] }
            let embeddings = try training.embedding(texts, embedder, role)
            made[method, default: []].append(embeddings)
            return embeddings
        }
        return context
    }
}
