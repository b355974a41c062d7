public import SemblanceNumerics

/// Embeddings brought to a teacher's.
///
///     loss = mean over texts x and components of (student(x) · W + b − teacher(x))²
///
/// of all texts of the batch, embeddings as they are. W and b are learned where the dimensions differ, and left out where
/// they agree. There is no softmax over candidates beside it; positives only bring more texts.
///
/// - Complexity: O((B + C)·D·D′) a step; every text is embedded once by the teacher before the first.
/// - Note: Source: Reimers and Gurevych 2020, arXiv:2004.09813, §3; the projection as in Kim et al. 2023, arXiv:2301.12005.
public struct EmbeddingMSE: StandardMethod {
    /// `embedding-mse`.
    public static let name = "embedding-mse"

    /// The folder of the teacher's model. There is no default.
    public var teacher = ""
    /// The learning rate of the projection. The default is 0.001.
    public var projectionRate: Float = 0.001

    /// The paper's settings; the teacher has to be set.
    public init() {}

    /// A teacher's folder.
    public init(teacher: String) { self.teacher = teacher }

    /// Yes.
    public var replacesContrast: Bool { true }

    /// The rate is above 0.
    public func validate() throws {
        try TrainingError.require(
            projectionRate.isFinite && projectionRate > 0,
            "\(Self.name): projectionRate is \(projectionRate): it must be above 0"
        )
    }

    /// The teacher embeds every text.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.teacherState(teacher, for: Self.name)
    }

    /// The loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let texts = MatrixExpression.stacked([step.rawAnchors, step.rawDocuments])
        let student = TeacherProjection.project(texts, in: &step, state)
        return (student - MatrixExpression(state.teacherEmbeddings(of: step))).squared.mean
    }

    /// The projection takes a step.
    public func update(_ state: inout MethodState, after outcome: StepOutcome) {
        TeacherProjection.update(&state, after: outcome, rate: projectionRate)
    }
}
