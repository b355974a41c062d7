/// A lock that is held as long as this object lives, and no longer than the process does.
package final class FileLock: Sendable {
    private let release: @Sendable () -> Void

    /// Holds what `release` gives back.
    package init(release: @escaping @Sendable () -> Void) { self.release = release }

    deinit { release() }
}
