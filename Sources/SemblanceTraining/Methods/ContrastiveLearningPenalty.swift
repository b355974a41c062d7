public import SemblanceNumerics

/// Hard negatives kept near the queries they answer.
///
///     term = weight · mean over hard negatives n that answer a query q of the data of (1 − cosine(n, q))
///
/// Pushing a negative away from an anchor may push it away from its own queries. Those are the anchors of rows that have
/// its text among their positives; one is drawn in each step. Anchors of the batch are taken as they are; of others the
/// last embedding seen is remembered, and the gradient flows to the negative alone. It is 0 where no hard negative of the
/// batch answers a query.
///
/// - Complexity: O(C·D) a step, and a vector kept for each training row.
/// - Note: Source: Yu 2024, arXiv:2412.17364, for the idea. There a language model writes the queries, and all are
///   embedded; this form of the penalty, the mean, the memory and the weight are ours.
public struct ContrastiveLearningPenalty: StandardMethod {
    /// `contrastive-learning-penalty`.
    public static let name = "contrastive-learning-penalty"

    /// The weight λ beside the softmax. The default is 0.1.
    public var weight: Float = 0.1

    /// The defaults.
    public init() {}

    /// The weight is a number, at least 0.
    public func validate() throws { try TrainingError.requireWeight(weight, of: Self.name) }

    /// Which rows each text answers is listed.
    public func start(_ training: MethodContext) throws -> MethodState {
        // The rows that each text answers, text after text: row numbers and where each text's begin, exact below 2²⁴.
        var answered = [[Int]](repeating: [], count: training.texts.count)
        for (row, texts) in training.rows.enumerated() {
            for positive in texts.positives { answered[Int(positive)].append(row) }
        }
        var first: [Float] = [0]
        for rows in answered { first.append((first.last ?? 0) + Float(rows.count)) }
        var state = MethodState()
        state.derived["rows"] = Matrix(column: answered.joined().map(Float.init))
        state.derived["first"] = Matrix(column: first)
        state.saved["anchors"] = Matrix(rows: training.rows.count, columns: training.dimension)
        return state
    }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        guard let rows = state.derived["rows"], let first = state.derived["first"], let memory = state.saved["anchors"]
        else { return nil }
        let batch = Dictionary(zip(step.rows, step.rows.indices), uniquingKeysWith: { first, _ in first })
        var random = step.random()
        var here: [(document: Int, anchor: Int)] = []
        var elsewhere: [(document: Int, row: Int)] = []
        for document in step.documentTexts.indices where !step.isPositive[document] {
            let text = Int(step.documentTexts[document])
            let (begin, end) = (Int(first[text, 0]), Int(first[text + 1, 0]))
            guard end > begin else { continue }
            let row = Int(rows[begin + Int(random.next() % UInt64(end - begin)), 0])
            if let anchor = batch[Int32(row)] {
                here.append((document, anchor))
            } else if memory[row: row].contains(where: { $0 != 0 }) {
                elsewhere.append((document, row))
            }
        }
        let count = here.count + elsewhere.count
        guard count > 0 else { return nil }
        let negatives = step.documents.gathering(here.map(\.document) + elsewhere.map(\.document))
        let queries = MatrixExpression.stacked([
            step.anchors.gathering(here.map(\.anchor)), MatrixExpression(memory.gatheringRows(elsewhere.map(\.row))),
        ])
        return weight * (1 - negatives.rowDots(queries)).mean
    }

    /// The batch's anchors are remembered.
    public func update(_ state: inout MethodState, after outcome: StepOutcome) {
        for (place, row) in outcome.step.rows.enumerated() {
            state.saved["anchors"]?.replaceRows(
                from: Int(row),
                with: outcome.step.anchors.value.rows(place..<place + 1)
            )
        }
    }
}
