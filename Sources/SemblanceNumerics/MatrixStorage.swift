// The one owner of a matrix's floats.

internal import CSemblanceKernels

/// A 64-byte aligned buffer of floats from the recycling pool; it goes back there when the last matrix lets go of it.
///
/// Shared by copies of a ``Matrix`` until one of them writes; never written while shared. It is therefore Sendable.
@safe package final class MatrixStorage: @unchecked Sendable {
    package let count: Int
    package let pointer: UnsafeMutablePointer<Float>

    /// Room for `count` floats, contents undefined.
    package init(count: Int) {
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        guard let memory = unsafe semblance_buffer_allocate(bytes) else {
            // Swift's own arrays end the process here too: there is no state to go on from.
            fatalError("out of memory: a matrix of \(count) floats (\(bytes) bytes) was asked for")
        }
        self.count = count
        unsafe pointer = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    deinit {
        unsafe semblance_buffer_release(pointer, max(count, 1) * MemoryLayout<Float>.stride)
    }
}
