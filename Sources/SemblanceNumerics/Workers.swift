// Our own threads: loops over chunks, and long work kept off Swift's cooperative pool.

internal import CSemblanceKernels
internal import Synchronization

/// A pool of threads that runs loops over independent chunks.
///
/// One pool per thread count serves the whole process: tasks that run at the same time share its threads, so many
/// callers never mean many threads. The pool's own state is guarded in C; it is therefore Sendable.
@safe public final class Workers: @unchecked Sendable {
    /// How many threads the pool has.
    public let threads: Int
    /// For C that runs loops on this pool.
    package let handle: OpaquePointer

    private static let pools = Mutex<[Int: Workers]>([:])

    /// The process-wide pool of so many threads; the default is one for each core.
    public static func shared(threads: Int? = nil) -> Workers {
        let count = max(1, threads ?? availableCores)
        return pools.withLock { pools in
            if let pool = pools[count] { return pool }
            let pool = Workers(threads: count)
            pools[count] = pool
            return pool
        }
    }

    /// One thread on which indexes make their changes, one after the other.
    package static let changes = Workers(threads: 1)

    /// One thread of low priority on which indexes are kept in shape.
    package static let maintenance = Workers(threads: 1, priority: SEMBLANCE_PRIORITY_LOW)

    init(threads: Int, priority: semblance_priority = SEMBLANCE_PRIORITY_NORMAL) {
        guard let created = unsafe semblance_workers_create(Int32(threads), priority) else {
            fatalError("the system refused to start \(threads) threads")
        }
        unsafe handle = created
        self.threads = threads
    }

    deinit { unsafe semblance_workers_destroy(handle) }

    /// Calls `body` once for every index below `count`, on all threads, and returns when all calls have.
    ///
    /// Blocks the caller, who takes part. Indices are handed out in order; what one call writes no other may touch.
    package func forEach(_ count: Int, _ body: (Int) -> Void) {
        precondition(count >= 0, "a loop over \(count) indices was asked for")
        withoutActuallyEscaping(body) { body in
            var body = body
            unsafe withUnsafeMutablePointer(to: &body) { context in
                unsafe semblance_workers_for(
                    handle,
                    count,
                    { context, index in
                        unsafe context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
                    },
                    context
                )
            }
        }
    }

    /// As ``forEach(_:_:)`` for bodies that throw: the error of the lowest index that failed is thrown at the end.
    package func forEach(_ count: Int, throwing body: (Int) throws -> Void) throws {
        let failure = Mutex<(index: Int, error: any Error)?>(nil)
        forEach(count) { index in
            if let failed = failure.withLock({ $0?.index }), failed < index { return }
            do {
                try body(index)
            } catch {
                failure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
            }
        }
        if let failed = failure.withLock({ $0 }) { throw failed.error }
    }

    /// What `body` makes of every index below `count`, in order; otherwise as ``forEach(_:throwing:)``.
    package func map<Result>(_ count: Int, _ body: (Int) throws -> Result) throws -> [Result] {
        let results = UnsafeMutableBufferPointer<Result?>.allocate(capacity: count)
        unsafe results.initialize(repeating: nil)
        defer {
            unsafe results.deinitialize()
            unsafe results.deallocate()
        }
        try forEach(count, throwing: { unsafe results[$0] = try body($0) })
        return unsafe results.compactMap { $0 }
    }

    /// Runs `body` on one of the threads and suspends the calling task until it is done.
    ///
    /// Cancelling the task sets the ``Cancellation`` handed to `body`, which checks it between chunks.
    package func run<Result: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws -> Result
    ) async throws -> Result {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await Handover.wait { leave in submit { leave(Swift.Result { try body(cancellation) }) } }
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Runs `work` on one of the threads, some time.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        unsafe semblance_workers_submit(
            handle,
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<Job>.fromOpaque(context).takeRetainedValue().work()
            },
            Unmanaged.passRetained(Job(work)).toOpaque()
        )
    }

    private final class Job: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }
}

/// Whether a long computation should stop; set by the task that waits for it.
package final class Cancellation: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }

    package func cancel() { flag.store(true, ordering: .relaxed) }

    /// Throws `CancellationError` once cancelled.
    package func check() throws { if isCancelled { throw CancellationError() } }
}
