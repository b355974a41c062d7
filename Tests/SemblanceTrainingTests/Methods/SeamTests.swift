import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Methods that use one seam each, so that the seam is what is tested.
private struct AddedNegatives: ContrastiveMethod {
    var isPositive = false
    var isPrivate = false
    var texts: [Int32]?

    /// Each anchor's positive and the anchor, halfway.
    func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        let middle = ((step.anchors + step.firstPositives) / 2).unitRows
        var candidates = Candidates(middle, texts: texts, owners: step.anchorTexts.indices.map(Int32.init))
        candidates.isPositive = isPositive
        candidates.isPrivate = isPrivate
        step.add(candidates)
    }
}

private struct SquaredLogits: ContrastiveMethod {
    /// Logits s / τ + s².
    func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        block.logits = block.logits + block.similarities.squared
    }
}

private struct EvenTargets: ContrastiveMethod {
    let share: Float
    /// The positives with 1 − share, the rest evenly over the open candidates.
    func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        let open = MatrixExpression(block.mask).exp
        block.targets = ((1 - share) * MatrixExpression(block.targets) + share * open / open.rowSums).value
    }
}

private struct LossWeights: ContrastiveMethod {
    var weighsRows: Bool { true }
    func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        losses.losses.map { Float($0) }
    }
}

private struct ClosesAll: ContrastiveMethod {
    func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        block.close(Matrix(rows: block.rows.count, columns: block.columns.count, repeating: 1))
    }
}

private struct Learns: ContrastiveMethod {
    func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let weight = step.learned("w", Matrix(rows: 1, columns: step.anchors.value.columns, repeating: 0.5))
        return (step.anchors * weight).sum
    }
}

@Suite struct SeamTests {
    @Test(arguments: MethodPoint.usual)
    func `a method that does nothing changes nothing`(point: MethodPoint) {
        point.check(NoMethod()) { plainLoss(point.rows, $0, $1) }
    }

    @Test(arguments: ContrastiveObjectiveTests.configurations)
    func `with methods the kernel gives what it gives without`(configuration: ContrastiveConfiguration) {
        let point = MethodPoint.random(seed: 4)
        let results = [[], [NoMethod()]].map { (methods: [any ContrastiveMethod]) in
            ContrastiveObjective(configuration, methods: methods).contrast(
                anchors: point.anchors.float,
                documents: point.documents.float,
                batch: point.batch,
                scale: 20,
                workers: .shared(threads: 2)
            )
        }
        let tolerance = Tolerance(relative: 2e-5)
        expectClose([results[1].loss], [results[0].loss], tolerance)
        expectClose([results[1].scaleGradient], [results[0].scaleGradient], tolerance, "scale")
        expectClose(results[1].anchorGradient, DoubleMatrix(results[0].anchorGradient), tolerance, "anchors")
        expectClose(results[1].documentGradient, DoubleMatrix(results[0].documentGradient), tolerance, "documents")
        #expect(results[1].maskedPerRow == results[0].maskedPerRow)
        #expect(results[1].suspects.map(\.document) == results[0].suspects.map(\.document))
    }

    /// The plain loss with columns, logits and targets as a method has them, candidate by candidate.
    private func loss(
        _ point: MethodPoint,
        _ anchors: DoubleMatrix,
        _ documents: DoubleMatrix,
        added: [(vector: [Double], owner: Int, isPositive: Bool, isPrivate: Bool)] = [],
        logit: (Double) -> Double = { 20 * $0 },
        share: Double = 0,
        weight: (Double) -> Double = { _ in 1 }
    ) -> Double {
        let (q, d, layout) = (anchors.unitRows, documents.unitRows, point.layout)
        var total = 0.0
        for row in 0..<q.rows {
            var logits = layout.open[row].map { logit(dot(q[row: row], d[row: $0])) }
            var targets = layout.open[row].map { layout.positives[row].contains($0) ? 1.0 : 0 }
            for candidate in added where !candidate.isPrivate || candidate.owner == row {
                logits.append(logit(dot(q[row: row], candidate.vector)))
                targets.append(candidate.isPositive && candidate.owner == row ? 1 : 0)
            }
            let sum = targets.reduce(0, +)
            let logSum = log(logits.reduce(0) { $0 + exp($1) })
            let loss = zip(targets, logits).reduce(0) {
                $0 + ((1 - share) * $1.0 / sum + share / Double(logits.count)) * (logSum - $1.1)
            }
            total += weight(loss) * loss
        }
        return total / Double(q.rows)
    }

    @Test(arguments: MethodPoint.usual, [(false, false), (true, false), (false, true)])
    func `added candidates`(point: MethodPoint, how: (isPositive: Bool, isPrivate: Bool)) {
        let method = AddedNegatives(isPositive: how.isPositive, isPrivate: how.isPrivate)
        point.check(method) { anchors, documents in
            let (q, d) = (anchors.unitRows, documents.unitRows)
            let added = (0..<q.rows).map { row in
                let middle = zip(q[row: row], d[row: row]).map { ($0 + $1) / 2 }
                let unit = DoubleMatrix(rows: 1, columns: middle.count, elements: middle).unitRows.elements
                return (vector: unit, owner: row, isPositive: how.isPositive, isPrivate: how.isPrivate)
            }
            return loss(point, anchors, documents, added: added)
        }
    }

    @Test func `an added candidate with the text of a positive is masked`() {
        let rows = (0..<3).map { ContrastiveRow(anchor: $0, positives: [10 + $0]) }
        let point = MethodPoint.random(seed: 9, rows: rows)
        func masked(_ texts: [Int32]?) -> Double {
            point.contrast(AddedNegatives(texts: texts)).maskedPerRow
        }
        // Every row has two candidates of other owners; those whose text is its positive are closed.
        #expect(masked(nil) == 0)
        #expect(abs(masked([11, 12, 10]) - 1) < 1e-6)
    }

    @Test(arguments: MethodPoint.usual)
    func `logits are differentiated`(point: MethodPoint) {
        point.check(SquaredLogits()) {
            loss(point, $0, $1, logit: { 20 * $0 + $0 * $0 })
        }
    }

    @Test(arguments: MethodPoint.usual)
    func `targets are a distribution`(point: MethodPoint) {
        point.check(EvenTargets(share: 0.2)) {
            loss(point, $0, $1, share: 0.2)
        }
        // One-hot targets given as a distribution keep what they are worth at a nearly solved batch.
        point.check(EvenTargets(share: 0)) { loss(point, $0, $1) }
    }

    @Test func `weights multiply the anchors' losses`() {
        let point = MethodPoint.random(seed: 5)
        let weighted = point.contrast(LossWeights())
        let expected = loss(point, point.anchors, point.documents, weight: { $0 })
        expectClose([weighted.loss], [expected], Tolerance(relative: 2e-5))
        // Weights are constants: the gradient is w · ∂loss, half of what the squared loss has.
        let dA = differences(at: point.anchors) { loss(point, $0, point.documents, weight: { $0 }) / 2 }
        expectClose(weighted.anchorGradient, dA, Tolerance(relative: 5e-5))
    }

    @Test func `targets stay open where a method closes everything`() {
        let point = MethodPoint.random(seed: 6)
        let found = point.contrast(ClosesAll())
        // Rows with one positive have nothing to be told from; the row with two has its two.
        #expect(found.losses.enumerated().allSatisfy { ($0.offset == 1) == ($0.element > 0) })
    }

    @Test func `what a method learns has its gradient`() {
        let point = MethodPoint.random(seed: 7)
        let found = point.contrast(Learns())
        let unit = point.anchors.unitRows
        let sums = (0..<unit.columns).map { column in (0..<unit.rows).reduce(0) { $0 + unit[$1, column] } }
        expectClose(found.learned[0]["w"]?.elements.map(Double.init) ?? [], sums, Tolerance(relative: 1e-5))
    }

    @Test func `blocks and threads change nothing`() {
        var random = RandomStream(seed: 5)
        let rows = (0..<300).map { ContrastiveRow(anchor: $0 % 290, positives: [1000 + $0 % 250], group: $0 / 2) }
        let (anchors, documents) = (random.normal(rows: 300, columns: 24), random.normal(rows: 300, columns: 24))
        let methods: [any ContrastiveMethod] = [AddedNegatives(), SquaredLogits(), LossWeights()]
        var blocked = ContrastiveObjective(ContrastiveConfiguration(), methods: methods)
        let whole = blocked
        blocked.scoreBudget = 64 * 600
        let results = [(whole, 1), (whole, 2), (blocked, 2)].map { objective, threads in
            objective.contrast(
                anchors: anchors,
                documents: documents,
                batch: ContrastiveBatch(rows),
                scale: 20,
                workers: .shared(threads: threads)
            )
        }
        #expect(results[0].anchorGradient == results[1].anchorGradient && results[0].loss == results[1].loss)
        #expect(results[0].documentGradient == results[1].documentGradient)
        expectClose(results[2].documentGradient, DoubleMatrix(results[0].documentGradient), Tolerance(relative: 1e-5))
        expectClose([results[2].loss], [results[0].loss], Tolerance(relative: 1e-7))
    }
}
