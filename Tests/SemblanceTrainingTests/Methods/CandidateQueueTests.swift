import SemblanceNumerics
import Testing

@testable import SemblanceTraining

@Suite struct CandidateQueueTests {
    private let queue = CandidateQueue("test")

    private func rows(_ numbers: Range<Int>) -> Matrix {
        Matrix(rows: numbers.count, columns: 2, elements: numbers.flatMap { [Float($0), Float(-$0)] })
    }

    private func keys(_ numbers: Range<Int>) -> [CandidateQueue.Keys] {
        numbers.map { .init(text: Int32($0), anchor: Int32($0) * 100_003, group: Int32($0 % 3) - 1) }
    }

    @Test(arguments: [1, 3, 7, 10, 64], [1, 2, 7, 11])
    func `it holds the last vectors in order`(capacity: Int, batch: Int) throws {
        var state = MethodState()
        queue.start(capacity: capacity, dimension: 2, in: &state)
        #expect(queue.entries(in: state) == nil)
        for step in 0..<9 {
            let added = step * batch..<(step + 1) * batch
            queue.append(rows(added), keys(added), to: &state)
            let kept = max(0, added.upperBound - capacity)..<added.upperBound
            let found = try #require(queue.entries(in: state))
            #expect(found.vectors == rows(kept))
            #expect(found.keys == keys(kept))
        }
    }

    @Test func `keys of any size survive`() throws {
        var state = MethodState()
        queue.start(capacity: 4, dimension: 2, in: &state)
        let keys = [Int32.max - 1, -1, 1 << 24 + 1, 0].map { CandidateQueue.Keys(text: $0, anchor: $0, group: $0) }
        queue.append(rows(0..<4), keys, to: &state)
        #expect(try #require(queue.entries(in: state)).keys == keys)
    }
}
