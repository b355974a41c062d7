import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct AlignmentUniformityTests {
    /// arXiv:2005.10242, §4.1, pair by pair.
    private func reference(_ anchors: DoubleMatrix, _ documents: DoubleMatrix, _ method: AlignmentUniformity) -> Double
    {
        let (q, d) = (anchors.unitRows, documents.unitRows)
        func distance(_ x: [Double], _ y: [Double]) -> Double {
            zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let alignment = (0..<q.rows).reduce(0) { $0 + distance(q[row: $1], d[row: $1]) } / Double(q.rows)
        func uniformity(_ x: DoubleMatrix) -> Double {
            var sum = 0.0
            for i in 0..<q.rows {
                for j in 0..<q.rows where i != j { sum += exp(-Double(method.spread) * distance(x[row: i], x[row: j])) }
            }
            return log(sum / Double(q.rows * (q.rows - 1)))
        }
        return Double(method.alignmentWeight) * alignment
            + Double(method.uniformityWeight) * (uniformity(q) + uniformity(d)) / 2
    }

    @Test(arguments: MethodPoint.usual)
    func `loss and gradients match the reference`(point: MethodPoint) {
        var method = AlignmentUniformity()
        method.alignmentWeight = 0.7
        method.isAlone = true
        point.check(method) { reference($0, $1, method) }
        method.isAlone = false
        point.check(method) { reference($0, $1, method) + plainLoss(point.rows, $0, $1) }
    }

    @Test func `alignment is zero where positives are their anchors, and uniformity falls as vectors part`() {
        let rows = (0..<4).map { ContrastiveRow(anchor: $0, positives: [10 + $0]) }
        func loss(_ vectors: Matrix, alignment: Float, uniformity: Float) -> Double {
            var method = AlignmentUniformity()
            (method.alignmentWeight, method.uniformityWeight, method.isAlone) = (alignment, uniformity, true)
            var state = MethodState()
            return MethodTrial.contrast(method, &state, rows, vectors, vectors).loss
        }
        var random = RandomStream(seed: 8)
        let close = Matrix(rows: 4, columns: 4, repeating: 1)
        #expect(abs(loss(random.normal(rows: 4, columns: 4), alignment: 1, uniformity: 0)) < 1e-6)
        #expect(abs(loss(close, alignment: 0, uniformity: 1)) < 1e-6)
        // Orthogonal vectors have squared distance 2.
        #expect(abs(loss(.identity(4), alignment: 0, uniformity: 1) + 4) < 1e-5)
    }
}
