public import SemblanceNumerics

/// A teacher's distribution over each row's own documents.
///
///     loss = mean over anchors of KL(softmax(teacher's scores / teacherTemperature) ‖ softmax(cosines / τ))
///
/// Both softmaxes run over the positives and negatives of the row that the teacher scored. τ is the objective's
/// temperature, held fixed here.
///
/// - Complexity: O(C·D + B·C).
/// - Note: Sources: Lin et al. 2020, arXiv:2010.11386, §3; Zhang et al. 2023, arXiv:2310.07554 (LLM-Embedder), §3.2. Equal
///   to `DistillKLDivLoss` of sentence-transformers on cosines, but for its factor of the student's temperature squared.
public struct ScoreDistillation: StandardMethod {
    /// `score-distillation`.
    public static let name = "score-distillation"

    /// The teacher's temperature. The default is 1.
    public var teacherTemperature: Float = 1
    /// What the divergence weighs. The default is 1.
    public var weight: Float = 1
    /// Whether there is no softmax over the batch beside it. The default is yes; LLM-Embedder adds one.
    public var isAlone = true

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
        let student = scored.logSoftmax(scored.similarities * step.scale, anchors: anchors)
        return weight / Float(anchors) * (teacher.exp * (teacher - student)).sum
    }
}
