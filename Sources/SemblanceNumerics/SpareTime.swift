internal import CSemblanceKernels
internal import Foundation
internal import Synchronization

/// Where long work goes on beside what others wait for.
///
/// Where a core is free, it has that and gives way at once: the system wakes other threads as if the core were still free.
/// Where none is, it runs at low priority, beside the others.
package struct SpareTime: Sendable {
    private let idle: Workers
    private let low: Workers

    /// A thread that has found a core has had a quarter of this time when it is over.
    private let patience: Duration

    /// For small pieces of work: these don't wait for long ones.
    package static let short = SpareTime(patience: .milliseconds(5))
    /// For what may take minutes.
    package static let long = SpareTime(patience: .milliseconds(100))

    private init(patience: Duration) {
        self.patience = patience
        idle = Workers(threads: 1, priority: SEMBLANCE_PRIORITY_IDLE)
        low = Workers(threads: 1, priority: SEMBLANCE_PRIORITY_LOW)
    }

    /// Work is given up, to be begun again at low priority.
    private struct Starved: Error {}

    /// Work that has less than this share of some time is starved.
    private static let (leastShare, someTime) = (0.05, Duration.seconds(1))

    /// Runs `body` on one of two threads and suspends the calling task until it is done.
    ///
    /// - Parameter body: is begun again where its `goOn`, which it calls now and then, has thrown.
    package func run<Result: Sendable>(
        _ body: @escaping @Sendable (_ goOn: () throws -> Void) throws -> Result
    ) async throws -> Result {
        do {
            return try await Handover.wait { leave in
                let isBegun = Once()
                idle.submit {
                    var (began, used) = (ContinuousClock.now, Self.threadTime())
                    while !isBegun.hasBegun, Self.threadTime() - used < patience / 4 {}
                    guard isBegun.begin() else { return }
                    leave(
                        Swift.Result {
                            try body {
                                let passed = ContinuousClock.now - began
                                if passed < Self.someTime { return }
                                let now = Self.threadTime()
                                if (now - used) / passed < Self.leastShare { throw Starved() }
                                (began, used) = (ContinuousClock.now, now)
                            }
                        }
                    )
                }
                low.submit {
                    Thread.sleep(forTimeInterval: patience / .seconds(1))
                    if isBegun.begin() { leave(Swift.Result { try body {} }) }
                }
            }
        } catch is Starved {
            return try await low.run { _ in try body {} }
        }
    }

    private final class Once: Sendable {
        private let isBegun = Atomic(false)
        var hasBegun: Bool { isBegun.load(ordering: .relaxed) }
        /// Whether nobody had begun before.
        func begin() -> Bool { !isBegun.exchange(true, ordering: .acquiringAndReleasing) }
    }

    /// What the calling thread has had of the processors.
    private static func threadTime() -> Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
