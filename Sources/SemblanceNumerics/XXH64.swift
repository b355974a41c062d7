internal import CSemblanceKernels
package import Foundation

/// An XXH64 hash with seed 0: quick, against accidents, not against forgers.
package struct XXH64 {
    private var state = semblance_xxh64_state()

    package init() { unsafe semblance_xxh64_begin(&state) }

    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        unsafe semblance_xxh64_add(&state, bytes.baseAddress, bytes.count)
    }

    /// The hash of what was added so far; more may follow.
    package var value: UInt64 { unsafe withUnsafePointer(to: state) { unsafe semblance_xxh64_value($0) } }

    /// The hash of one buffer.
    package static func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        unsafe semblance_xxh64(bytes.baseAddress, bytes.count)
    }

    /// The hash of one buffer.
    package static func hash(of data: Data) -> UInt64 {
        unsafe data.withUnsafeBytes { unsafe hash(of: $0) }
    }
}
