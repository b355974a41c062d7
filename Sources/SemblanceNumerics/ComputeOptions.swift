internal import Foundation

/// How many cores this process may use.
package var availableCores: Int { ProcessInfo.processInfo.activeProcessorCount }

/// How a computation uses the machine; never what it computes.
public struct ComputeOptions: Hashable, Sendable, Codable {
    /// Threads to use; `nil`, the default, is one for each core. Results don't depend on it.
    public var threads: Int?

    /// The defaults: all cores.
    public init(threads: Int? = nil) { self.threads = threads }
}
