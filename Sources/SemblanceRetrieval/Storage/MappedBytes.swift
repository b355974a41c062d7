/// Bytes of a file, valid as long as this object lives.
///
/// They never change, as the files behind them don't, and are given back when the last owner goes; it is therefore
/// Sendable.
@safe package final class MappedBytes: @unchecked Sendable {
    /// The bytes, for one who keeps this object for as long as they are used; see ``withBytes(_:)``.
    package let bytes: UnsafeRawBufferPointer
    private let release: @Sendable (UnsafeRawBufferPointer) -> Void

    /// Takes over bytes that `release` gives back.
    package init(_ bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
        unsafe self.bytes = bytes
        unsafe self.release = release
    }

    /// `count` bytes of memory that `fill` writes, of which as many are kept as it returns.
    package convenience init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Int) rethrows {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        do {
            let filled = try unsafe fill(memory)
            unsafe self.init(UnsafeRawBufferPointer(rebasing: memory[..<filled])) { unsafe $0.deallocate() }
        } catch {
            unsafe memory.deallocate()
            throw error
        }
    }

    /// How many bytes there are.
    package var count: Int { unsafe bytes.count }

    /// Calls `body` with the bytes and keeps them meanwhile.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try unsafe body(bytes)
    }

    deinit { unsafe release(bytes) }
}
