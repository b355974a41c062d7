public import SemblanceNumerics

/// A teacher's margins between the positive and the negatives of a row.
///
///     loss = mean over negatives n of a row with positive p of ((s[p] − s[n]) − (teacher's score of p − of n))²
///
/// s are inner products of the embeddings as they are, which can follow a cross-encoder's margins; cosines can follow
/// margins of at most 2. There is no softmax over candidates beside it. The first positive of a row is taken.
///
/// - Complexity: O(C·D).
/// - Note: Source: Hofstätter et al. 2020, arXiv:2010.02666, §4.
public struct MarginMSE: StandardMethod {
    /// `margin-mse`.
    public static let name = "margin-mse"

    /// Whether cosines are compared instead of inner products. The default is no.
    public var usesCosines = false

    /// The paper's settings.
    public init() {}

    /// Yes.
    public var replacesContrast: Bool { true }

    /// Every row has a teacher's scores, and a negative.
    public func start(_ training: MethodContext) throws -> MethodState {
        try training.requireTeacherScores(for: Self.name)
        return MethodState()
    }

    /// The loss.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let scored = TeacherScores(step, usesLengths: !usesCosines)
        // The first positive of an anchor is the document of the same number.
        let places = Dictionary(uniqueKeysWithValues: zip(scored.documents, scored.documents.indices))
        let negatives = scored.documents.indices.filter { !step.isPositive[scored.documents[$0]] }
        let positives = negatives.compactMap { places[scored.owners[$0]] }
        guard !negatives.isEmpty, positives.count == negatives.count else { return nil }
        func margins(_ numbers: MatrixExpression) -> MatrixExpression {
            numbers.gathering(positives) - numbers.gathering(negatives)
        }
        return (margins(scored.similarities) - margins(scored.scores)).squared.mean
    }
}
