import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct GeodesicMixturesTests {
    @Test(arguments: MethodPoint.usual)
    func `loss and gradients match central differences`(point: MethodPoint) {
        let overheard = Overheard(GeodesicMixtures())
        let batch = point.batch
        point.checkChange(by: overheard) { anchors, documents in
            var stream = overheard.streams.last
            let share = Double(Float(stream.beta(0.5, 0.5)))
            let (q, d) = (anchors.unitRows, documents.unitRows)
            return referenceLoss(anchors, documents, batch, scale: 20) { row, _ in
                let open = (0..<q.rows).filter {
                    $0 != row
                        && !batch.isRelevant(
                            text: batch.documents[$0],
                            anchor: batch.anchors[$0],
                            group: batch.groups[$0],
                            toRow: row
                        )
                }
                return (
                    [],
                    open.map { 20 * dot(q[row: row], referenceGeodesic(q[row: $0], d[row: $0], share: share)) }
                )
            }
        }
    }

    @Test(arguments: [0, 0.1, 0.5, 0.75, 1] as [Float])
    func `a mixture has unit length and lies on the geodesic`(share: Float) {
        var random = RandomStream(seed: 41)
        let x = UnitRows(random.normal(rows: 50, columns: 8)).output
        let y = UnitRows(random.normal(rows: 50, columns: 8)).output
        let mixtures = DoubleMatrix(
            GeodesicMixtures.mixtures(of: MatrixExpression(x), MatrixExpression(y), share: share).value
        )
        let (a, b) = (DoubleMatrix(x), DoubleMatrix(y))
        for row in 0..<50 {
            let m = mixtures[row: row]
            let whole = acos(dot(a[row: row], b[row: row]))
            #expect(abs(dot(m, m) - 1) < 1e-6)
            // At the share of the angle from y, and no detour: both parts make the whole.
            #expect(abs(acos(min(1, dot(b[row: row], m))) - Double(share) * whole) < 1e-3)
            #expect(abs(acos(min(1, dot(a[row: row], m))) - (1 - Double(share)) * whole) < 1e-3)
        }
        // The twin: points of the straight line are shorter.
        if share > 0, share < 1 {
            let straight = (0..<8).map { Double(share) * a[0, $0] + (1 - Double(share)) * b[0, $0] }
            #expect(dot(straight, straight) < 0.999)
        }
    }

    @Test func `the mixture of two equal vectors is the vector, with a gradient that is a number`() {
        let solved = MethodPoint.nearlySolved
        let equal = MethodPoint(
            testDescription: "solved",
            rows: solved.rows,
            anchors: solved.anchors,
            documents: solved.anchors,
            tolerance: solved.tolerance
        )
        let found = equal.contrast(GeodesicMixtures())
        #expect(found.loss.isFinite && found.loss > 0)
        #expect(found.anchorGradient.elements.allSatisfy { $0.isFinite })
        #expect(found.documentGradient.elements.allSatisfy { $0.isFinite })
    }

    @Test func `an anchor alone in its batch sees no mixture`() {
        let alone = MethodPoint.random(seed: 42, rows: [.init(anchor: 0, positives: [1])])
        #expect(alone.contrast(GeodesicMixtures()).loss == 0)
    }
}

@Suite struct AnchorMixturesTests {
    /// A batch whose rows have labels.
    private func labelled(_ labels: [Float], seed: UInt64) -> MethodPoint {
        let rows = labels.indices.map { index in
            var row = ContrastiveRow(anchor: Int32(index), positives: [100 + Int32(index)])
            row.score = labels[index]
            return row
        }
        return .random(seed: seed, rows: rows)
    }

    @Test(arguments: MethodPoint.usual)
    func `loss and gradients match central differences`(point: MethodPoint) {
        let overheard = Overheard(AnchorMixtures())
        let batch = point.batch
        point.checkChange(by: overheard) { anchors, documents in
            var stream = overheard.streams.last
            let shares = (0..<point.anchors.rows).map { _ in Double(Float(stream.beta(2, 8))) }
            return referenceLoss(anchors, documents, batch, scale: 20) { row, negatives in
                // aᵢ · (λ aᵢ + (1 − λ) dⱼ), of unit vectors.
                ([], negatives.map { 20 * shares[row] + (1 - shares[row]) * $0 })
            }
        }
    }

    @Test func `an anchor-exclusive mixture is a positive with the anchor's label`() {
        // Each label but the lowest and the highest has one neighbour on each side.
        let labels: [Float] = [0.9, 0.1, 0.5, 0.3, 0.7]
        let pairs = labelled(labels, seed: 51)
        let batch = pairs.batch
        var method = AnchorMixtures()
        (method.isInclusive, method.window) = (false, 0.25)
        let neighbours = [2: (3, 4), 3: (1, 2), 4: (2, 0)]
        pairs.checkChange(by: method) { anchors, documents in
            let (q, d) = (anchors.unitRows, documents.unitRows)
            return referenceLoss(anchors, documents, batch, scale: 20) { row, _ in
                guard let (below, above) = neighbours[row] else { return ([], []) }
                let share = Double((labels[above] - labels[row]) / (labels[above] - labels[below]))
                #expect(
                    abs(share * Double(labels[below]) + (1 - share) * Double(labels[above]) - Double(labels[row]))
                        < 1e-6
                )
                let mixture = (0..<6).map { share * d[below, $0] + (1 - share) * d[above, $0] }
                return ([20 * dot(q[row: row], mixture)], [])
            }
        }
    }

    @Test func `rows without a label, or with none around theirs, get no mixture`() {
        let pairs = labelled([.nan, 0.2, 0.2, 0.9, .nan], seed: 52)
        var method = AnchorMixtures()
        (method.isInclusive, method.window) = (false, 0.5)
        let (found, plain) = (pairs.contrast(method), pairs.contrast())
        #expect(found.loss == plain.loss && found.anchorGradient == plain.anchorGradient)
    }
}
