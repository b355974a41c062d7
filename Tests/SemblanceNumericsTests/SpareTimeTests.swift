import Foundation
import Synchronization
import Testing

@testable import SemblanceNumerics

@Suite struct SpareTimeTests {
    private struct Failure: Error, Equatable { var number: Int }

    @Test func `work is done once, and its value or error comes back`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let value = try await SpareTime.short.run { goOn in
                        for _ in 0..<3 { try goOn() }
                        return number
                    }
                    #expect(value == number)
                    await #expect(throws: Failure(number: number)) {
                        try await SpareTime.long.run { _ in throw Failure(number: number) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `small work doesn't wait for large`() async throws {
        let gate = Cancellation()
        async let large: Void = SpareTime.long.run { _ in while !gate.isCancelled {} }
        #expect(try await SpareTime.short.run { _ in 7 } == 7)
        gate.cancel()
        try await large
    }

    @Test func `work that waits instead of running is begun again`() async throws {
        // A thread that sleeps gets as little of the processors as one that others keep from them.
        let begun = Counter()
        let value = try await SpareTime.short.run { goOn in
            let number = begun.next()
            if number == 0 {
                for _ in 0..<20 {
                    Thread.sleep(forTimeInterval: 0.1)
                    try goOn()
                }
            }
            return number
        }
        // Where no core was free in the first place, it ran at low priority and wasn't given up.
        #expect(value == 1 || value == 0)
        #expect(begun.next() == value + 1)
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
}
