internal import Foundation

/// One thread builds in the background at a time: two would take the caches of searches. Who builds for long lets others
/// through now and then, so that new vectors are sealed while a large merge goes on.
final class BuildTurn: @unchecked Sendable {
    private let condition = NSCondition()
    // Guarded by the condition's lock.
    private var (isTaken, waiting, turns) = (false, 0, 0)

    static let shared = BuildTurn()

    /// Runs `body` when it is the caller's turn, or after so many seconds beside who has it and gets no time to go on;
    /// blocks until then.
    ///
    /// - Parameter body: calls its argument now and then, which lets one of those through who wait.
    func run<Result>(patience: Double? = nil, _ body: (_ pass: () -> Void) throws -> Result) rethrows -> Result {
        let isOurs = condition.withLock { take(before: patience.map { Date(timeIntervalSinceNow: $0) }) }
        defer { if isOurs { condition.withLock { give() } } }
        // Who goes on beside another has no turn to give away.
        return try body { if isOurs { pass() } }
    }

    private func pass() {
        condition.withLock {
            guard waiting > 0 else { return }
            give()
            let passed = turns
            while turns == passed, waiting > 0 { condition.wait() }
            _ = take()
        }
    }

    private func take(before end: Date? = nil) -> Bool {
        waiting += 1
        defer { waiting -= 1 }
        while isTaken {
            guard let end else {
                condition.wait()
                continue
            }
            // Who passes the turn on waits for who wants it: that one takes it, though its time may just be over.
            if !condition.wait(until: end), isTaken { return false }
        }
        isTaken = true
        turns += 1
        return true
    }

    private func give() {
        isTaken = false
        condition.broadcast()
    }
}
