// Seam 3: what the softmax should be, and what takes its place.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// The loss of scored pairs' similarities, from the definition.
private func rankingLoss(_ similarities: [Double], _ scores: [Float]) -> Double {
    var terms = [0.0]
    for i in scores.indices {
        for j in scores.indices where scores[i] > scores[j] { terms.append(similarities[j] - similarities[i]) }
    }
    return logSumExp(terms)
}

/// A teacher's vectors as a method's state, by text number.
private func teacher(_ vectors: DoubleMatrix) -> MethodState {
    var state = MethodState()
    state.derived = ["anchors": vectors.float, "documents": vectors.float]
    return state
}

@Suite struct TargetMethodTests {
    static let scores: [Float] = [0.9, 0.2, 0.5, 0.5, 0, 0.7]
    static let grades: [Float] = [0.5, 3, 1, 2, 0, 1.5]

    /// The teacher's score of a row's document: rows differ in order and spread.
    static func taught(_ row: Int, _ document: Int) -> Float {
        [4, 1.5, -0.5, 2][(row + document) % 4] + Float(row) / 4
    }

    static let teacherVectors: DoubleMatrix = {
        var random = RandomStream(seed: 9)
        return random.reference(rows: 320, columns: 8)
    }()

    static let scored: [MethodTrial] = {
        let pairs = rows(6, scores: scores)
        // Cosines in the order of the scores, far apart.
        let ordered = [0.95, 0.1, 0.5, 0.45, -0.4, 0.75]
        let cosent = MethodTrial(method: CoSENT(), rows: pairs, solved: ordered) { anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            return rankingLoss((0..<a.rows).map { 20 * dot(a[row: $0], d[row: $0]) }, scores)
        }
        let angle = MethodTrial(method: AnglE(), rows: pairs, solved: ordered) { anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            let half = (a.columns + 1) / 2
            let angles = (0..<a.rows).map { row in
                var (real, imaginary) = (0.0, 0.0)
                for k in 0..<half {
                    let z = (a[row, k], half + k < a.columns ? a[row, half + k] : 0)
                    let w = (d[row, k], half + k < a.columns ? d[row, half + k] : 0)
                    real += z.0 * w.0 + z.1 * w.1
                    imaginary += z.1 * w.0 - z.0 * w.1
                }
                return 20 * abs(real + imaginary)
            }
            return rankingLoss(angles, scores)
        }
        let regression = MethodTrial(method: CosineMSE(), rows: pairs, solved: scores.map(Double.init)) {
            let (a, d) = ($0.unitRows, $1.unitRows)
            return (0..<a.rows).reduce(0) { sum, row in
                let difference = dot(a[row: row], d[row: row]) - Double(scores[row])
                return sum + difference * difference / Double(a.rows)
            }
        }
        let softRows = rows(6, negatives: 1, scores: scores)
        let soft = MethodTrial(method: SoftLabels(), rows: softRows) { anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            return (0..<a.rows).reduce(0) { sum, row in
                let logits = (0..<d.rows).map { 20 * dot(a[row: row], d[row: $0]) }
                let score = Double(scores[row])
                let targets = logits.indices.map { $0 == row ? score : (1 - score) / Double(d.rows - 1) }
                return sum + zip(logits, targets).reduce(0) { $0 + $1.1 * (logSumExp(logits) - $1.0) } / Double(a.rows)
            }
        }
        var gradedRows = rows(4, negatives: 1, scores: [1, 2, 0.5, 1])
        gradedRows[1].positives += [150, 151]
        gradedRows[1].positiveScores = [2, 0, 1]
        gradedRows[3].positives.append(152)
        gradedRows[3].positiveScores = [0.5, 0.25]
        let graded = MethodTrial(method: GradedRelevance(), rows: gradedRows) { [gradedRows] anchors, documents in
            let (a, d) = (anchors.unitRows, documents.unitRows)
            let batch = ContrastiveBatch(gradedRows)
            var (sum, total) = (0.0, 0.0)
            for (row, own) in batch.documentsOfRows.enumerated() {
                let logits = (0..<d.rows).map { 20 * dot(a[row: row], d[row: $0]) }
                for document in own where batch.isPositive[document] {
                    let score = batch.documentScores[document]
                    let grade = Double(score.isNaN ? gradedRows[row].score : score)
                    sum += grade * (logSumExp(logits) - logits[document])
                    total += grade
                }
            }
            return sum / total
        }
        return [cosent, angle, regression, soft, graded]
    }()

    static let taughtTrials: [MethodTrial] = {
        let taughtRows = rows(5, negatives: 3, teacher: taught)
        let batch = ContrastiveBatch(taughtRows)
        @Sendable func own(_ anchors: DoubleMatrix, _ documents: DoubleMatrix, row: Int) -> (s: [Double], t: [Double]) {
            let documentsOfRow = batch.documentsOfRows[row]
            return (
                documentsOfRow.map { 20 * dot(anchors[row: row], documents[row: $0]) },
                documentsOfRow.map { Double(batch.documentScores[$0]) }
            )
        }
        // Cosines that follow the teacher.
        let solved = batch.documents.indices.map {
            0.18 * Double(batch.documentScores[$0] - 0.25 * Float(batch.owners[$0]))
        }
        var divergence = ScoreDistillation()
        divergence.teacherTemperature = 2
        divergence.weight = 0.5
        var graded = GradedDistillation()
        graded.isAlone = true
        var ranking = ListwiseRanking()
        ranking.weight = 2
        var cosines = MarginMSE()
        cosines.usesCosines = true
        @Sendable func margins(_ a: DoubleMatrix, _ d: DoubleMatrix) -> Double {
            var squares: [Double] = []
            for (row, own) in batch.documentsOfRows.enumerated() {
                for negative in own.dropFirst() {
                    let found = dot(a[row: row], d[row: own[0]]) - dot(a[row: row], d[row: negative])
                    let wanted = Double(batch.documentScores[own[0]] - batch.documentScores[negative])
                    squares.append((found - wanted) * (found - wanted))
                }
            }
            return squares.reduce(0, +) / Double(squares.count)
        }
        return [
            MethodTrial(method: divergence, rows: taughtRows, solved: solved) {
                let (a, d) = ($0.unitRows, $1.unitRows)
                return (0..<a.rows).reduce(0) { sum, row in
                    let (s, scores) = own(a, d, row: row)
                    let t = scores.map { $0 / 2 }
                    let terms = zip(s, t).map { s_, t_ in
                        exp(t_ - logSumExp(t)) * ((t_ - logSumExp(t)) - (s_ - logSumExp(s)))
                    }
                    return sum + 0.5 * terms.reduce(0, +) / Double(a.rows)
                }
            },
            MethodTrial(method: graded, rows: taughtRows, solved: solved) {
                let (a, d) = ($0.unitRows, $1.unitRows)
                return (0..<a.rows).reduce(0) { sum, row in
                    let (s, t) = own(a, d, row: row)
                    let terms = s.indices.map { i in
                        exp(t[i] - logSumExp(t)) * (logSumExp(s.indices.filter { t[$0] <= t[i] }.map { s[$0] }) - s[i])
                    }
                    return sum + terms.reduce(0, +) / Double(a.rows)
                }
            },
            MethodTrial(method: ranking, rows: taughtRows, solved: solved) {
                let (a, d) = ($0.unitRows, $1.unitRows)
                let plain = plainLoss(taughtRows, $0, $1)
                return plain
                    + (0..<a.rows).reduce(0) { sum, row in
                        let (s, t) = own(a, d, row: row)
                        let ranks = t.map { score in Double(1 + t.count { $0 > score }) }
                        var loss = 0.0
                        for i in s.indices {
                            for j in s.indices where ranks[i] < ranks[j] {
                                loss += (1 / ranks[i] - 1 / ranks[j]) * log(1 + exp(s[j] - s[i]))
                            }
                        }
                        return sum + 2 * loss / Double(a.rows)
                    }
            },
            MethodTrial(method: MarginMSE(), rows: taughtRows, solved: solved) { margins($0, $1) },
            MethodTrial(method: cosines, rows: taughtRows, solved: solved) { margins($0.unitRows, $1.unitRows) },
        ]
    }()

    static let distilled: [MethodTrial] = {
        let pairs = rows(4, negatives: 1)
        @Sendable func texts(_ batch: ContrastiveBatch) -> [Int] { (batch.anchors + batch.documents).map(Int.init) }
        let vectors = teacherVectors
        let narrow = DoubleMatrix(
            rows: vectors.rows,
            columns: 3,
            elements: Array(vectors.elements.prefix(vectors.rows * 3))
        )
        var random = RandomStream(seed: 4)
        let (weights, bias) = (random.reference(rows: 8, columns: 3), random.reference(rows: 1, columns: 3))
        var projected = teacher(narrow)
        projected.saved = ["weights": weights.float, "bias": bias.float]
        @Sendable func project(_ x: [Double]) -> [Double] {
            (0..<3).map { column in bias[0, column] + x.indices.reduce(0) { $0 + x[$1] * weights[$1, column] } }
        }
        @Sendable func squares(_ found: [[Double]], _ wanted: [[Double]]) -> Double {
            let terms = zip(found, wanted).flatMap { zip($0, $1).map { ($0 - $1) * ($0 - $1) } }
            return terms.reduce(0, +) / Double(terms.count)
        }
        @Sendable func all(_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> [[Double]] {
            (0..<anchors.rows).map { anchors[row: $0] } + (0..<documents.rows).map { documents[row: $0] }
        }
        @Sendable func unit(_ x: [Double]) -> [Double] { x.map { $0 / dot(x, x).squareRoot() } }
        let banked: [Int] = [300, 2, 301]
        @Sendable func contrastive(_ student: [[Double]], _ teacher: DoubleMatrix) -> Double {
            let numbers = texts(ContrastiveBatch(pairs))
            let keys = numbers + banked
            return student.indices.reduce(0) { sum, index in
                let logits = keys.indices
                    .filter { $0 == index || keys[$0] != numbers[index] }
                    .map { 20 * dot(unit(student[index]), unit(teacher[row: keys[$0]])) }
                let own = 20 * dot(unit(student[index]), unit(teacher[row: numbers[index]]))
                return sum + (logSumExp(logits) - own) / Double(student.count)
            }
        }
        @Sendable func bank(_ state: MethodState) -> MethodState {
            var state = state
            state.derived = state.derived.mapValues { DoubleMatrix($0).unitRows.float }
            state.saved["bank"] = Matrix(rows: 3, columns: 1, elements: banked.map(Float.init))
            return state
        }
        return [
            MethodTrial(method: EmbeddingMSE(), state: teacher(vectors), rows: pairs) { anchors, documents in
                squares(all(anchors, documents), texts(ContrastiveBatch(pairs)).map { vectors[row: $0] })
            },
            MethodTrial(method: EmbeddingMSE(), state: projected, rows: pairs) { anchors, documents in
                squares(
                    all(anchors, documents).map(project),
                    texts(ContrastiveBatch(pairs)).map { narrow[row: $0] }
                )
            },
            MethodTrial(method: ContrastiveDistillation(), state: bank(teacher(vectors)), rows: pairs) {
                contrastive(all($0, $1), vectors)
            },
            MethodTrial(method: ContrastiveDistillation(), state: bank(projected), rows: pairs) {
                contrastive(all($0, $1).map(project), narrow)
            },
        ]
    }()

    @Test(arguments: scored + taughtTrials + distilled, [1, 2] as [UInt64])
    func `loss and gradients match central differences`(trial: MethodTrial, seed: UInt64) {
        let (anchors, documents) = trial.randomPoint(seed: seed)
        trial.check(anchors, documents, Tolerance(relative: 3e-5))
    }

    @Test(arguments: scored + taughtTrials)
    func `loss and gradients match at a nearly solved batch`(trial: MethodTrial) {
        let (anchors, documents) = trial.solvedPoint()
        trial.check(anchors, documents, Tolerance(relative: 1e-3, absolute: 1e-7))
    }

    @Test func `loss and gradients match at a student that is nearly its teacher`() {
        for trial in Self.distilled where trial.state.saved["weights"] == nil {
            let batch = trial.batch
            var random = RandomStream(seed: 8)
            func near(_ texts: [Int32]) -> DoubleMatrix {
                var vectors = DoubleMatrix(Self.teacherVectors.float.gatheringRows(texts.map(Int.init)))
                let noise = random.reference(rows: texts.count, columns: 8, deviation: 0.01)
                for index in vectors.elements.indices { vectors.elements[index] += noise.elements[index] }
                return DoubleMatrix(vectors.float)
            }
            trial.check(near(batch.anchors), near(batch.documents), Tolerance(relative: 1e-3))
        }
    }

    // MARK: Laws

    /// Unit vectors in the plane with these cosines to the anchor at (1, 0).
    private func pairs(cosines: [Float]) -> (anchors: Matrix, documents: Matrix) {
        (
            Matrix(rows: cosines.count, columns: 2, elements: cosines.flatMap { _ in [Float(1), 0] }),
            Matrix(rows: cosines.count, columns: 2, elements: cosines.flatMap { [$0, (1 - $0 * $0).squareRoot()] })
        )
    }

    private func run(
        _ method: (any ContrastiveMethod)?,
        _ rows: [ContrastiveRow],
        _ vectors: (anchors: Matrix, documents: Matrix),
        state: MethodState = MethodState(),
        scale: Float = 20
    ) -> Contrast {
        var state = state
        return MethodTrial.contrast(method, &state, rows, vectors.anchors, vectors.documents, scale: scale)
    }

    @Test(arguments: [CoSENT(), AnglE()] as [any ContrastiveMethod])
    func `only the order of scores counts`(method: any ContrastiveMethod) {
        let trial = Self.scored[0]
        let point = trial.randomPoint(seed: 5)
        let vectors = (point.anchors.float, point.documents.float)
        let plain = run(method, trial.rows, vectors)
        let moved = run(method, rows(6, scores: Self.scores.map { 5 * $0 - 2 }), vectors)
        #expect(plain.loss == moved.loss && plain.anchorGradient == moved.anchorGradient)
        // The twin that must differ: another order.
        #expect(run(method, rows(6, scores: Self.scores.map { -$0 }), vectors).loss != plain.loss)
    }

    @Test func `CoSENT has no gradient where the order is right by a wide margin, and a large loss where it is wrong`()
    {
        let vectors = pairs(cosines: [0.95, 0, -0.95])
        let right = run(CoSENT(), rows(3, scores: [1, 0.5, 0]), vectors)
        #expect(right.loss < 1e-7 && right.documentGradient.elements.allSatisfy { abs($0) < 1e-5 })
        let wrong = run(CoSENT(), rows(3, scores: [0, 0.5, 1]), vectors)
        #expect(abs(wrong.loss - 38) < 1 && wrong.documentGradient.elements.contains { abs($0) > 1 })
    }

    @Test func `AnglE pulls where cosines are saturated`() {
        // Both texts of the first pair are the same; the cosine can't rise and its gradient is 0.
        let anchors = Matrix(rows: 2, columns: 2, elements: [1, 0, 1, 0])
        let vectors = (anchors: anchors, documents: anchors)
        let pairs = rows(2, scores: [1, 0])
        #expect(run(CoSENT(), pairs, vectors).documentGradient.elements.allSatisfy { abs($0) < 1e-5 })
        #expect(run(AnglE(), pairs, vectors).documentGradient.elements.contains { abs($0) > 1 })
    }

    @Test func `the regression is solved where cosines are the scores`() {
        let vectors = pairs(cosines: [0.9, 0.2, -0.5])
        let solved = run(CosineMSE(), rows(3, scores: [0.9, 0.2, -0.5]), vectors)
        #expect(solved.loss < 1e-12 && solved.documentGradient.elements.allSatisfy { abs($0) < 1e-6 })
        #expect(run(CosineMSE(), rows(3, scores: [0.8, 0.2, -0.5]), vectors).loss > 1e-3)
    }

    @Test func `soft labels of 1 are the plain objective, and even ones want even cosines`() {
        let trial = Self.scored[3]
        let point = trial.randomPoint(seed: 6)
        let vectors = (point.anchors.float, point.documents.float)
        let certain = rows(6, negatives: 1, scores: Array(repeating: 1, count: 6))
        let (plain, soft) = (run(nil, certain, vectors), run(SoftLabels(), certain, vectors))
        expectClose([soft.loss], [plain.loss], Tolerance(relative: 1e-6))
        expectClose(soft.documentGradient, DoubleMatrix(plain.documentGradient), Tolerance(relative: 1e-5))
        #expect(abs(run(SoftLabels(), trial.rows, vectors).loss - plain.loss) > 0.1)
        // Six candidates, each as near as the others.
        let same = Matrix(rows: 6, columns: 2, elements: (0..<6).flatMap { _ in [Float(0.6), 0.8] })
        let even = run(SoftLabels(), rows(6, scores: Array(repeating: 1 / 6, count: 6)), (same, same))
        #expect(abs(even.loss - log(6)) < 1e-6 && even.documentGradient.elements.allSatisfy { abs($0) < 1e-6 })
    }

    @Test func `one grade in a row is the plain objective, whatever its unit`() {
        let trial = Self.scored[4]
        let point = trial.randomPoint(seed: 7)
        var graded = rows(4, negatives: 1)
        for row in graded.indices {
            graded[row].positives.append(Int32(150 + row))
            graded[row].positiveScores = [3, 0]
        }
        // Documents 4 … 7 are the second positives; as negatives they come before the others of their row.
        var plain = rows(4, negatives: 1)
        for row in plain.indices { plain[row].negatives = [Int32(150 + row)] + plain[row].negatives }
        let count = ContrastiveBatch(graded).documents.count
        var random = RandomStream(seed: 7)
        let documents = random.normal(rows: count, columns: 8)
        let order = ContrastiveBatch(plain).documents.map { text in
            ContrastiveBatch(graded).documents.firstIndex(of: text) ?? 0
        }
        let vectors = (anchors: point.anchors.float, documents: documents)
        let found = run(GradedRelevance(), graded, vectors)
        let expected = run(nil, plain, (vectors.anchors, documents.gatheringRows(order)))
        expectClose([found.loss], [expected.loss], Tolerance(relative: 1e-6))
        expectClose(
            found.documentGradient.gatheringRows(order),
            DoubleMatrix(expected.documentGradient),
            Tolerance(relative: 1e-5)
        )
        // The twin: grades that say something else.
        for row in graded.indices { graded[row].positiveScores = [1, 2] }
        #expect(abs(run(GradedRelevance(), graded, vectors).loss - expected.loss) > 0.1)
    }

    @Test func `the divergence from the student's own scores is 0`() {
        let point = Self.taughtTrials[0].randomPoint(seed: 8)
        let (a, d) = (point.anchors.unitRows, point.documents.unitRows)
        let layout = ContrastiveBatch(rows(5, negatives: 3)).documentsOfRows
        func own(_ sign: Double) -> [ContrastiveRow] {
            rows(5, negatives: 3) { row, document in
                Float(sign * 20 * dot(a[row: row], d[row: layout[row][document]]) + Double(row))
            }
        }
        let vectors = (point.anchors.float, point.documents.float)
        let found = run(ScoreDistillation(), own(1), vectors)
        #expect(abs(found.loss) < 1e-5 && found.documentGradient.elements.allSatisfy { abs($0) < 1e-4 })
        #expect(run(ScoreDistillation(), own(-1), vectors).loss > 1)
    }

    @Test func `a teacher who is certain of the first makes graded distillation the softmax of the row`() {
        var method = GradedDistillation()
        method.isAlone = true
        let certain = rows(5, negatives: 3) { _, document in document == 0 ? 100 : Float(document) }
        let point = Self.taughtTrials[1].randomPoint(seed: 9)
        let (a, d) = (point.anchors.unitRows, point.documents.unitRows)
        let layout = ContrastiveBatch(certain).documentsOfRows
        let expected = (0..<5).reduce(0.0) { sum, row in
            let logits = layout[row].map { 20 * dot(a[row: row], d[row: $0]) }
            return sum + (logSumExp(logits) - logits[0]) / 5
        }
        let vectors = (point.anchors.float, point.documents.float)
        expectClose([run(method, certain, vectors).loss], [expected], Tolerance(relative: 1e-5))
        let unsure = rows(5, negatives: 3) { _, document in Float(-document) / 10 }
        #expect(abs(run(method, unsure, vectors).loss - expected) > 0.1)
    }

    @Test func `list-wise ranking minds the first places most`() {
        var method = ListwiseRanking()
        method.isAlone = true
        let ranked = rows(1, negatives: 3) { _, document in Float(-document) }
        func loss(_ cosines: [Float]) -> Double {
            let (anchors, documents) = pairs(cosines: cosines)
            return run(method, ranked, (anchors.rows(0..<1), documents)).loss
        }
        let right = loss([0.9, 0.6, 0.3, 0])
        let (lastSwapped, firstSwapped) = (loss([0.9, 0.6, 0, 0.3]), loss([0.6, 0.9, 0.3, 0]))
        #expect(right < 0.01 && lastSwapped > right + 0.1 && firstSwapped > 2 * lastSwapped)
    }

    @Test func `margins alone count, not where a row's scores lie`() {
        let trial = Self.taughtTrials[3]
        let point = trial.randomPoint(seed: 10)
        let vectors = (point.anchors.float, point.documents.float)
        let plain = run(MarginMSE(), trial.rows, vectors)
        let moved = rows(5, negatives: 3) { Self.taught($0, $1) + Float(8 * $0) }
        expectClose([run(MarginMSE(), moved, vectors).loss], [plain.loss], Tolerance(relative: 1e-5))
        let stretched = rows(5, negatives: 3) { 2 * Self.taught($0, $1) }
        #expect(abs(run(MarginMSE(), stretched, vectors).loss - plain.loss) > 0.1)
    }

    @Test func `the student's projection is learned`() {
        var trial = Self.distilled[1]
        let method = EmbeddingMSE()
        let point = trial.randomPoint(seed: 11)
        for name in ["weights", "bias"] {
            guard let matrix = trial.state.saved[name] else { continue }
            trial.state.saved[name + ".first"] = Matrix(rows: matrix.rows, columns: matrix.columns)
            trial.state.saved[name + ".second"] = Matrix(rows: matrix.rows, columns: matrix.columns)
        }
        var fast = method
        fast.projectionRate = 0.05
        let before = trial.contrast(point.anchors.float, point.documents.float)
        for _ in 0..<100 {
            let contrast = trial.contrast(point.anchors.float, point.documents.float)
            fast.update(&trial.state, after: contrast.outcome(of: 0))
        }
        let after = trial.contrast(point.anchors.float, point.documents.float)
        #expect(after.loss < 0.5 * before.loss)
    }

    @Test
    func `the bank holds the texts of earlier batches, the oldest leave first, and a text is never its own negative`() {
        var method = ContrastiveDistillation()
        method.bankSize = 10
        let trial = Self.distilled[2]
        let point = trial.randomPoint(seed: 12)
        var state = trial.state
        let contrast = MethodTrial.contrast(
            method,
            &state,
            trial.rows,
            point.anchors.float,
            point.documents.float
        )
        method.update(&state, after: contrast.outcome(of: 0))
        let batch = trial.batch
        let seen: [Float] = [300, 2, 301] + (batch.anchors + batch.documents).map(Float.init)
        #expect(state.saved["bank"]?.elements == Array(seen.suffix(10)))
        // A bank of the batch's own texts adds candidates, but no text's own.
        func loss(_ bank: [Float], _ rows: [ContrastiveRow]) -> Double {
            var state = trial.state
            state.saved["bank"] = Matrix(rows: bank.count, columns: 1, elements: bank)
            let (anchors, documents) = (point.anchors.float.rows(0..<1), point.documents.float.rows(0..<1))
            return MethodTrial.contrast(method, &state, rows, anchors, documents).loss
        }
        let twins = [ContrastiveRow(anchor: 5, positives: [5])]
        #expect(loss([], twins) == 0 && loss([5, 5], twins) == 0 && loss([5, 6], twins) > 0)
    }

    // MARK: Parity

    @Test func `losses and gradients are those of sentence-transformers`() throws {
        let golden = try TargetGolden.read()
        var divergence = ScoreDistillation()
        divergence.teacherTemperature = 2
        var cosines = MarginMSE()
        cosines.usesCosines = true
        let scored = golden.scoredRows
        let taught = golden.taughtRows
        try golden.check("cosent", CoSENT(), scored)
        try golden.check("angle", AnglE(), scored)
        try golden.check("cosine-mse", CosineMSE(), scored)
        // The peer multiplies by the student's temperature squared.
        try golden.check("kl-cosine", divergence, taught, scale: 20, times: 0.05 * 0.05)
        try golden.check("margin-mse", MarginMSE(), taught)
        try golden.check("margin-mse-cosine", cosines, taught)
        var state = MethodState()
        let teacher = golden.teacher(rows: rows(golden.rows))
        state.derived = ["anchors": teacher, "documents": teacher]
        try golden.check("embedding-mse", EmbeddingMSE(), rows(golden.rows), state: state)
        // The twin that must differ.
        let found = golden.contrast(CoSENT(), rows(golden.rows, scores: golden.scores.map { -$0 }), columns: 2)
        let expected = try golden.golden("cosent")
        #expect(abs(found.loss - expected.loss) > 1e-2)
    }
}
