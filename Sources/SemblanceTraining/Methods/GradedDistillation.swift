public import SemblanceNumerics

/// A teacher's ranking, each document against those the teacher puts below it, weighted by the teacher's probability.
///
///     loss = mean over anchors of −Σ over documents d: w[d] · log(exp(s[d]) / Σ over d′ not above d of exp(s[d′]))
///
/// w is the softmax of the teacher's scores of the row, s are cosines / τ with the objective's temperature, held fixed
/// here. Where the scores fluctuate the order still teaches; where they say little, nearly all weight is on the first.
///
/// - Complexity: O(C·D + C²) time, O(C²) memory.
/// - Note: Source: Zhang et al. 2023, arXiv:2310.07554 (LLM-Embedder), §3.2 (stabilised distillation), over the row's own
///   documents; it stands beside the softmax over the batch.
public struct GradedDistillation: StandardMethod {
    /// `graded-distillation`.
    public static let name = "graded-distillation"

    /// The teacher's temperature. The default is 1.
    public var teacherTemperature: Float = 1
    /// What it weighs beside the softmax over the batch. The default is 1.
    public var weight: Float = 1
    /// Whether there is no softmax over the batch beside it. The default is no.
    public var isAlone = false

    /// The paper's settings.
    public init() {}

    /// Whether it is alone.
    public var replacesContrast: Bool { isAlone }

    /// The temperature is above 0, the weight at least 0.
    public func validate() throws {
        try TrainingError.require(
            teacherTemperature.isFinite && teacherTemperature > 0,
            "\(Self.name): teacherTemperature is \(teacherTemperature): it must be above 0"
        )
        try TrainingError.requireWeight(weight, of: Self.name)
    }

    /// Every row has a teacher's scores, and a negative.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireTeacherScores(for: Self.name)
        return MethodState()
    }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let anchors = step.anchorTexts.count
        let scored = TeacherScores(step)
        let teacher = scored.logSoftmax(scored.scores / teacherTemperature, anchors: anchors)
        let logits = scored.similarities * step.scale
        let isAbove = MatrixExpression(scored.scores.asRow > scored.scores)
        let isItself = MatrixExpression(Matrix.identity(scored.documents.count))
        let notAbove = scored.haveSameOwner * (1 - isAbove) * (1 - isItself)
        // logSumExp over itself and the others, less its own logit: exact where the others are far below.
        let losses = ((logits.asRow + notAbove.asMask).logSumExpOfRows - logits).softplus
        return weight / Float(anchors) * (teacher.exp * losses).sum
    }
}
