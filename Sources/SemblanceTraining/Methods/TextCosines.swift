// What other vectors than the model's say of a block's pairs: a guide's, or those of words.

internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics

extension MethodContext {
    /// `[texts, dimension]`: the embeddings of all texts, as each role, under the model in a folder.
    ///
    /// - Parameters:
    ///   - folder: what the method's setting `name` says.
    ///   - isUnit: whether they are made to have unit length.
    /// - Throws: ``TrainingError`` where no folder is given, or what opening it throws.
    func embeddings(
        under folder: String?,
        _ name: String,
        of method: String,
        isUnit: Bool
    ) throws -> (anchors: Matrix, documents: Matrix) {
        guard let folder, !folder.isEmpty else {
            throw TrainingError(
                code: .invalidConfiguration,
                message: "\(method) asks another model: give the folder of one as \(name)"
            )
        }
        let model = try FrozenModel(contentsOf: folder, for: configuration)
        func embed(_ role: Role) throws -> Matrix {
            let found = try embedding(texts.indices.map { Int32($0) }, model, role)
            return isUnit ? UnitRows(found).output : found
        }
        let documents = try embed(.document)
        return (model.embedder.embedsRolesAlike ? documents : try embed(.query), documents)
    }

    /// A state that holds the unit embeddings of all texts under a guide.
    func guideState(from folder: String?, for method: String) throws -> MethodState {
        var state = MethodState()
        let guide = try embeddings(under: folder, "guide", of: method, isUnit: true)
        state.derived["guide anchors"] = guide.anchors
        state.derived["guide documents"] = guide.documents
        return state
    }
}

/// The cosines of a block's pairs under vectors that each text has by number.
struct TextCosines {
    /// `[R, N]`; 0 where a column's text is unknown.
    let cosines: MatrixExpression
    /// `[1, N]`: 1 where a column's text is known, else 0.
    let isKnown: MatrixExpression
    private let isTarget: MatrixExpression

    /// - Parameters:
    ///   - anchors: `[texts, ·]`, unit rows: the texts as anchors.
    ///   - documents: the texts as documents.
    init(of block: CandidateBlock, in step: ContrastiveStep, anchors: Matrix, documents: Matrix) {
        let texts = block.columns.texts
        isKnown = MatrixExpression(Matrix(rows: 1, columns: texts.count, elements: texts.map { $0 < 0 ? 0 : 1 }))
        isTarget = MatrixExpression(block.isTarget)
        let parts = block.columns.segments.map { segment in
            let isAnchors = segment.rows == .anchors
            let rows = (isAnchors ? step.anchorTexts : step.documentTexts)[block.rows]
            let columns = texts[segment.range].map { Int(max($0, 0)) }
            return (isAnchors ? anchors : documents).gatheringRows(rows.map { Int($0) }).product(
                (segment.kind == .anchors ? anchors : documents).gatheringRows(columns),
                rightTransposed: true,
                workers: nil
            )
        }
        cosines = MatrixExpression(Matrix.concatenatingColumns(parts)) * isKnown
    }

    /// Under the guide a state holds.
    init?(of block: CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let anchors = state.derived["guide anchors"], let documents = state.derived["guide documents"]
        else { return nil }
        self.init(of: block, in: step, anchors: anchors, documents: documents)
    }

    /// `[R, 1]`: the mean cosine of each row's targets.
    var ofTargets: MatrixExpression {
        let known = isTarget * isKnown
        return cosines.rowDots(known) / known.rowSums
    }

    /// `[R, N]`: 1 where the cosine of a known text is above the row's threshold, else 0.
    func above(_ threshold: MatrixExpression) -> Matrix { (MatrixExpression(cosines > threshold) * isKnown).value }
}
