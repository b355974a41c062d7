import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct PolyViewTests {
    /// Rows of two to four views, hard negatives among them.
    private static let rows: [ContrastiveRow] = [
        .init(anchor: 0, positives: [10, 11], negatives: [30]),
        .init(anchor: 1, positives: [12]),
        .init(anchor: 2, positives: [13, 14, 15]),
        .init(anchor: 3, positives: [16, 17], negatives: [31, 32]),
    ]

    /// Three views each, near each other.
    private static let nearlySolved: MethodPoint = {
        var random = RandomStream(seed: 61)
        func near(_ count: Int) -> DoubleMatrix {
            var matrix = random.reference(rows: count, columns: 6, deviation: 0.05)
            for row in 0..<count { matrix.elements[row * 6 + row % 6] += 1 }
            return DoubleMatrix(matrix.float)
        }
        return MethodPoint(
            testDescription: "nearly solved",
            rows: (0..<6).map { .init(anchor: $0, positives: [10 + $0, 20 + $0]) },
            anchors: near(6),
            documents: near(12),
            tolerance: MethodPoint.nearlySolved.tolerance
        )
    }()

    private func reference(
        _ batch: ContrastiveBatch,
        _ anchors: DoubleMatrix,
        _ documents: DoubleMatrix,
        _ mean: PolyView.Mean,
        scale: Double = 20
    ) -> Double {
        let (q, d) = (anchors.unitRows, documents.unitRows)
        let places = batch.documents.indices
        return referencePolyView(
            (0..<q.rows).map { row in
                let own = places.filter { batch.isPositive[$0] && batch.owners[$0] == Int32(row) }
                return [q[row: row]] + own.map { d[row: $0] }
            },
            others: places.filter { !batch.isPositive[$0] }.map { d[row: $0] },
            scale: scale,
            isGeometric: mean == .geometric
        )
    }

    @Test(
        arguments: PolyView.Mean.allCases,
        [.random(seed: 1, rows: rows), .random(seed: 2, rows: rows), nearlySolved]
    )
    func `loss and gradients match central differences`(mean: PolyView.Mean, point: MethodPoint) {
        var method = PolyView()
        method.mean = mean
        let batch = point.batch
        point.checkChange(by: method) { reference(batch, $0, $1, mean) }
        // The temperature, where it is learned.
        let slope = [20 + 1e-4, 20 - 1e-4].map { reference(batch, point.anchors, point.documents, mean, scale: $0) }
        expectClose(
            [point.contrast(method).scaleGradient],
            [(slope[0] - slope[1]) / 2e-4],
            Tolerance(relative: point.tolerance.relative, absolute: 1e-7),
            "scale"
        )
    }

    @Test func `the two means agree on two views, and on three the geometric one is higher`() {
        func losses(_ positives: Int) -> (geometric: Double, arithmetic: Double) {
            let rows = (0..<5).map { row in
                ContrastiveRow(anchor: row, positives: (0..<Int32(positives)).map { 10 * (row + 1) + $0 })
            }
            let point = MethodPoint.random(seed: 62, rows: rows)
            var arithmetic = PolyView()
            arithmetic.mean = .arithmetic
            return (point.contrast(PolyView()).loss, point.contrast(arithmetic).loss)
        }
        let (two, three) = (losses(1), losses(2))
        #expect(abs(two.geometric - two.arithmetic) < 1e-5 * two.geometric)
        #expect(three.geometric > three.arithmetic * 1.01)
    }

    @Test func `views of one text or one group are no negatives of each other`() {
        // Two rows that share a view's text, and two of one group: nothing is left to be told from.
        let rows: [ContrastiveRow] = [
            .init(anchor: 0, positives: [10], group: 1), .init(anchor: 1, positives: [10], group: 2),
        ]
        func loss(_ rows: [ContrastiveRow]) -> Double {
            MethodPoint.random(seed: 63, rows: rows).contrast(PolyView()).loss
        }
        // The shared text is closed, the other anchor is open.
        #expect(loss(rows) > 0)
        #expect(loss([.init(anchor: 0, positives: [10], group: 1), .init(anchor: 1, positives: [11], group: 1)]) == 0)
        #expect(loss([.init(anchor: 0, positives: [10]), .init(anchor: 1, positives: [11])]) > loss(rows))
    }
}
