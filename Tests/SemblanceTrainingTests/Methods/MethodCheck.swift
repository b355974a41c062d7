// Methods against references in double precision: the loss, and the gradients by central differences.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Does nothing, so that the kernel takes the way with methods.
struct NoMethod: ContrastiveMethod {}

/// A batch with embeddings to check a method at.
struct MethodPoint: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let rows: [ContrastiveRow]
    let anchors: DoubleMatrix
    let documents: DoubleMatrix
    /// What gradients may differ by.
    let tolerance: Tolerance

    var batch: ContrastiveBatch { ContrastiveBatch(rows) }

    /// Duplicates, groups, several positives, hard negatives; random embeddings.
    static func random(seed: UInt64, rows: [ContrastiveRow] = mixedRows, dimension: Int = 6) -> MethodPoint {
        var random = RandomStream(seed: seed)
        let batch = ContrastiveBatch(rows)
        return MethodPoint(
            testDescription: "random \(seed)",
            rows: rows,
            anchors: random.reference(rows: batch.anchors.count, columns: dimension),
            documents: random.reference(rows: batch.documents.count, columns: dimension),
            tolerance: Tolerance(relative: 5e-5)
        )
    }

    /// Eight pairs whose positives are their anchors, a little moved: the loss is far below what 1 − p resolves.
    static let nearlySolved: MethodPoint = {
        var random = RandomStream(seed: 3)
        var anchors = DoubleMatrix(rows: 8, columns: 8, elements: Array(repeating: 0, count: 64))
        for row in 0..<8 { anchors.elements[row * 9] = 1 }
        var documents = anchors
        let noise = random.reference(rows: 8, columns: 8, deviation: 0.05)
        for index in noise.elements.indices { documents.elements[index] += noise.elements[index] }
        return MethodPoint(
            testDescription: "nearly solved",
            rows: (0..<8).map { ContrastiveRow(anchor: $0, positives: [100 + $0]) },
            anchors: anchors,
            documents: DoubleMatrix(documents.float),
            tolerance: Tolerance(relative: 1e-3)
        )
    }()

    /// Two random points and a nearly solved one.
    static let usual = [random(seed: 1), random(seed: 2), nearlySolved]

    static let mixedRows: [ContrastiveRow] = [
        .init(anchor: 0, positives: [10], negatives: [20, 21], group: 1),
        .init(anchor: 1, positives: [11, 16], negatives: [22], group: 1),
        .init(anchor: 2, positives: [10], negatives: [23, 24]),
        .init(anchor: 3, positives: [12], group: 2),
        .init(anchor: 0, positives: [13], negatives: [10]),
        .init(anchor: 5, positives: [14], group: 2),
        .init(anchor: 6, positives: [15], negatives: [20]),
    ]
}

extension ContrastiveStep.Context {
    /// A step of the first rows.
    init(rows count: Int, number: Int = 0, total: Int = 1) {
        self.init()
        rows = (0..<Int32(count)).map { $0 }
        (self.number, self.total) = (number, total)
    }
}

extension ContrastiveObjective {
    /// One batch, with states that are made for it or given.
    func contrast(
        anchors: Matrix,
        documents: Matrix,
        batch: ContrastiveBatch,
        context: ContrastiveStep.Context = .init(),
        scale: Float,
        states: [MethodState]? = nil,
        workers: Workers
    ) -> Contrast {
        var states = states ?? methods.map { _ in MethodState() }
        return contrast(
            anchors: anchors,
            documents: documents,
            batch: batch,
            context: context,
            scale: scale,
            states: &states,
            workers: workers
        )
    }

    /// Expects loss and gradients to be those of a reference: a function of anchors and documents, any length.
    func check(
        at point: MethodPoint,
        scale: Float = 20,
        context: ContrastiveStep.Context = .init(),
        states: [MethodState]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation,
        against reference: (_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> Double
    ) {
        let found = contrast(
            anchors: point.anchors.float,
            documents: point.documents.float,
            batch: point.batch,
            context: context,
            scale: scale,
            states: states,
            workers: .shared(threads: 2)
        )
        found.check(
            at: point.anchors,
            point.documents,
            loss: Tolerance(relative: 2e-5, absolute: 1e-7),
            gradients: Tolerance(relative: point.tolerance.relative, absolute: 1e-9),
            sourceLocation: sourceLocation,
            against: reference
        )
    }
}

extension Contrast {
    /// Expects loss and gradients to be those of a reference: a function of anchors and documents, any length.
    ///
    /// - Parameter tolerance: relative to both gradients together: where one is 0 by symmetry, rounding is all there is.
    func check(
        at anchors: DoubleMatrix,
        _ documents: DoubleMatrix,
        loss lossTolerance: Tolerance,
        gradients tolerance: Tolerance,
        _ what: String = "",
        sourceLocation: SourceLocation = #_sourceLocation,
        against reference: (_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> Double
    ) {
        let expected = reference(anchors, documents)
        expectClose([loss], [expected], lossTolerance, "\(what) loss", sourceLocation: sourceLocation)
        let dA = differences(at: anchors) { reference($0, documents) }
        let dD = differences(at: documents) { reference(anchors, $0) }
        let most = (dA.elements + dD.elements).reduce(0) { max($0, abs($1)) }
        let allowed = Tolerance(relative: 0, absolute: tolerance.relative * most + tolerance.absolute)
        expectClose(anchorGradient, dA, allowed, "\(what) anchors", sourceLocation: sourceLocation)
        expectClose(documentGradient, dD, allowed, "\(what) documents", sourceLocation: sourceLocation)
    }
}

/// log Σ exp, −∞ of nothing.
func logSumExp(_ numbers: [Double]) -> Double {
    guard let most = numbers.max(), most > -.infinity else { return -.infinity }
    return most + log(numbers.reduce(0) { $0 + exp($1 - most) })
}
