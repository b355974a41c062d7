// What the methods on a teacher's scores share: each row's own documents, and what the teacher says of them.

internal import SemblanceNumerics

/// The documents of a step that a teacher scored, S of them, with the student's similarity to their owners.
struct TeacherScores {
    /// `[S]`: the documents.
    let documents: [Int]
    /// `[S]`: the anchors they came with.
    let owners: [Int]
    /// `[S, 1]`: the teacher's scores.
    let scores: MatrixExpression
    /// `[S, 1]`: the student's similarities.
    let similarities: MatrixExpression

    /// - Parameter usesLengths: whether similarities are inner products instead of cosines.
    init(_ step: ContrastiveStep, usesLengths: Bool = false) {
        documents = step.documentScores.indices.filter { !step.documentScores[$0].isNaN }
        owners = documents.map { Int(step.owners[$0]) }
        scores = MatrixExpression(column: documents.map { step.documentScores[$0] })
        let (anchors, texts) =
            usesLengths ? (step.rawAnchors, step.rawDocuments) : (step.anchors, step.documents)
        similarities = anchors.gathering(owners).rowDots(texts.gathering(documents))
    }

    /// `[S, 1]`: log softmax of numbers over the documents of one anchor.
    func logSoftmax(_ numbers: MatrixExpression, anchors: Int) -> MatrixExpression {
        let isOwn = MatrixExpression(column: (0..<Int32(anchors)).map { $0 })
            .equals(MatrixExpression(column: owners.map(Int32.init)).asRow)
        return numbers - (numbers.asRow + isOwn.asMask).logSumExpOfRows.gathering(owners)
    }

    /// `[S, S]`: 1 where both documents came with the same anchor, else 0.
    var haveSameOwner: MatrixExpression {
        let owners = MatrixExpression(column: owners.map(Int32.init))
        return owners.equals(owners.asRow)
    }

    /// `[S]`: each document's rank among its anchor's, the highest score first, counted from 1; ties share a rank.
    var ranks: [Int] {
        var numbers = [[Float]](repeating: [], count: (owners.max() ?? -1) + 1)
        for (owner, score) in zip(owners, scores.value.elements) { numbers[owner].append(score) }
        return zip(owners, scores.value.elements).map { owner, score in
            1 + numbers[owner].count { $0 > score }
        }
    }
}

extension MethodContext {
    /// Expects a teacher's scores of every row's positives and negatives, at least `count` in all.
    func requireTeacherScores(for method: String, atLeast count: Int = 2) throws {
        for (index, row) in rows.enumerated() {
            guard !row.positiveScores.isEmpty, row.negatives.isEmpty || !row.negativeScores.isEmpty else {
                throw unusable(
                    index,
                    " has no teacher's scores, which \(method) needs: give every pair \"positive_scores\" and "
                        + "\"negative_scores\""
                )
            }
            guard row.positiveScores.count + row.negativeScores.count >= count, !row.negatives.isEmpty else {
                throw unusable(
                    index,
                    " has no negative, and \(method) compares scores within a row: give it some, with "
                        + "\"negative_scores\""
                )
            }
        }
    }
}
