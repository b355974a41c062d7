internal import Foundation

/// How many cores this process may use.
package var availableCores: Int { ProcessInfo.processInfo.activeProcessorCount }

/// How a computation uses the machine.
public struct ComputeOptions: Hashable, Sendable, Codable {
    /// Threads to use; `nil`, the default, is one for each core. Results don't depend on it.
    public var threads: Int?
    /// What the operands of an encoder's matrix products are rounded to. The default is fp32.
    public var precision: Precision

    /// The defaults: all cores, fp32.
    public init(threads: Int? = nil, precision: Precision = .float32) {
        self.threads = threads
        self.precision = precision
    }

    /// Reads options; a precision that isn't named is fp32.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        threads = try values.decodeIfPresent(Int.self, forKey: .threads)
        precision = try values.decodeIfPresent(Precision.self, forKey: .precision) ?? .float32
    }

    /// Throws ``ComputeError`` with what this machine can't do.
    public func validate() throws(ComputeError) {
        if let threads, threads < 1 || threads > 1024 {
            throw ComputeError(code: .invalidThreads, message: "threads is \(threads): it must be 1 to 1024")
        }
        try precision.validate()
    }
}
