import SemblanceNumerics
import SemblanceTestSupport

@testable import SemblanceTraining

/// Vectors of another model for the texts of a batch, by number.
struct Guide {
    private(set) var anchors: DoubleMatrix
    private(set) var documents: DoubleMatrix
    private let batch: ContrastiveBatch

    private static func textCount(_ point: MethodPoint) -> Int {
        Int((point.batch.anchors + point.batch.documents).max() ?? 0) + 1
    }

    /// Random directions.
    init(of point: MethodPoint, seed: UInt64) {
        var random = RandomStream(seed: seed)
        let texts = Self.textCount(point)
        anchors = DoubleMatrix(random.reference(rows: texts, columns: 3).unitRows.float)
        documents = DoubleMatrix(random.reference(rows: texts, columns: 3).unitRows.float)
        batch = point.batch
    }

    /// Every text a direction of its own, anchors that of their first positive.
    init(distinguishing point: MethodPoint) {
        documents = DoubleMatrix(Matrix.identity(Self.textCount(point)))
        anchors = documents
        batch = point.batch
        for row in point.rows {
            anchors.setRow(Int(row.anchor), documents[row: Int(row.positives[0])])
        }
    }

    /// Gives a document and an anchor one direction, a little beside the anchor's positive.
    mutating func makeAlike(text: Int, anchor: Int) {
        var direction = anchors[row: anchor]
        direction[text] = 0.1
        documents.setRow(text, direction)
        anchors.setRow(anchor, direction)
        (anchors, documents) = (anchors.unitRows, documents.unitRows)
    }

    var state: MethodState {
        var state = MethodState()
        state.derived["guide anchors"] = anchors.float
        state.derived["guide documents"] = documents.float
        return state
    }

    func cosine(_ row: Int, _ column: Int) -> Double {
        dot(anchors[row: Int(batch.anchors[row])], documents[row: Int(batch.documents[column])])
    }

    /// With the documents' vectors for both sides.
    func surface(_ row: Int, _ column: Int) -> Double {
        dot(documents[row: Int(batch.anchors[row])], documents[row: Int(batch.documents[column])])
    }
}

extension DoubleMatrix {
    mutating func setRow(_ row: Int, _ values: [Double]) {
        elements.replaceSubrange(row * columns..<(row + 1) * columns, with: values)
    }
}
