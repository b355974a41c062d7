// The one place where settings of the whole process are made.

internal import CSemblanceKernels
internal import Foundation
internal import Synchronization

/// Settings of the linear algebra library that this library's index backend shares with the rest of the process.
///
/// The library's own work runs on ``Workers`` and its own kernels. What still goes through OpenBLAS (training of
/// clustered indexes, for example) would start threads of its own for every calling thread, and takes some CPUs with
/// AVX-512 for older ones. So, once and at first use, OpenBLAS is set to one thread a call and to its AVX-512 kernels.
///
/// What the host has said through the environment is respected: `OPENBLAS_NUM_THREADS`, `GOTO_NUM_THREADS` or
/// `OMP_NUM_THREADS` keep the threads as they are, `OPENBLAS_CORETYPE` the kernels. A host that uses OpenBLAS itself
/// calls ``apply()`` before its other threads do, or ``leaveAlone()``.
///
/// Matrices come from one pool of buffers that all work in the process shares: ``reusableMemory`` bounds what the pool
/// keeps, ``releaseMemory()`` empties it.
public enum ProcessSettings {
    /// What OpenBLAS works with.
    public struct LinearAlgebra: Hashable, Sendable {
        /// The core type its kernels are for, such as "SkylakeX".
        public var core: String
        /// Threads of one call.
        public var threads: Int
    }

    private static let isDecided = Mutex(false)

    /// Makes the settings, the first time it is called; afterwards it does nothing.
    ///
    /// Called by whatever is about to use OpenBLAS.
    public static func apply() {
        isDecided.withLock { isDecided in
            guard !isDecided else { return }
            isDecided = true
            let host = ProcessInfo.processInfo.environment
            if host["OPENBLAS_CORETYPE"] == nil { _ = semblance_openblas_use_avx512() }
            if ["OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"].allSatisfy({ host[$0] == nil }) {
                _ = semblance_openblas_set_threads(1)
            }
        }
    }

    /// Leaves everything as the host set it: ``apply()`` does nothing from now on.
    ///
    /// Call it before anything else of the library; settings already made stay.
    public static func leaveAlone() {
        isDecided.withLock { $0 = true }
    }

    /// What OpenBLAS works with now; `nil` where the process has none.
    public static var linearAlgebra: LinearAlgebra? {
        guard let core = unsafe semblance_openblas_core() else { return nil }
        return LinearAlgebra(core: unsafe String(cString: core), threads: Int(semblance_openblas_threads()))
    }

    // MARK: Memory

    /// The most bytes of buffers out of use that are kept for the next ones; what is above goes back to the system at
    /// once.
    ///
    /// The default is 256 MiB. What is in use does not count: models, embeddings that are held, and the work going on. With
    /// 0 nothing is kept, and every matrix is asked of the system.
    ///
    /// - Precondition: what is set is at least 0.
    public static var reusableMemory: Int {
        get { Int(clamping: semblance_buffer_limit()) }
        set {
            precondition(newValue >= 0, "reusableMemory is \(newValue): it must be at least 0 bytes")
            semblance_buffer_set_limit(newValue)
        }
    }

    /// Bytes of buffers out of use that are kept now, at most ``reusableMemory``.
    public static var keptMemory: Int { Int(clamping: semblance_buffer_kept()) }

    /// Gives all that is kept back to the system, after a peak that won't come again.
    public static func releaseMemory() { semblance_buffer_trim() }
}
