import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct MomentumContrastTests {
    /// Queues of 5 keys, and what the encoder's copy gives for the batch.
    private struct Setting {
        let pairs: MethodPoint
        let batch: ContrastiveBatch
        let anchorKeys: DoubleMatrix
        let documentKeys: DoubleMatrix
        let queuedDocuments: DoubleMatrix
        let queuedAnchors: DoubleMatrix
        let keys: [CandidateQueue.Keys] = [
            .init(text: 40, anchor: 50), .init(text: 10, anchor: 51), .init(text: 42, anchor: 3),
            .init(text: 43, anchor: 53, group: 2), .init(text: 44, anchor: 54),
        ]

        init(_ pairs: MethodPoint, keysNear noise: Float = 0.3) {
            self.pairs = pairs
            batch = pairs.batch
            var random = RandomStream(seed: 31)
            func moved(_ x: DoubleMatrix) -> DoubleMatrix {
                let noise = random.reference(rows: x.rows, columns: x.columns, deviation: noise)
                let sum = zip(x.elements, noise.elements).map { Float($0 + $1) }
                return DoubleMatrix(Matrix(rows: x.rows, columns: x.columns, elements: sum))
            }
            anchorKeys = moved(pairs.anchors)
            documentKeys = moved(pairs.documents)
            queuedDocuments = DoubleMatrix(random.reference(rows: 5, columns: pairs.anchors.columns).unitRows.float)
            queuedAnchors = DoubleMatrix(random.reference(rows: 5, columns: pairs.anchors.columns).unitRows.float)
        }

        func state() -> MethodState {
            var state = MethodState()
            for (name, vectors) in [("documents", queuedDocuments), ("anchors", queuedAnchors)] {
                CandidateQueue(name).start(capacity: 64, dimension: vectors.columns, in: &state)
                CandidateQueue(name).append(vectors.float, keys, to: &state)
            }
            return state
        }

        var context: ContrastiveStep.Context {
            var context = ContrastiveStep.Context()
            context.embed = { [anchorKeys, documentKeys] side, _ in (side == .anchors ? anchorKeys : documentKeys).float
            }
            return context
        }

        /// Logits of the queue's open keys.
        func logits(_ row: Int, _ vector: [Double], _ queue: DoubleMatrix) -> [Double] {
            keys.indices.filter {
                !batch.isRelevant(text: keys[$0].text, anchor: keys[$0].anchor, group: keys[$0].group, toRow: row)
            }.map { 20 * dot(vector, queue[row: $0]) }
        }

        func reference(
            _ anchors: DoubleMatrix,
            _ documents: DoubleMatrix,
            keyWeight: Double,
            kept: (_ logits: [Double], _ positive: Double) -> [Double] = { logits, _ in logits }
        ) -> Double {
            let (q, d, keys) = (anchors.unitRows, documents.unitRows, documentKeys.unitRows)
            let loss = referenceLoss(anchors, documentKeys, batch, scale: 20) { row, _ in
                let positives = batch.documents.indices.filter {
                    batch.isPositive[$0] && batch.owners[$0] == Int32(row)
                }
                let positive =
                    positives.reduce(0) { $0 + 20 * dot(q[row: row], keys[row: $1]) } / Double(positives.count)
                return ([], kept(logits(row, q[row: row], queuedDocuments), positive))
            }
            let b = anchorKeys.unitRows
            let dual = (0..<q.rows).map { row in
                let others = (0..<q.rows).filter { other in
                    other != row && batch.anchors[other] != batch.anchors[row]
                        && batch.documents[other] != batch.documents[row]
                        && (batch.groups[row] < 0 || batch.groups[other] != batch.groups[row])
                }.map { 20 * dot(d[row: row], b[row: $0]) }
                // Of a document's own texts the first positive alone counts.
                let open = self.keys.indices.filter { index in
                    let key = self.keys[index]
                    return key.text != batch.documents[row] && key.anchor != batch.anchors[row]
                        && (key.group < 0 || key.group != batch.groups[row])
                }.map { 20 * dot(d[row: row], queuedAnchors[row: $0]) }
                return log1p(exp(logSumExp(others + open) - 20 * dot(d[row: row], b[row: row])))
            }
            return loss + keyWeight * dual.reduce(0, +) / Double(q.rows)
        }
    }

    @Test(arguments: [0, 0.5] as [Float], MethodPoint.usual)
    func `loss and gradients match central differences`(keyWeight: Float, point: MethodPoint) {
        var method = MomentumContrast()
        method.keyWeight = keyWeight
        let setting = Setting(point, keysNear: point.tolerance.relative > 5e-5 ? 0.02 : 0.3)
        point.checkChange(by: method, context: setting.context, state: setting.state()) {
            setting.reference($0, $1, keyWeight: Double(keyWeight))
        }
    }

    @Test func `documents have a gradient in the dual view alone`() {
        let setting = Setting(.random(seed: 5))
        func gradient(_ keyWeight: Float) -> Double {
            var method = MomentumContrast()
            method.keyWeight = keyWeight
            var state = setting.state()
            return setting.pairs.contrast(method, &state, context: setting.context).documentGradient.sumOfSquares
        }
        #expect(gradient(0) == 0 && gradient(1) > 1e-4)
    }

    @Test(arguments: [(1, nil), (2, nil), (nil, 0.5), (1, 0.5), (100, 100)] as [(Int?, Float?)])
    func `of the queue each anchor sees the hardest below the limit`(hardest: Int?, share: Float?) {
        let setting = Setting(.random(seed: 6))
        var method = MomentumContrast()
        (method.hardest, method.maximumShareOfPositive) = (hardest, share)
        setting.pairs.checkChange(by: method, context: setting.context, state: setting.state()) { anchors, documents in
            setting.reference(anchors, documents, keyWeight: 0) { logits, positive in
                let below = logits.filter { $0 <= share.map { Double($0) * positive } ?? .infinity }
                return Array(below.sorted(by: >).prefix(hardest ?? 100))
            }
        }
    }

    @Test func `the queues hold the copy's vectors in order`() throws {
        let setting = Setting(.random(seed: 7))
        var method = MomentumContrast()
        method.keyWeight = 1
        var state = MethodState()
        CandidateQueue("documents").start(capacity: 30, dimension: 6, in: &state)
        CandidateQueue("anchors").start(capacity: 10, dimension: 6, in: &state)
        var seen: (documents: [Float], anchors: [Float]) = ([], [])
        for number in 0..<4 {
            var random = RandomStream(seed: UInt64(number))
            let (anchors, documents) = (
                random.normal(rows: setting.pairs.anchors.rows, columns: 6),
                random.normal(rows: setting.pairs.documents.rows, columns: 6)
            )
            var context = ContrastiveStep.Context()
            context.embed = { side, _ in side == .anchors ? anchors : documents }
            let found = setting.pairs.contrast(method, &state, context: context)
            method.update(
                &state,
                after: StepOutcome(step: found.step, losses: [], gradients: [:], parameters: [], learningRate: 0)
            )
            seen.documents += UnitRows(documents).output.elements
            seen.anchors += UnitRows(anchors).output.elements
        }
        #expect(
            try #require(CandidateQueue("documents").entries(in: state)).vectors.elements == seen.documents.suffix(180)
        )
        #expect(try #require(CandidateQueue("anchors").entries(in: state)).vectors.elements == seen.anchors.suffix(60))
    }

    @Test func `the copy moves by a share of the way, and stays where nothing is trained`() {
        var method = MomentumContrast()
        method.momentum = 0.75
        var state = MethodState()
        var random = RandomStream(seed: 8)
        let (trained, fixed) = (random.normal(rows: 3, columns: 5), random.normal(rows: 2, columns: 2))
        state.saved["parameter.0"] = Matrix(rows: 3, columns: 5)
        state.saved["parameter.1"] = fixed
        let step = MethodPoint.random(seed: 9).contrast().step
        for _ in 0..<2 {
            method.update(
                &state,
                after: StepOutcome(
                    step: step,
                    losses: [],
                    gradients: [:],
                    parameters: [trained, fixed],
                    learningRate: 0
                )
            )
        }
        let expected = trained.elements.map { Double($0) * (1 - 0.75 * 0.75) }
        expectClose(state.saved["parameter.0"]?.elements.map(Double.init) ?? [], expected, Tolerance(relative: 1e-6))
        #expect(state.saved["parameter.1"] == fixed)
    }
}
