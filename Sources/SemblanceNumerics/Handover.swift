internal import Synchronization

/// What a thread leaves for a task that waits for it.
///
/// It passes through a lock beside the continuation: ThreadSanitizer sees the order that a lock makes, but not that of a
/// continuation which was resumed before it was awaited.
package final class Handover<Value: Sendable>: Sendable {
    private let place = Mutex<Result<Value, any Error>?>(nil)

    private init() {}

    /// Suspends until `leave`, which `begin` hands on, is called with a value or an error; once.
    package static func wait(
        _ begin: (_ leave: @escaping @Sendable (Result<Value, any Error>) -> Void) -> Void
    ) async throws -> Value {
        let handover = Handover()
        await withCheckedContinuation { waiter in
            begin { result in
                handover.place.withLock { $0 = result }
                waiter.resume()
            }
        }
        guard let result = handover.place.withLock({ $0 }) else { preconditionFailure("resumed without a value") }
        return try result.get()
    }
}
