import SemblanceNumerics
import Synchronization
import Testing

@Suite struct WorkersTests {
    @Test(arguments: [1, 2, 3])
    func `every index runs exactly once, also from many callers at once`(threads: Int) async throws {
        let workers = Workers.shared(threads: threads)
        try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await workers.run { _ in
                        let seen = Mutex([Int](repeating: 0, count: 257))
                        workers.forEach(257) { index in seen.withLock { $0[index] += 1 } }
                        return seen.withLock { $0 }
                    }
                }
            }
            for try await counts in group { #expect(counts == [Int](repeating: 1, count: 257)) }
        }
    }

    @Test func `the error of the lowest failing index is thrown`() {
        struct Failure: Error, Equatable { let index: Int }
        #expect(throws: Failure(index: 3)) {
            try Workers.shared(threads: 2).forEach(100, throwing: { if $0 % 10 == 3 { throw Failure(index: $0) } })
        }
    }

    @Test func `cancelling the task reaches the body`() async {
        let task = Task {
            try await Workers.shared(threads: 2).run { cancellation in
                while true { try cancellation.check() }
            }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
