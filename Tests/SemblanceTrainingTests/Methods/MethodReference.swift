// The softmax over candidates in double precision, straight from its definition, with what methods change left open.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

extension MethodPoint {
    /// A point for a law.
    init(_ testDescription: String, rows: [ContrastiveRow], anchors: DoubleMatrix, documents: DoubleMatrix) {
        self.init(
            testDescription: testDescription,
            rows: rows,
            anchors: anchors,
            documents: documents,
            tolerance: Tolerance(relative: 1e-3)
        )
    }

    var scale: Double { 20 }

    /// Which columns an anchor's softmax is over.
    var layout: Layout { Layout(batch) }

    struct Layout {
        /// Of each anchor: the columns of its positives, of all that no mask closes, and of those of them that are no
        /// positives.
        var positives: [[Int]] = []
        var open: [[Int]] = []
        var negatives: [[Int]] = []

        init(_ batch: ContrastiveBatch) {
            for row in batch.anchors.indices {
                let own = batch.documents.indices.filter { batch.owners[$0] == Int32(row) && batch.isPositive[$0] }
                let candidates = batch.documents.indices.filter { column in
                    batch.owners[column] == Int32(row) || !batch.isRelevant(column, toRow: row)
                }
                positives.append(own)
                open.append(candidates)
                negatives.append(candidates.filter { !own.contains($0) })
            }
        }
    }

    /// Each anchor's loss.
    ///
    /// - Parameters:
    ///   - leavesOutTargets: whether the softmax is over negatives alone.
    ///   - logit: of a cosine, or `nil` for a closed pair.
    func losses(
        _ anchors: DoubleMatrix,
        _ documents: DoubleMatrix,
        leavesOutTargets: Bool = false,
        logit: (_ row: Int, _ column: Int, _ cosine: Double) -> Double?
    ) -> [Double] {
        let (q, d, layout) = (anchors.unitRows, documents.unitRows, layout)
        return (0..<q.rows).map { row in
            let value = { (column: Int) in logit(row, column, dot(q[row: row], d[row: column])) }
            let candidates = leavesOutTargets ? layout.negatives[row] : layout.open[row]
            return logSumExp(candidates.compactMap(value)) - mean(layout.positives[row].compactMap(value))
        }
    }

    /// The losses without any method, and as a function of the embeddings.
    var plainLosses: [Double] { plainLosses(anchors, documents) }

    func plainLosses(_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> [Double] {
        losses(anchors, documents) { $2 * scale }
    }

    func logit(_ row: Int, _ column: Int) -> Double {
        scale * dot(anchors.unitRows[row: row], documents.unitRows[row: column])
    }

    /// What the kernel finds, and what becomes of the method's state.
    func contrast(
        _ method: any ContrastiveMethod,
        _ state: inout MethodState,
        context: ContrastiveStep.Context
    ) -> Contrast {
        let (anchors, documents) = (anchors.float, documents.float)
        return MethodTrial.contrast(method, &state, rows, anchors, documents, scale: Float(scale), context: context)
    }

    func contrast(
        _ method: any ContrastiveMethod = NoMethod(),
        _ state: inout MethodState,
        number: Int = 0,
        total: Int = 1
    ) -> Contrast {
        contrast(method, &state, context: .init(rows: rows.count, number: number, total: total))
    }

    func contrast(_ method: any ContrastiveMethod = NoMethod(), number: Int = 0, total: Int = 1) -> Contrast {
        var state = MethodState()
        return contrast(method, &state, number: number, total: total)
    }

    /// Expects a method's loss and gradients to be those of a reference.
    func check(
        _ method: any ContrastiveMethod,
        _ state: MethodState = MethodState(),
        number: Int = 0,
        total: Int = 1,
        sourceLocation: SourceLocation = #_sourceLocation,
        against reference: (_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> Double
    ) {
        ContrastiveObjective(ContrastiveConfiguration(), methods: [method]).check(
            at: self,
            scale: Float(scale),
            context: .init(rows: rows.count, number: number, total: total),
            states: [state],
            sourceLocation: sourceLocation,
            against: reference
        )
    }

    /// The same where the method weighs the plain losses.
    func check(
        _ method: any ContrastiveMethod,
        _ state: MethodState = MethodState(),
        number: Int = 0,
        total: Int = 1,
        weights: [Double],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        check(method, state, number: number, total: total, sourceLocation: sourceLocation) { q, d in
            mean(zip(plainLosses(q, d), weights).map { $0 * $1 })
        }
    }

    /// What a method weighs the rows, told by the anchors' gradients.
    func rowWeights(
        _ method: any ContrastiveMethod,
        _ state: MethodState = MethodState(),
        number: Int = 0,
        total: Int = 1
    ) -> [Double] {
        var state = state
        let plain = contrast().anchorGradient
        let found = contrast(method, &state, number: number, total: total).anchorGradient
        return (0..<plain.rows).map { row in
            let (x, y) = (plain[row: row].map(Double.init), found[row: row].map(Double.init))
            return dot(x, y) / dot(x, x)
        }
    }
}

func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

func rowMatrix(_ values: [Double]) -> Matrix {
    Matrix(rows: 1, columns: values.count, elements: values.map { Float($0) })
}

func columnMatrix(_ values: [Double]) -> Matrix {
    Matrix(rows: values.count, columns: 1, elements: values.map { Float($0) })
}
