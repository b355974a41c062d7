// A method on embeddings of the test's own, beside a reference in double precision.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// A method, the rows it sees, and what its loss should be.
struct MethodTrial: Sendable, CustomTestStringConvertible {
    let method: any ContrastiveMethod
    var state = MethodState()
    let rows: [ContrastiveRow]
    var scale: Float = 20
    /// The cosine of each document with its owner at the nearly solved point.
    var solved: [Double] = []
    /// The loss of embeddings as they are, anchors and documents.
    let reference: @Sendable (_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> Double

    var testDescription: String { String(describing: method) }

    var batch: ContrastiveBatch { ContrastiveBatch(rows) }

    /// The kernel's answer.
    func contrast(_ anchors: Matrix, _ documents: Matrix) -> Contrast {
        var states = [state]
        return Self.contrast(method, &states[0], rows, anchors, documents, scale: scale)
    }

    /// The kernel's answer with a method of the plain objective, or with none, and what becomes of its state.
    static func contrast(
        _ method: (any ContrastiveMethod)?,
        _ state: inout MethodState,
        _ rows: [ContrastiveRow],
        _ anchors: Matrix,
        _ documents: Matrix,
        scale: Float = 20,
        context: ContrastiveStep.Context? = nil
    ) -> Contrast {
        var states = method == nil ? [] : [state]
        defer { if method != nil { state = states[0] } }
        return ContrastiveObjective(ContrastiveConfiguration(), methods: method.map { [$0] } ?? []).contrast(
            anchors: anchors,
            documents: documents,
            batch: ContrastiveBatch(rows),
            context: context ?? .init(rows: rows.count),
            scale: scale,
            states: &states,
            workers: .shared(threads: 2)
        )
    }

    /// Compares loss and gradients with the reference's central differences.
    func check(_ anchors: DoubleMatrix, _ documents: DoubleMatrix, _ tolerance: Tolerance) {
        contrast(anchors.float, documents.float).check(
            at: anchors,
            documents,
            loss: Tolerance(relative: 1e-5, absolute: 1e-6),
            gradients: tolerance,
            "\(method)",
            against: reference
        )
    }

    /// Embeddings anywhere.
    func randomPoint(seed: UInt64, dimension: Int = 8) -> (anchors: DoubleMatrix, documents: DoubleMatrix) {
        let point = MethodPoint.random(seed: seed, rows: rows, dimension: dimension)
        return (point.anchors, point.documents)
    }

    /// Anchors at right angles, each with its documents at the cosines of ``solved``, all a little moved.
    func solvedPoint(seed: UInt64 = 3) -> (anchors: DoubleMatrix, documents: DoubleMatrix) {
        var random = RandomStream(seed: seed)
        let (count, dimension) = (rows.count, rows.count + 1)
        var anchors = random.reference(rows: count, columns: dimension, deviation: 0.005)
        for row in 0..<count { anchors.elements[row * dimension + row] += 1 }
        let batch = batch
        var documents = random.reference(rows: batch.documents.count, columns: dimension, deviation: 0.005)
        for (document, owner) in batch.owners.enumerated() {
            let cosine = solved.isEmpty ? (batch.isPositive[document] ? 1 : 0) : solved[document]
            documents.elements[document * dimension + Int(owner)] += cosine
            documents.elements[document * dimension + count] += (1 - cosine * cosine).squareRoot()
        }
        return (DoubleMatrix(anchors.float), DoubleMatrix(documents.float))
    }
}

/// Rows of one positive and some negatives, all texts different; with scores, and a teacher's scores, where given.
func rows(
    _ count: Int,
    negatives: Int = 0,
    scores: [Float]? = nil,
    teacher: ((_ row: Int, _ document: Int) -> Float)? = nil
) -> [ContrastiveRow] {
    (0..<count).map { index in
        var row = ContrastiveRow(
            anchor: Int32(index),
            positives: [Int32(100 + index)],
            negatives: (0..<negatives).map { Int32(200 + index * negatives + $0) }
        )
        if let scores { row.score = scores[index] }
        if let teacher {
            row.positiveScores = [teacher(index, 0)]
            row.negativeScores = (0..<negatives).map { teacher(index, $0 + 1) }
        }
        return row
    }
}

extension ContrastiveBatch {
    /// Each row's documents: its positives, then its negatives.
    var documentsOfRows: [[Int]] {
        anchors.indices.map { row in documents.indices.filter { owners[$0] == Int32(row) } }
    }
}

/// The plain objective of rows.
func plainLoss(_ rows: [ContrastiveRow], _ anchors: DoubleMatrix, _ documents: DoubleMatrix, scale: Double = 20)
    -> Double
{
    referenceLoss(
        anchors: anchors,
        documents: documents,
        batch: ContrastiveBatch(rows),
        scale: scale,
        ContrastiveConfiguration()
    )
}
