public import SemblanceNumerics

/// Contrastive knowledge distillation: a text's student embedding has to find the teacher's of the same text.
///
///     loss = mean over texts x of −log(exp(scale · cosine(student(x) · W + b, teacher(x)))
///            / Σ over texts y of the batch and the bank of exp(scale · cosine(student(x) · W + b, teacher(y))))
///
/// over all texts of the batch. The bank holds the teacher's embeddings of the texts of earlier batches; other places of
/// the same text are left out. W and b are learned where the dimensions differ. There is no softmax over the row's
/// documents beside it: the paper tunes on labelled pairs afterwards.
///
/// - Complexity: O((B + C)·(B + C + bank)·D) a step; every text is embedded once by the teacher before the first.
/// - Note: Source: Xu et al. 2021, arXiv:2112.05638 (DistilCSE), §3; scale 20 and a bank of 50,000 as in the authors' script.
public struct ContrastiveDistillation: StandardMethod {
    /// `contrastive-distillation`.
    public static let name = "contrastive-distillation"

    /// The folder of the teacher's model. There is no default.
    public var teacher = ""
    /// How sharply cosines are compared. The default is 20.
    public var scale: Float = 20
    /// Texts of earlier batches that are compared with, at most. The default is 50,000.
    public var bankSize = 50_000
    /// The learning rate of the projection. The default is 0.001.
    public var projectionRate: Float = 0.001

    /// The paper's settings; the teacher has to be set.
    public init() {}

    /// A teacher's folder.
    public init(teacher: String) { self.teacher = teacher }

    /// Yes.
    public var replacesContrast: Bool { true }

    /// Scale, bank and rate are in their ranges.
    public func validate() throws {
        try TrainingError.require(
            scale.isFinite && scale > 0,
            "\(Self.name): scale is \(scale): it must be above 0 (20 is usual)"
        )
        try TrainingError.require(bankSize >= 0, "\(Self.name): bankSize is \(bankSize): it must be at least 0")
        try TrainingError.require(
            projectionRate.isFinite && projectionRate > 0,
            "\(Self.name): projectionRate is \(projectionRate): it must be above 0"
        )
    }

    /// The teacher embeds every text.
    public func start(_ training: MethodContext) throws -> MethodState {
        var state = try training.teacherState(teacher, for: Self.name, isUnit: true)
        // Numbers of texts, oldest first: floats hold those below 2²⁴ exactly.
        state.saved["bank"] = Matrix(rows: 0, columns: 1)
        return state
    }

    /// The loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let texts = step.anchorTexts + step.documentTexts
        let bank = state.bank
        let raw = MatrixExpression.stacked([step.rawAnchors, step.rawDocuments])
        let student = TeacherProjection.project(raw, in: &step, state).unitRows
        let own = MatrixExpression(state.teacherEmbeddings(of: step))
        let earlier = state.derived["documents"]?.gatheringRows(bank.map(Int.init))
        let keys = MatrixExpression.stacked([own] + (earlier.map { [MatrixExpression($0)] } ?? []))
        let isOther = 1 - MatrixExpression(column: texts).equals(MatrixExpression(column: texts + bank).asRow)
        let others = scale * student.product(keys, transposed: true) + isOther.asMask
        // logSumExp over its own and the others, less its own: exact where the others are far below.
        return (others.logSumExpOfRows - scale * student.rowDots(own)).softplus.mean
    }

    /// The projection takes a step; the batch goes to the bank.
    public func update(_ state: inout MethodState, after outcome: StepOutcome) {
        TeacherProjection.update(&state, after: outcome, rate: projectionRate)
        let seen = state.bank + outcome.step.anchorTexts + outcome.step.documentTexts
        let kept = seen.suffix(bankSize).map(Float.init)
        state.saved["bank"] = Matrix(column: kept)
    }
}

extension MethodState {
    fileprivate var bank: [Int32] { saved["bank"]?.elements.map { Int32($0) } ?? [] }
}
