import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Methods that change logits: values and gradients beside double-precision references, and laws.
@Suite struct LogitsMethodTests {
    // MARK: Values and gradients

    @Test(arguments: MethodPoint.usual)
    func `additive margin matches its reference`(point: MethodPoint) {
        let layout = point.layout
        point.check(AdditiveMargin()) { q, d in
            mean(
                point.losses(q, d) { row, column, cosine in
                    (layout.positives[row].contains(column) ? cosine - 0.3 : cosine) * point.scale
                }
            )
        }
    }

    @Test(arguments: MethodPoint.usual, HardnessWeights.Negatives.allCases)
    func `hardness matches its reference`(point: MethodPoint, negatives: HardnessWeights.Negatives) {
        let layout = point.layout
        var method = HardnessWeights()
        method.negatives = negatives
        let (q0, d0, owners) = (point.anchors.unitRows, point.documents.unitRows, point.batch.owners)
        point.check(method) { q, d in
            mean(
                point.losses(q, d) { row, column, cosine in
                    let isOwn = owners[column] == Int32(row)
                    let isPositive = layout.positives[row].contains(column)
                    let counts =
                        switch negatives {
                        case .inBatch: !isOwn
                        case .hard: isOwn && !isPositive
                        case .all: !isPositive
                        }
                    // The hardness is a constant.
                    return cosine * point.scale + (counts ? 9 * dot(q0[row: row], d0[row: column]) : 0)
                }
            )
        }
    }

    @Test(arguments: MethodPoint.usual, [(1, 0.25), (0.5, 1)] as [(Float, Float)])
    func `importance of hard negatives matches its reference`(point: MethodPoint, constants: (Float, Float)) {
        let layout = point.layout
        var method = HardNegativeImportance()
        (method.alpha, method.beta) = constants
        let (alpha, beta) = (Double(constants.0), Double(constants.1))
        // The fraction as it stands in the paper.
        point.check(method) { q, d in
            let (q, d) = (q.unitRows, d.unitRows)
            return mean(
                (0..<q.rows).map { row in
                    let logit = { (column: Int) in dot(q[row: row], d[row: column]) * point.scale }
                    let (positives, negatives) = (layout.positives[row], layout.negatives[row])
                    let normaliser = negatives.reduce(0) { $0 + exp(beta * logit($1)) }
                    let others = negatives.reduce(0) { sum, column in
                        sum + Double(negatives.count) * exp(beta * logit(column)) / normaliser * exp(logit(column))
                    }
                    let own = positives.reduce(0) { $0 + alpha * exp(logit($1)) }
                    return log(own + others) - mean(positives.map(logit))
                }
            )
        }
    }

    @Test(arguments: MethodPoint.usual, [true, false])
    func `model-aware temperature matches its reference`(point: MethodPoint, weighs: Bool) {
        var method = ModelAwareTemperature()
        (method.alpha, method.alignment, method.weighsRows) = (0.8, 0.1, weighs)
        let (q0, d0) = (point.anchors.unitRows, point.documents.unitRows)
        let alignment = mean((0..<q0.rows).map { dot(q0[row: $0], d0[row: $0]) })
        // Temperature and weights are constants.
        let scale = point.scale / (1 + 0.8 * (alignment - 0.1))
        let weights = point.losses(q0, d0) { $2 * scale }.map { weighs ? -1 / expm1(-$0) : 1 }
        point.check(method) { q, d in
            mean(zip(point.losses(q, d) { $2 * scale }, weights).map { $0 * $1 })
        }
    }

    @Test(arguments: MethodPoint.usual, [(.absolute, 0), (.absolute, 0.2), (.relative, 0.2)] as [GuideMargin])
    func `guided mask matches its reference`(point: MethodPoint, margin: GuideMargin) {
        let layout = point.layout
        var method = GuidedMask()
        (method.marginKind, method.margin) = margin
        let guide = Guide(of: point, seed: 5)
        var closed = 0
        point.check(method, guide.state) { q, d in
            closed = 0
            return mean(
                point.losses(q, d) { row, column, cosine in
                    let positives = layout.positives[row]
                    let positive = mean(positives.map { guide.cosine(row, $0) })
                    let slack = Double(margin.1) * (margin.0 == .absolute ? 1 : abs(positive))
                    let isClosed = !positives.contains(column) && guide.cosine(row, column) > positive - slack
                    if isClosed { closed += 1 }
                    return isClosed ? nil : cosine * point.scale
                }
            )
        }
        #expect(closed > 0)
    }

    typealias GuideMargin = (GuidedMask.MarginKind, Float)

    @Test(arguments: MethodPoint.usual)
    func `false negatives' weights match their reference`(point: MethodPoint) {
        let layout = point.layout
        var method = FalseNegativeWeights()
        method.threshold = 0.3
        let guide = Guide(of: point, seed: 6)
        point.check(method, guide.state) { q, d in
            mean(
                point.losses(q, d) { row, column, cosine in
                    let isClosed = !layout.positives[row].contains(column) && guide.cosine(row, column) >= 0.3
                    return isClosed ? nil : cosine * point.scale
                }
            )
        }
    }

    @Test(arguments: MethodPoint.usual)
    func `inverse propensities match their reference`(point: MethodPoint) {
        let layout = point.layout
        let guide = Guide(of: point, seed: 7), words = Guide(of: point, seed: 8)
        var state = guide.state
        state.derived["words"] = words.documents.float
        let positives = point.rows.indices.map { row in
            max(guide.cosine(row, row), 0.001) / max(words.surface(row, row), 0.2)
        }
        point.check(InversePropensityWeights(), state) { q, d in
            let losses = point.losses(q, d) { row, column, cosine in
                func ratio(_ column: Int) -> Double {
                    max(1 - guide.cosine(row, column), 0.001) / max(1 - words.surface(row, column), 0.2)
                }
                let isPositive = layout.positives[row].contains(column)
                let weight = isPositive ? 1 : ratio(column) / mean(layout.negatives[row].map(ratio))
                return cosine * point.scale + log(weight)
            }
            return mean(zip(losses, positives).map { $0 * $1 / mean(positives) })
        }
    }

    @Test(arguments: MethodPoint.usual)
    func `individual temperatures match their reference`(point: MethodPoint) {
        let layout = point.layout
        let temperatures = point.rows.indices.map { 0.05 + 0.02 * Double($0) }
        let means = point.rows.indices.map { -3 - 0.1 * Double($0) }
        var state = MethodState()
        state.saved["temperatures"] = columnMatrix(temperatures)
        state.saved["gradients"] = columnMatrix(means.map { _ in 0 })
        state.saved["log means"] = columnMatrix(means)
        func losses(_ q: DoubleMatrix, _ d: DoubleMatrix) -> [Double] {
            point.losses(q, d, leavesOutTargets: true) { row, _, cosine in cosine / temperatures[row] }
        }
        // g and s are constants.
        let weights = losses(point.anchors, point.documents).enumerated().map { row, loss in
            let g = exp(loss) / Double(layout.negatives[row].count)
            return temperatures[row] * g / (0.2 * exp(means[row]) + 0.8 * g)
        }
        point.check(IndividualTemperatures(), state) { q, d in
            mean(zip(losses(q, d), weights).map { $0 * $1 })
        }
    }

    // MARK: Laws

    @Test(arguments: MethodPoint.usual)
    func `methods that are switched off change no bit`(point: MethodPoint) {
        var (margin, hardness, importance) = (AdditiveMargin(), HardnessWeights(), HardNegativeImportance())
        var temperature = ModelAwareTemperature()
        (margin.margin, hardness.strength, importance.beta) = (0, 0, 0)
        (temperature.alpha, temperature.weighsRows) = (0, false)
        let off: [any ContrastiveMethod] = [margin, hardness, importance, temperature]
        let on: [any ContrastiveMethod] = [
            AdditiveMargin(), HardnessWeights(), HardNegativeImportance(), ModelAwareTemperature(),
        ]
        let plain = point.contrast()
        for (off, on) in zip(off, on) {
            let same = point.contrast(off)
            #expect(same.loss == plain.loss && same.anchorGradient == plain.anchorGradient)
            #expect(same.documentGradient == plain.documentGradient)
            // The twin that must differ.
            #expect(point.contrast(on).anchorGradient != plain.anchorGradient)
        }
    }

    @Test func `a positive ahead by the margin alone is not ahead`() {
        let point = MethodPoint(
            "cosines 0.8 and 0.5",
            rows: [.init(anchor: 0, positives: [1], negatives: [2])],
            anchors: DoubleMatrix(rows: 1, columns: 2, elements: [1, 0]),
            documents: DoubleMatrix(rows: 2, columns: 2, elements: [0.8, 0.6, 0.5, 0.75.squareRoot()])
        )
        #expect(abs(point.contrast(AdditiveMargin()).loss - log(2)) < 1e-4)
        #expect(point.contrast().loss < 0.01)
    }

    @Test func `hardness turns the odds of two negatives by e to the α times their cosines' difference`() {
        let plain = exp(20 * 0.5)
        expectClose([odds(NoMethod())], [plain], Tolerance(relative: 1e-4))
        var hardness = HardnessWeights()
        (hardness.negatives, hardness.strength) = (.hard, 5)
        expectClose([odds(hardness)], [plain * exp(5 * 0.5)], Tolerance(relative: 1e-4))
        // In-batch negatives there are none here.
        expectClose([odds(HardnessWeights())], [plain], Tolerance(relative: 1e-4))
    }

    @Test func `with much importance the hardest negative stands for all`() {
        // Two negatives as hard as each other: nothing to choose.
        let even = Self.ladder(0.7, 0.6, 0.6)
        expectClose([even.contrast(HardNegativeImportance()).loss], [even.contrast().loss], Tolerance(relative: 1e-5))
        let uneven = Self.ladder(0.7, 0.6, 0.1)
        var method = HardNegativeImportance()
        method.beta = 5
        let twice = log1p(2 * exp(20 * (0.6 - 0.7)))
        expectClose([uneven.contrast(method).loss], [twice], Tolerance(relative: 1e-5))
        #expect(uneven.contrast().loss < 0.6 * twice)
    }

    /// An anchor with a positive and two hard negatives at these cosines, each in a plane of its own.
    private static func ladder(_ cosines: Double...) -> MethodPoint {
        var documents = DoubleMatrix(rows: 3, columns: 4, elements: Array(repeating: 0, count: 12))
        for (row, cosine) in cosines.enumerated() {
            documents.elements[row * 4] = cosine
            documents.elements[row * 4 + row + 1] = (1 - cosine * cosine).squareRoot()
        }
        return MethodPoint(
            "\(cosines)",
            rows: [.init(anchor: 0, positives: [1], negatives: [2, 3])],
            anchors: DoubleMatrix(rows: 1, columns: 4, elements: [1, 0, 0, 0]),
            documents: documents
        )
    }

    private func length(_ gradient: Matrix, _ row: Int) -> Double {
        gradient[row: row].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    /// Of the negatives at cosines 0.6 and 0.1. A document's gradient is p τ⁻¹ times its sine.
    private func odds(_ method: any ContrastiveMethod) -> Double {
        let gradient = Self.ladder(0.9, 0.6, 0.1).contrast(method).documentGradient
        return length(gradient, 1) / 0.64.squareRoot() / (length(gradient, 2) / 0.99.squareRoot())
    }

    @Test func `with model-aware weights every positive is pulled alike`() {
        // Two rows that don't see each other, their positives at one angle, one with a near negative and one with a far.
        let point = MethodPoint(
            "a near and a far negative",
            rows: [
                .init(anchor: 0, positives: [10], negatives: [20], group: 1),
                .init(anchor: 1, positives: [11], negatives: [21], group: 1),
            ],
            anchors: DoubleMatrix(rows: 2, columns: 2, elements: [1, 0, 1, 0]),
            documents: DoubleMatrix(rows: 4, columns: 2, elements: [0.8, 0.6, 0.8, 0.6, 0.96, 0.28, 0, 1])
        )
        let weighted = point.contrast(ModelAwareTemperature()).documentGradient
        expectClose([length(weighted, 0)], [length(weighted, 1)], Tolerance(relative: 1e-4))
        var unweighted = ModelAwareTemperature()
        unweighted.weighsRows = false
        let plain = point.contrast(unweighted).documentGradient
        #expect(length(plain, 0) > 100 * length(plain, 1))
    }

    @Test func `the temperature rises with the alignment`() {
        let scales = MethodPoint.usual.map { point in
            let q = point.anchors.unitRows, d = point.documents.unitRows
            let alignment = mean((0..<q.rows).map { dot(q[row: $0], d[row: $0]) })
            let found = point.contrast(ModelAwareTemperature()).step.scale
            expectClose([Double(found)], [point.scale / (1 + alignment)], Tolerance(relative: 1e-5))
            return found
        }
        // The nearly solved batch has the highest temperature.
        #expect(scales[2] < scales[0] && scales[2] < scales[1])
    }

    @Test func `a guide closes the planted false negatives and nothing else`() throws {
        // Document 15, another row's positive, is what anchor 3 asks for, and the model sees that.
        let random = MethodPoint.random(seed: 9)
        let planted = try #require(random.batch.documents.firstIndex(of: 15))
        var documents = random.documents
        documents.setRow(planted, random.anchors[row: 3])
        let point = MethodPoint("planted", rows: random.rows, anchors: random.anchors, documents: documents)
        // In the guide's eyes every text has a direction of its own beside that.
        var guide = Guide(distinguishing: point)
        guide.makeAlike(text: 15, anchor: 3)
        let expected = mean(
            point.losses(point.anchors, point.documents) { row, column, cosine in
                row == 3 && column == planted ? nil : cosine * point.scale
            }
        )
        for method in [GuidedMask(), FalseNegativeWeights()] as [any ContrastiveMethod] {
            var state = guide.state
            expectClose([point.contrast(method, &state).loss], [expected], Tolerance(relative: 1e-5), "\(method)")
        }
        #expect(point.contrast().loss > expected + 0.1)
    }

    @Test func `individual temperatures come to the optimum of each anchor's robust loss`() {
        // Embeddings that stay: only temperatures move.
        let point = MethodPoint.random(seed: 11)
        let layout = point.layout
        let count = point.rows.count
        var method = IndividualTemperatures()
        (method.radius, method.initial) = (0.3, 0.1)
        var state = MethodState()
        state.saved["temperatures"] = Matrix(rows: count, columns: 1, repeating: method.initial)
        state.saved["gradients"] = Matrix(rows: count, columns: 1)
        state.saved["log means"] = Matrix(rows: count, columns: 1, repeating: .nan)
        for _ in 0..<1500 { _ = point.contrast(method, &state) }
        let q = point.anchors.unitRows, d = point.documents.unitRows
        let found = state.saved["temperatures"]?.elements.map(Double.init) ?? []
        for row in 0..<count {
            let positive = mean(layout.positives[row].map { dot(q[row: row], d[row: $0]) })
            let heights = layout.negatives[row].map { dot(q[row: row], d[row: $0]) - positive }
            let expected = minimum(from: 0.005, to: 1) { t in
                t * (logSumExp(heights.map { $0 / t }) - log(Double(heights.count)) + 0.3)
            }
            expectClose([found[row]], [expected], Tolerance(relative: 5e-3), "anchor \(row)")
        }
        // The twin: one temperature for all is no optimum.
        #expect((found.max() ?? 0) > 1.2 * (found.min() ?? 0))
    }

    private func minimum(from low: Double, to high: Double, of function: (Double) -> Double) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<200 {
            let (left, right) = (low + (high - low) * 0.382, low + (high - low) * 0.618)
            if function(left) < function(right) { high = right } else { low = left }
        }
        return (low + high) / 2
    }

    @Test func `of two negatives alike to the model the one that only looks like the anchor weighs more`() {
        let point = Self.ladder(0.6, 0.6, 0.6)
        // By text: in meaning the anchor is near 3, in words it is near 2.
        let meaning = Matrix(rows: 4, columns: 2, elements: [1, 0, 1, 0, 0, 1, 0.8, 0.6])
        var state = MethodState()
        (state.derived["guide anchors"], state.derived["guide documents"]) = (meaning, meaning)
        state.derived["words"] = Matrix(rows: 4, columns: 2, elements: [1, 0, 0, 1, 0.9, 0.43589, 0, 1])
        let found = point.contrast(InversePropensityWeights(), &state).documentGradient
        // (1 − 0) / 0.2 against (1 − 0.8) / 1
        expectClose([length(found, 1) / length(found, 2)], [25], Tolerance(relative: 1e-3))
        let plain = point.contrast().documentGradient
        expectClose([length(plain, 1)], [length(plain, 2)], Tolerance(relative: 1e-5))
    }

    @Test func `texts are near where they share words`() {
        let vectors = SurfaceVectors.of(["data engineer", "Engineer, data!", "data analyst", "night nurse", ""])
        let cosine = { (x: Int, y: Int) in
            dot(vectors[row: x].map(Double.init), vectors[row: y].map(Double.init))
        }
        #expect(abs(cosine(0, 1) - 1) < 1e-6 && abs(cosine(0, 2) - 0.5) < 1e-6)
        #expect(abs(cosine(0, 3)) < 1e-6 && cosine(4, 4) == 0)
    }
}
