import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct NoiseNegativesTests {
    /// How far from uniform anchors and noise are: U but for the positives.
    private func nonUniformity(_ anchors: DoubleMatrix, _ noise: DoubleMatrix, temperature: Double) -> Double {
        let (q, n) = (anchors.unitRows, noise.unitRows)
        return (0..<q.rows).reduce(0) { sum, row in
            sum + logSumExp((0..<n.rows).map { dot(q[row: row], n[row: $0]) / temperature })
        } / Double(q.rows)
    }

    private func noise(_ method: NoiseNegatives, _ anchors: DoubleMatrix, _ stream: RandomStream) -> DoubleMatrix {
        var stream = stream
        let count = Int((method.perAnchor * Double(anchors.rows)).rounded())
        var noise = stream.reference(rows: count, columns: anchors.columns, deviation: method.deviation)
        for _ in 0..<method.steps {
            let gradient = differences(at: noise) {
                nonUniformity(anchors, $0, temperature: Double(method.temperature))
            }.unitRows
            for index in noise.elements.indices {
                noise.elements[index] += Double(method.rate) * gradient.elements[index]
            }
        }
        return noise
    }

    /// Settings under which the ascent moves the noise far.
    private var moving: NoiseNegatives {
        var method = NoiseNegatives()
        (method.perAnchor, method.rate, method.temperature) = (1.5, 0.2, 0.5)
        return method
    }

    @Test(arguments: MethodPoint.usual, [false, true])
    func `loss and gradients match central differences`(point: MethodPoint, moves: Bool) {
        let method = moves ? moving : NoiseNegatives()
        let overheard = Overheard(method)
        let batch = point.batch
        // The noise is a constant: it does not move with the anchors.
        var made: DoubleMatrix?
        point.checkChange(by: overheard) { anchors, documents in
            let noise = made ?? noise(method, point.anchors, overheard.streams.last).unitRows
            made = noise
            let q = anchors.unitRows
            return referenceLoss(anchors, documents, batch, scale: 20) { row, _ in
                ([], (0..<noise.rows).map { 20 * dot(q[row: row], noise[row: $0]) })
            }
        }
    }

    @Test func `the ascent brings noise to where it costs more`() {
        let pairs = MethodPoint.random(seed: 12, dimension: 16)
        var still = moving
        still.steps = 0
        #expect(pairs.contrast(moving).loss > pairs.contrast(still).loss * 1.05)
    }

    @Test func `without noise no bit changes`() {
        var none = NoiseNegatives()
        none.perAnchor = 0
        let pairs = MethodPoint.random(seed: 13)
        let (found, plain) = (pairs.contrast(none), pairs.contrast())
        #expect(found.loss == plain.loss && found.documentGradient == plain.documentGradient)
        #expect(pairs.contrast(NoiseNegatives()).loss > plain.loss)
    }
}
