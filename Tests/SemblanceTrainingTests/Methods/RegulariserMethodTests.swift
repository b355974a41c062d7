// Seam 5: terms beside the softmax.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Σ over pairs i ≠ j of f(cosine), and how many there are.
private func overPairs(_ x: DoubleMatrix, _ f: (Double) -> Double) -> (sum: Double, count: Double) {
    var sum = 0.0
    for i in 0..<x.rows {
        for j in 0..<x.rows where i != j { sum += f(dot(x[row: i], x[row: j])) }
    }
    return (sum, Double(x.rows * (x.rows - 1)))
}

@Suite struct RegulariserMethodTests {
    static let hardRows: [ContrastiveRow] = {
        var all = rows(5, negatives: 2)
        // Hard negatives that answer the batch's queries: rows 1's positive, and that of a row elsewhere.
        all[0].negatives[0] = 101
        all[3].negatives = [102, 104]
        return all
    }()

    static let trials: [MethodTrial] = {
        let pairs = rows(6, negatives: 1)
        let orthogonality = MethodTrial(method: GlobalOrthogonality(), rows: pairs) { anchors, documents in
            func excess(_ x: DoubleMatrix) -> Double {
                let (first, count) = overPairs(x, { $0 })
                let second = overPairs(x, { $0 * $0 }).sum
                let mean = first / count
                return mean * mean + max(0, second / count - 1 / Double(x.columns))
            }
            return plainLoss(pairs, anchors, documents)
                + (excess(anchors.unitRows) + excess(documents.unitRows)) / 2
        }
        let rank = MethodTrial(method: RankReduction(), rows: pairs) { anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            let x = DoubleMatrix(
                rows: 12,
                columns: a.columns,
                elements: a.elements + d.elements.prefix(6 * a.columns)
            )
            let squares = overPairs(x, { $0 * $0 }).sum + 12
            return plainLoss(pairs, anchors, documents) + 0.1 * log(144 / squares)
        }
        var wide = EnergyHinge()
        wide.margin = 0.6
        let hinge = MethodTrial(method: wide, rows: pairs) { anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            let term = (0..<6).reduce(0.0) { sum, row in
                let cosines = (0..<d.rows).map { dot(a[row: row], d[row: $0]) }
                let hardest = cosines.indices.filter { $0 != row }.map { cosines[$0] }.max() ?? 0
                return sum + 10 * max(0, 0.6 + hardest - cosines[row]) / 6
            }
            return plainLoss(pairs, anchors, documents) + term
        }
        let penalty = MethodTrial(method: ContrastiveLearningPenalty(), state: answers(hardRows), rows: hardRows) {
            anchors,
            documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            let batch = ContrastiveBatch(hardRows)
            var cosines: [Double] = []
            for document in batch.documents.indices where !batch.isPositive[document] {
                guard let query = hardRows.firstIndex(where: { $0.positives[0] == batch.documents[document] }) else {
                    continue
                }
                cosines.append(dot(a[row: query], d[row: document]))
            }
            return plainLoss(hardRows, anchors, documents)
                + 0.1 * cosines.reduce(0) { $0 + 1 - $1 } / Double(cosines.count)
        }
        return [orthogonality, rank, hinge, penalty]
    }()

    /// What ``ContrastiveLearningPenalty`` knows of the rows before the first step.
    static func answers(_ rows: [ContrastiveRow], dimension: Int = 8, memory: Matrix? = nil) -> MethodState {
        var state = MethodState()
        var (numbers, first): ([Float], [Float]) = ([], [0])
        for text in 0..<300 {
            numbers += rows.indices.filter { rows[$0].positives.contains(Int32(text)) }.map(Float.init)
            first.append(Float(numbers.count))
        }
        state.derived["rows"] = Matrix(rows: numbers.count, columns: 1, elements: numbers)
        state.derived["first"] = Matrix(rows: first.count, columns: 1, elements: first)
        state.saved["anchors"] = memory ?? Matrix(rows: rows.count, columns: dimension)
        return state
    }

    @Test(arguments: trials, [1, 2] as [UInt64])
    func `loss and gradients match central differences`(trial: MethodTrial, seed: UInt64) {
        let (anchors, documents) = trial.randomPoint(seed: seed)
        trial.check(anchors, documents, Tolerance(relative: 3e-5))
    }

    @Test(arguments: trials)
    func `loss and gradients match at a nearly solved batch`(trial: MethodTrial) {
        var trial = trial
        if trial.state.saved["anchors"] != nil { trial.state.saved["anchors"] = Matrix(rows: 5, columns: 6) }
        let (anchors, documents) = trial.solvedPoint()
        trial.check(anchors, documents, Tolerance(relative: 1e-3, absolute: 1e-7))
    }

    // MARK: Laws

    private func run(
        _ method: (any ContrastiveMethod)?,
        _ rows: [ContrastiveRow],
        _ anchors: Matrix,
        _ documents: Matrix,
        state: MethodState = MethodState()
    ) -> Contrast {
        var state = state
        return MethodTrial.contrast(method, &state, rows, anchors, documents)
    }

    /// What a method adds to the plain loss.
    private func added(
        _ method: any ContrastiveMethod,
        _ rows: [ContrastiveRow],
        _ anchors: Matrix,
        _ documents: Matrix,
        state: MethodState = MethodState()
    ) -> Double {
        run(method, rows, anchors, documents, state: state).loss - run(nil, rows, anchors, documents).loss
    }

    @Test func `orthogonal vectors are free, equal ones cost 1 and what is above 1 of D`() {
        let pairs = rows(4)
        let (apart, same) = (
            Matrix.identity(4), Matrix(rows: 4, columns: 4, elements: Array(repeating: 0.5, count: 16))
        )
        #expect(abs(added(GlobalOrthogonality(), pairs, apart, apart)) < 1e-6)
        #expect(abs(added(GlobalOrthogonality(), pairs, same, same) - (1 + 1 - 0.25)) < 1e-5)
        var meanAlone = GlobalOrthogonality()
        meanAlone.secondMomentWeight = 0
        #expect(abs(added(meanAlone, pairs, same, same) - 1) < 1e-5)
    }

    @Test func `uniformity is lowest for vectors as far apart as can be`() {
        var method = AlignmentUniformity()
        method.alignmentWeight = 0
        method.isAlone = true
        func loss(_ angle: Float) -> Double {
            let x = Matrix(rows: 2, columns: 2, elements: [1, 0, cos(angle), sin(angle)])
            return run(method, rows(2), x, x).loss
        }
        let losses = [Float(0.1), 1, 2, .pi].map(loss)
        #expect(losses == losses.sorted(by: >))
        // Opposite unit vectors are 2 apart: log exp(−2 · 4).
        #expect(abs((losses.last ?? 0) + 8) < 1e-4)
    }

    @Test func `the rank is 1 where all vectors are alike and their number where they are orthogonal`() {
        var method = RankReduction()
        method.weight = 1
        let (apart, same) = (
            Matrix.identity(4), Matrix(rows: 4, columns: 4, elements: Array(repeating: 0.5, count: 16))
        )
        #expect(abs(added(method, rows(4), same, same)) < 1e-5)
        #expect(abs(added(method, rows(4), apart, apart) - log(4)) < 1e-5)
    }

    @Test func `the hinge is 0 once every positive leads by the margin, and sees the hardest negative alone`() {
        let pairs = rows(3, negatives: 1)
        var documents = DoubleMatrix(Matrix.concatenatingRows([.identity(3), .identity(3)], columns: 3))
        // The rows' own negatives point elsewhere: along the next anchor.
        for row in 0..<3 {
            for column in 0..<3 { documents.elements[(3 + row) * 3 + column] = column == (row + 1) % 3 ? 1 : 0 }
        }
        let anchors = Matrix.identity(3)
        // The documents of the next row are those of its anchor: no negative of an anchor is near it but its twin's.
        var twins = pairs
        for row in 0..<3 { twins[row].negatives = [twins[(row + 1) % 3].positives[0]] }
        #expect(abs(added(EnergyHinge(), twins, anchors, documents.float)) < 1e-6)
        // Where the texts differ, the copy of the positive is the hardest negative, as near as the positive.
        #expect(abs(added(EnergyHinge(), pairs, anchors, documents.float) - 10 * 0.2) < 1e-5)
    }

    @Test func `the penalty is 0 where no hard negative answers a query, and falls as the negative nears its own`() {
        var random = RandomStream(seed: 3)
        let plain = rows(3, negatives: 1)
        let (anchors, others) = (Matrix.identity(3), random.normal(rows: 6, columns: 3))
        let free = added(ContrastiveLearningPenalty(), plain, anchors, others, state: Self.answers(plain, dimension: 3))
        #expect(abs(free) < 2e-6)
        var answering = plain
        answering[0].negatives = [101]
        func penalty(_ negative: [Float]) -> Double {
            var documents = Matrix.concatenatingRows([.identity(3), .identity(3)], columns: 3)
            for column in 0..<3 { documents[3, column] = negative[column] }
            return added(
                ContrastiveLearningPenalty(),
                answering,
                anchors,
                documents,
                state: Self.answers(answering, dimension: 3)
            )
        }
        #expect(abs(penalty([0, 1, 0])) < 1e-6 && abs(penalty([0, 0, 1]) - 0.1) < 1e-6)
    }

    @Test func `a query of another batch is remembered as it was last seen`() {
        // Row 3 is not in the batch; its positive is a hard negative of row 0.
        var all = rows(4, negatives: 1)
        all[0].negatives = [103]
        var memory = Matrix(rows: 4, columns: 3)
        let unseen = Self.answers(all, memory: memory)
        let (anchors, documents) = (
            Matrix.identity(3), Matrix.concatenatingRows([.identity(3), .identity(3)], columns: 3)
        )
        let batch = Array(all.prefix(3))
        #expect(abs(added(ContrastiveLearningPenalty(), batch, anchors, documents, state: unseen)) < 1e-6)
        memory[3, 1] = 1
        let seen = Self.answers(all, memory: memory)
        // The negative lies along the first axis, its query along the second.
        #expect(abs(added(ContrastiveLearningPenalty(), batch, anchors, documents, state: seen) - 0.1) < 1e-6)
        var state = unseen
        let contrast = MethodTrial.contrast(ContrastiveLearningPenalty(), &state, batch, anchors, documents)
        ContrastiveLearningPenalty().update(&state, after: contrast.outcome(of: 0))
        #expect(state.saved["anchors"]?.rows(0..<3) == anchors)
    }

    // MARK: Parity

    @Test func `orthogonality is that of sentence-transformers`() throws {
        let golden = try TargetGolden.read()
        let pairs = rows(golden.rows)
        let plain = golden.contrast(NoMethod(), pairs, columns: 2)
        try golden.check("orthogonality", GlobalOrthogonality(), pairs, less: plain)
        var second = GlobalOrthogonality()
        second.meanWeight = 0
        second.secondMomentWeight = 0.5
        try golden.check("orthogonality-second", second, pairs, less: plain)
    }
}
