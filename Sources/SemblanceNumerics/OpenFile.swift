// What is asked of the system for files, in one place: interrupted calls, short writes and errors that say what to do.

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A file that is open; it is closed with its last owner.
@safe package final class OpenFile: Sendable {
    /// What a file is opened for.
    package enum Purpose: Sendable {
        /// A file that is there, for reading.
        case reading
        /// A file that isn't there yet, for appending.
        case creating
        /// A file that is made if it isn't there, for reading and for appending.
        case sharing
    }

    private let path: String
    private let descriptor: Int32

    /// Opens the file at `path`; errors call it `name`.
    package init(_ path: String, for purpose: Purpose, named name: String? = nil) throws(FileError) {
        self.path = name ?? path
        switch purpose {
        case .reading:
            descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileError(.unreadable, path: self.path, doing: "opening") }
        case .creating:
            descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else {
                throw FileError(.unwritable, path: self.path, doing: "creating a file in its folder")
            }
        case .sharing:
            descriptor = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw FileError(.unwritable, path: self.path, doing: "opening") }
        }
    }

    deinit { _ = close(descriptor) }

    /// The length in bytes.
    package func length() throws(FileError) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw FileError(.unreadable, path: path, doing: "asking for the length")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(.unreadable, message: "\(path) is a folder or a device, not a file; name the file itself")
        }
        return Int(status.st_size)
    }

    /// Reads from the beginning until `buffer` is full or the file ends.
    ///
    /// - Returns: how many bytes were read.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        var done = 0
        while done < buffer.count, let start = buffer.baseAddress {
            // Linux gives less than 2 GiB at once.
            let count = unsafe pread(descriptor, start + done, min(buffer.count - done, 1 << 30), off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(.unreadable, path: path, doing: "reading") }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Appends all of `bytes`; where it throws, a part may be there.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var done = 0
        while done < bytes.count, let start = bytes.baseAddress {
            // Linux takes less than 2 GiB at once.
            let count = unsafe systemWrite(descriptor, start + done, min(bytes.count - done, 1 << 30))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw FileError(.unwritable, path: path, doing: "writing \(bytes.count) bytes")
            }
            done += count
        }
    }

    /// Cuts the file to a length; what is appended next goes there.
    package func truncate(to length: Int) throws(FileError) {
        while ftruncate(descriptor, off_t(length)) != 0 {
            guard errno == EINTR else { throw FileError(.unwritable, path: path, doing: "cutting to \(length) bytes") }
        }
    }

    /// Makes the contents and the length durable. After a failure nothing can be said of what was written since the
    /// last success, whatever a later call says.
    package func synchronise() throws(FileError) {
        #if canImport(Darwin)
            // There fsync leaves the bytes in the drive.
            let result = fcntl(descriptor, F_FULLFSYNC)
        #else
            let result = fdatasync(descriptor)
        #endif
        guard result == 0 else { throw FileError(.unwritable, path: path, doing: "fsync") }
    }

    /// Maps the first `length` bytes, at least one, read-only; `munmap` gives them back.
    package func map(_ length: Int) throws(FileError) -> UnsafeRawBufferPointer {
        guard let start = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), unsafe start != MAP_FAILED
        else { throw FileError(.unreadable, path: path, doing: "mapping \(length) bytes") }
        return unsafe UnsafeRawBufferPointer(start: start, count: length)
    }

    /// Takes the file's lock for as long as the file is open.
    ///
    /// - Returns: whether it was free; another opening of the file holds it else, in this process or in another.
    package func lock() throws(FileError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw FileError(.unwritable, path: path, doing: "locking") }
        }
        return true
    }
}

/// Gives back what ``OpenFile/map(_:)`` mapped.
package func unmap(_ bytes: UnsafeRawBufferPointer) {
    unsafe munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
}

/// write(2), whose name is taken inside the type above.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
