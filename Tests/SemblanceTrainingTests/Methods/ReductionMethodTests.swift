import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Methods that weigh rows: values and gradients beside double-precision references, and laws.
@Suite struct ReductionMethodTests {
    // MARK: Values and gradients

    @Test(arguments: MethodPoint.usual, [0, 3, 7])
    func `progressive attention matches its reference`(point: MethodPoint, step: Int) {
        let raw = point.plainLosses.map { exp((2 * Double(step) / 8 - 1) * -expm1(-$0)) }
        point.check(ProgressiveAttention(), number: step, total: 8, weights: raw.map { $0 / mean(raw) })
    }

    @Test(arguments: MethodPoint.usual)
    func `a curriculum matches its reference`(point: MethodPoint) {
        let easiness = point.rows.indices.map { 1 / Double($0 + 1) }
        var state = MethodState()
        state.derived["easiness"] = rowMatrix(easiness)
        let weights = easiness.map { $0 + (1 - $0) / 4 }
        point.check(DifficultyCurriculum(), state, number: 1, total: 8, weights: weights)
    }

    @Test(arguments: MethodPoint.usual)
    func `confidence matches its reference`(point: MethodPoint) {
        var method = ConfidenceWeights()
        (method.threshold, method.warmup) = (0.5, 0)
        let layout = point.layout
        let weights = point.rows.indices.map { row in
            let logits = layout.open[row].map { point.logit(row, $0) }
            let level = logSumExp(logits)
            let entropy = logits.reduce(0) { $0 - exp($1 - level) * ($1 - level) }
            let confidence = 1 - entropy / log(Double(logits.count))
            return confidence >= 0.5 ? confidence : 0
        }
        #expect(weights.contains { $0 > 0 })
        point.check(method, weights: weights)
    }

    @Test(arguments: MethodPoint.usual)
    func `early learning matches its reference`(point: MethodPoint) {
        let old = point.rows.indices.map { (0.9 - 0.12 * Double($0), 0.05 + 0.12 * Double($0)) }
        var state = MethodState()
        state.saved["beliefs"] = Matrix(
            rows: old.count,
            columns: 2,
            elements: old.flatMap { [Float($0.0), Float($0.1)] }
        )
        // The beliefs are constants.
        let beliefs = zip(old, point.plainLosses.map { exp(-$0) }).map { old, q in
            (0.7 * old.0 + 0.3 * q, 0.7 * old.1 + 0.3 * (1 - q))
        }
        point.check(EarlyLearning(), state) { anchors, documents in
            mean(
                zip(point.plainLosses(anchors, documents), beliefs).map { loss, t in
                    let q = exp(-loss)
                    return loss + 3 * log(1 - q * t.0 - (1 - q) * t.1)
                }
            )
        }
    }

    @Test(arguments: MethodPoint.usual)
    func `cluster robustness matches its reference`(point: MethodPoint) {
        let count = point.rows.count
        let clusters = (0..<count).map { [2, 0, 2, 4, 0, 0][$0 % 6] }
        let old = [0.1, 0.2, 0.3, 0.15, 0.25]
        var method = ClusterRobustness()
        (method.clusters, method.rate) = (5, 2)
        var state = MethodState()
        state.derived["clusters"] = rowMatrix(clusters.map { Double($0) })
        state.saved["weights"] = rowMatrix(old)
        let weights = clusterWeights(point, clusters, old, rate: 2)
        let present = Set(clusters).reduce(0) { $0 + weights[$1] }
        let ofRows = clusters.map { cluster in
            Double(count) * weights[cluster] / present / Double(clusters.filter { $0 == cluster }.count)
        }
        point.check(method, state, weights: ofRows)
        _ = point.contrast(method, &state)
        let sum = weights.reduce(0, +)
        let found = state.saved["weights"]?.elements.map { Double($0) } ?? []
        expectClose(found, weights.map { $0 / sum }, Tolerance(relative: 1e-4))
    }

    /// New weights of clusters, their gradients those of a matrix behind the anchors, by central differences.
    private func clusterWeights(_ point: MethodPoint, _ clusters: [Int], _ old: [Double], rate: Double) -> [Double] {
        let (q, d, all) = (point.anchors.unitRows, point.documents.unitRows, point.plainLosses)
        let present = Set(clusters).sorted()
        let members = present.map { cluster in clusters.indices.filter { clusters[$0] == cluster } }
        let losses = members.map { rows in mean(rows.map { all[$0] }) }
        let gradients = members.map { rows in
            differences(at: DoubleMatrix(.identity(q.columns))) { map in
                mean(
                    rows.map { row in
                        let moved = (0..<q.columns).map { column in
                            (0..<q.columns).reduce(0) { $0 + q[row, $1] * map[$1, column] }
                        }
                        let logits = (0..<d.rows).map { point.scale * dot(moved, d[row: $0]) }
                        // Without cancellation where the target has nearly all.
                        let others = logits.indices.filter { $0 != row }.map { exp(logits[$0] - logits[row]) }
                        return log1p(others.reduce(0, +))
                    }
                )
            }.elements
        }
        var new = old
        for (g, cluster) in present.enumerated() {
            let agreement = present.indices.reduce(0.0) { sum, h in
                let lengths = (dot(gradients[g], gradients[g]) * dot(gradients[h], gradients[h])).squareRoot()
                return sum + pow(losses[g] * losses[h], 0.25) * dot(gradients[g], gradients[h]) / lengths
            }
            new[cluster] = pow(old[cluster], 0.1) * exp(rate * agreement / 5)
        }
        let share = present.reduce(0) { $0 + old[$1] } / present.reduce(0) { $0 + new[$1] }
        for cluster in present { new[cluster] = max(new[cluster] * share, 0.01) }
        return new
    }

    @Test(arguments: MethodPoint.usual, [false, true])
    func `task robustness matches its reference`(point: MethodPoint, hasReference: Bool) {
        let tasks = point.rows.indices.map { $0 % 3 == 1 ? 2 : 0 }
        let point = point.with { row, index in row.task = Int32(tasks[index]) }
        var method = TaskRobustness()
        method.rate = 0.5
        let guide = Guide(of: point, seed: 12)
        var state = hasReference ? guide.state : MethodState()
        state.saved["log weights"] = rowMatrix([0.2, 0.5, 0.3].map { log($0) })
        let expected = point.rows.indices.map { row in
            let logits = point.batch.documents.indices.map { point.scale * guide.cosine(row, $0) }
            return logSumExp(logits) - logits[row]
        }
        func meanLoss(_ losses: [Double], of task: Int) -> Double {
            mean(tasks.indices.filter { tasks[$0] == task }.map { losses[$0] })
        }
        var weights = [0.2, 0.5, 0.3]
        for task in [0, 2] {
            let lag = meanLoss(point.plainLosses, of: task) / (hasReference ? meanLoss(expected, of: task) : 1)
            weights[task] *= exp(0.5 * lag)
        }
        let total = tasks.reduce(0) { $0 + weights[$1] }
        point.check(method, state, weights: tasks.map { Double(tasks.count) * weights[$0] / total })
        _ = point.contrast(method, &state)
        let sum = weights.reduce(0, +)
        let found = state.saved["log weights"]?.elements.map { Double(exp($0)) } ?? []
        expectClose(found, weights.map { $0 / sum }, Tolerance(relative: 1e-5))
    }

    // MARK: Laws

    @Test(arguments: MethodPoint.usual)
    func `weights that are equal change no bit`(point: MethodPoint) {
        var attention = ProgressiveAttention(), early = EarlyLearning()
        (attention.strength, early.strength) = (0, 0)
        var state = MethodState()
        state.saved["beliefs"] = Matrix(rows: point.rows.count, columns: 2)
        let plain = point.contrast()
        for method in [attention, early] as [any ContrastiveMethod] {
            var state = state
            #expect(point.contrast(method, &state).anchorGradient == plain.anchorGradient)
        }
    }

    @Test func `weights that are not equal change something`() {
        let point = MethodPoint.halfWrong, plain = MethodPoint.halfWrong.contrast()
        var state = MethodState()
        state.saved["beliefs"] = Matrix(rows: point.rows.count, columns: 2)
        for method in [ProgressiveAttention(), EarlyLearning()] as [any ContrastiveMethod] {
            #expect(point.contrast(method, &state).anchorGradient != plain.anchorGradient)
        }
    }

    @Test func `attention is on easy rows first and on hard rows last, and 1 on average`() {
        let point = MethodPoint.halfWrong
        let weights = [0, 4, 8].map { point.rowWeights(ProgressiveAttention(), number: $0, total: 8) }
        for weights in weights { expectClose([mean(weights)], [1], Tolerance(relative: 1e-5)) }
        // The right rows are as easy, and the wrong ones as hard, as can be.
        expectClose([weights[0][0] / weights[0][7]], [exp(1)], Tolerance(relative: 1e-4))
        expectClose(weights[1], weights[1].map { _ in 1 }, Tolerance(relative: 1e-6))
        expectClose([weights[2][7] / weights[2][0]], [exp(1)], Tolerance(relative: 1e-4))
    }

    @Test func `a curriculum's first step sees only the easy pairs`() {
        let point = MethodPoint.nearlySolved
        var state = MethodState()
        state.derived["easiness"] = rowMatrix([1, 1, 1, 1, 0, 0, 0, 0])
        let first = point.contrast(DifficultyCurriculum(), &state, number: 0, total: 10).loss
        expectClose([first], [point.plainLosses.prefix(4).reduce(0, +) / 8], Tolerance(relative: 1e-4))
        // From its end on all weigh the same.
        let last = point.contrast(DifficultyCurriculum(), &state, number: 5, total: 10)
        let plain = point.contrast()
        #expect(last.anchorGradient == plain.anchorGradient)
        #expect(first < 0.9 * plain.loss)
    }

    @Test func `the worst cluster's weight grows, and weights sum to 1`() throws {
        let point = MethodPoint.halfWrong
        var method = ClusterRobustness()
        method.clusters = 2
        var state = MethodState()
        state.derived["clusters"] = rowMatrix([0, 0, 0, 0, 1, 1, 1, 1])
        state.saved["weights"] = rowMatrix([0.5, 0.5])
        let start = state
        for _ in 0..<5 {
            _ = point.contrast(method, &state)
            let weights = try #require(state.saved["weights"]).elements
            expectClose([Double(weights[0] + weights[1])], [1], Tolerance(relative: 1e-6))
        }
        let weights = try #require(state.saved["weights"]).elements
        #expect(weights[1] > weights[0] + 0.01)
        // Switched off, nothing moves.
        method.rate = 0
        state = start
        _ = point.contrast(method, &state)
        #expect(state.saved["weights"]?.elements == [0.5, 0.5])
    }

    @Test func `the task that lags gets the weight`() throws {
        let point = MethodPoint.halfWrong.with { row, index in row.task = index < 4 ? 0 : 1 }
        func weights(_ method: TaskRobustness) throws -> [Double] {
            var state = MethodState()
            state.saved["log weights"] = rowMatrix([log(0.5), log(0.5)])
            for _ in 0..<20 { _ = point.contrast(method, &state) }
            return try #require(state.saved["log weights"]).elements.map { Double(exp($0)) }
        }
        let found = try weights(TaskRobustness())
        expectClose([found[0] + found[1]], [1], Tolerance(relative: 1e-5))
        #expect(found[1] > 0.9)
        var off = TaskRobustness()
        off.rate = 0
        expectClose(try weights(off), [0.5, 0.5], Tolerance(relative: 1e-6))
    }

    @Test func `an unsure row weighs nothing, a sure one its trust`() {
        // Two sure rows, one of half trust; then a row that all documents are alike to.
        let point = MethodPoint(
            "sure and unsure",
            rows: (0..<3).map { .init(anchor: $0, positives: [10 + $0]) },
            anchors: DoubleMatrix(rows: 3, columns: 4, elements: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]),
            documents: DoubleMatrix(Matrix.identity(4).rows(0..<3))
        ).with { row, index in row.weight = index == 1 ? 0.5 : 1 }
        let weights = point.rowWeights(ConfidenceWeights(), number: 9, total: 10)
        expectClose(weights, [1, 0.5, 0], Tolerance(relative: 1e-3))
        // During the warm-up trust counts alone.
        let first = point.rowWeights(ConfidenceWeights(), number: 0, total: 10)
        expectClose(first, [1, 0.5, 1], Tolerance(relative: 1e-6))
    }

    @Test func `a row the model never believed is not learned`() {
        // Anchors 0 … 3 have their own direction as positive; 4 … 7 one that is no nearer to them than to each other.
        var documents = DoubleMatrix(.identity(8))
        for row in 4..<8 { documents.setRow(row, Array(repeating: 1, count: 8)) }
        let point = MethodPoint(
            "four right, four wrong",
            rows: MethodPoint.nearlySolved.rows,
            anchors: DoubleMatrix(.identity(8)),
            documents: documents
        )
        var state = MethodState()
        state.saved["beliefs"] = Matrix(rows: 8, columns: 2)
        for _ in 0..<30 { _ = point.contrast(EarlyLearning(), &state) }
        let weights = point.rowWeights(EarlyLearning(), state)
        // q = 1 / 4 and t = (q, 1 − q): 1 + 3 q (2 q − 1) / (2 q (1 − q)) = 0.
        expectClose(Array(weights.suffix(4)), [0, 0, 0, 0], Tolerance(relative: 0, absolute: 1e-2))
        #expect(weights.prefix(4).allSatisfy { $0 > 1 })
        expectClose(point.rowWeights(NoMethod()), weights.map { _ in 1 }, Tolerance(relative: 1e-5))
    }

    @Test func `every vector is in the cluster with the nearest centre, for any number of threads`() {
        var random = RandomStream(seed: 1)
        let vectors = MatrixExpression(random.normal(rows: 120, columns: 4)).unitRows.value
        let found = [1, 2].map { threads in
            SphericalClusters.of(vectors, count: 5, rounds: 100, seed: 4, workers: .shared(threads: threads))
        }
        #expect(found[0] == found[1] && Set(found[0]) == [0, 1, 2, 3, 4])
        let rows = (0..<120).map { vectors[row: $0].map { Double($0) } }
        let centres = (0..<5).map { cluster in
            (0..<4).map { column in
                rows.indices.reduce(0) { found[0][$1] == cluster ? $0 + rows[$1][column] : $0 }
            }
        }
        let cosine = { (row: Int, cluster: Int) in
            dot(rows[row], centres[cluster]) / dot(centres[cluster], centres[cluster]).squareRoot()
        }
        #expect(
            rows.indices.allSatisfy { row in
                (0..<5).allSatisfy { cosine(row, Int(found[0][row])) >= cosine(row, $0) - 1e-6 }
            }
        )
    }
}

extension MethodPoint {
    /// Rows 0 … 3 have their positives, rows 4 … 7 each other's.
    fileprivate static let halfWrong: MethodPoint = {
        var documents = nearlySolved.documents
        for row in 4..<8 { documents.setRow(row, nearlySolved.documents[row: 4 + (row + 1) % 4]) }
        return MethodPoint(
            "half wrong",
            rows: nearlySolved.rows,
            anchors: nearlySolved.anchors,
            documents: documents
        )
    }()

    /// The same point with rows changed.
    fileprivate func with(_ change: (inout ContrastiveRow, Int) -> Void) -> MethodPoint {
        var rows = rows
        for index in rows.indices { change(&rows[index], index) }
        return MethodPoint(
            testDescription: testDescription,
            rows: rows,
            anchors: anchors,
            documents: documents,
            tolerance: tolerance
        )
    }
}
