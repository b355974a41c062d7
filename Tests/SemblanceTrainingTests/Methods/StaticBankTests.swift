import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

@Suite struct StaticBankTests {
    /// Text t has row t.
    private func bank(_ point: MethodPoint) -> DoubleMatrix {
        var random = RandomStream(seed: 71)
        return DoubleMatrix(random.reference(rows: 200, columns: point.anchors.columns).unitRows.float)
    }

    private func start(_ point: MethodPoint, _ method: StaticBank = StaticBank()) throws -> MethodState {
        let embedder = try ToyModel().embedder()
        let bank = bank(point).float
        return try method.start(
            MethodContext(
                texts: (0..<200).map { "text \($0)" },
                rows: point.rows,
                batchSize: point.rows.count,
                dimension: bank.columns,
                totalSteps: 1,
                seed: 1,
                model: embedder,
                parameters: []
            ) { texts, _, role in
                #expect(role == .document)
                return bank.gatheringRows(texts.map(Int.init))
            }
        )
    }

    /// The bank's documents that are no positives of any row with the row's anchor.
    private func negatives(_ row: Int, _ point: MethodPoint) -> [Int32] {
        let own = point.rows[row]
        let known = Set(point.rows.filter { $0.anchor == own.anchor }.flatMap(\.positives))
        var seen = Set<Int32>()
        var open: [Int32] = []
        for other in point.rows {
            for text in other.positives + other.negatives where seen.insert(text).inserted {
                let isSibling = other.group >= 0 && other.group == own.group
                if !known.contains(text), !isSibling { open.append(text) }
            }
        }
        return open
    }

    @Test(arguments: MethodPoint.usual)
    func `loss and gradients match central differences`(point: MethodPoint) throws {
        let (bank, batch) = (bank(point), point.batch)
        let open = point.rows.indices.map { negatives($0, point) }
        point.checkChange(by: StaticBank(), state: try start(point)) { anchors, documents in
            let q = anchors.unitRows
            return referenceLoss(anchors, documents, batch, scale: 20) { row, _ in
                ([], open[row].map { 20 * dot(q[row: row], bank[row: Int($0)]) })
            }
        }
    }

    @Test func `frozen, the batch's documents are the bank's and have no gradient`() throws {
        let point = MethodPoint.random(seed: 72)
        var method = StaticBank()
        method.freezesDocuments = true
        let (bank, batch) = (bank(point), point.batch)
        let open = point.rows.indices.map { negatives($0, point) }
        let frozen = DoubleMatrix(
            rows: point.documents.rows,
            columns: bank.columns,
            elements: batch.documents.flatMap { bank[row: Int($0)] }
        )
        point.checkChange(by: method, state: try start(point)) { anchors, _ in
            let q = anchors.unitRows
            return referenceLoss(anchors, frozen, batch, scale: 20) { row, _ in
                ([], open[row].map { 20 * dot(q[row: row], bank[row: Int($0)]) })
            }
        }
    }

    @Test func `another row's positive of the same anchor is no negative`() throws {
        // Two pairs of one anchor in different batches: the other's document is in the bank, and closed.
        let point = MethodPoint.random(seed: 73, rows: [.init(anchor: 0, positives: [1])])
        func loss(_ other: ContrastiveRow) throws -> Double {
            let all = MethodPoint.random(seed: 73, rows: point.rows + [other])
            var state = try start(all)
            return point.contrast(StaticBank(), &state).loss
        }
        #expect(try loss(.init(anchor: 0, positives: [2])) == 0)
        #expect(try loss(.init(anchor: 3, positives: [2])) > 0)
    }
}
