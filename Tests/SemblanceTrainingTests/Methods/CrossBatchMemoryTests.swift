import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct CrossBatchMemoryTests {
    private func state(_ memory: DoubleMatrix, _ keys: [CandidateQueue.Keys], capacity: Int = 12) -> MethodState {
        var state = MethodState()
        let queue = CandidateQueue("memory")
        queue.start(capacity: capacity, dimension: memory.columns, in: &state)
        queue.append(memory.unitRows.float, keys, to: &state)
        return state
    }

    /// Step 5 of 10: past the warm-up.
    private var context: ContrastiveStep.Context {
        var context = ContrastiveStep.Context()
        (context.number, context.total) = (5, 10)
        return context
    }

    /// Entries of each kind: unknown, a row's positive, a positive of a row's anchor, of a row's group, none of it.
    private let keys: [CandidateQueue.Keys] = [
        .init(text: -1), .init(text: 10, anchor: 77), .init(text: 90, anchor: 3), .init(text: 91, group: 2),
        .init(text: 92, anchor: 78, group: 9),
    ]

    @Test(arguments: MethodPoint.usual)
    func `loss and gradients match central differences`(point: MethodPoint) {
        var random = RandomStream(seed: 21)
        let memory = random.reference(rows: keys.count, columns: point.anchors.columns)
        let unit = DoubleMatrix(memory.unitRows.float)
        let batch = point.batch
        point.checkChange(by: CrossBatchMemory(), context: context, state: state(memory, keys)) { anchors, documents in
            let q = anchors.unitRows
            return referenceLoss(anchors, documents, batch, scale: 20) { row, _ in
                let open = keys.indices.filter {
                    !batch.isRelevant(
                        text: keys[$0].text,
                        anchor: keys[$0].anchor,
                        group: keys[$0].group,
                        toRow: row
                    )
                }
                return ([], open.map { 20 * dot(q[row: row], unit[row: $0]) })
            }
        }
    }

    @Test func `a remembered copy of the row's own positive is masked`() {
        let pairs = MethodPoint.nearlySolved
        let copies = pairs.documents
        let texts = pairs.batch.documents
        var known = state(copies, texts.map { .init(text: $0, anchor: $0 - 100) })
        var strange = state(copies, texts.map { .init(text: $0 + 1000) })
        var empty = MethodState()
        let plain = pairs.contrast(CrossBatchMemory(), &empty, context: context).loss
        // Known, each copy is one more negative of the other rows alone: the small loss doubles.
        let masked = pairs.contrast(CrossBatchMemory(), &known, context: context).loss
        #expect(masked < 3 * plain)
        // Unknown, it competes with the positive it is: each row loses log 2.
        let open = pairs.contrast(CrossBatchMemory(), &strange, context: context).loss
        #expect(open > 0.69)
    }

    @Test func `it remembers the documents of the last batches, and nothing before its time`() throws {
        let pairs = MethodPoint.random(seed: 4)
        var method = CrossBatchMemory()
        method.warmup = 0.25
        var state = MethodState()
        CandidateQueue("memory").start(capacity: 20, dimension: 6, in: &state)
        for number in 0..<8 {
            var context = ContrastiveStep.Context()
            (context.number, context.total) = (number, 8)
            _ = pairs.contrast(method, &state, context: context)
            let entries = CandidateQueue("memory").entries(in: state)
            #expect((entries?.keys.count ?? 0) == min(20, max(0, number - 1) * pairs.documents.rows))
        }
        let entries = try #require(CandidateQueue("memory").entries(in: state))
        let batch = pairs.documents.rows
        #expect(Array(entries.keys.suffix(batch)).map(\.text) == pairs.batch.documents)
        expectClose(entries.vectors.rows(20 - batch..<20), pairs.documents.unitRows, Tolerance(relative: 1e-6))
    }

    @Test func `an empty memory changes no bit`() {
        let pairs = MethodPoint.random(seed: 5)
        let (empty, plain) = (pairs.contrast(CrossBatchMemory()), pairs.contrast())
        #expect(empty.loss == plain.loss)
        #expect(empty.anchorGradient == plain.anchorGradient && empty.documentGradient == plain.documentGradient)
    }
}
