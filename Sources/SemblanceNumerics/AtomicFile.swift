// Files that are there whole or not at all.

package import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A file or folder that can't be read or written.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// The file can't be opened or read.
        public static let unreadable = Code(name: "unreadable")
        /// The file can't be written, moved to its place or made durable.
        public static let unwritable = Code(name: "unwritable")
    }

    /// What kind of failure it is.
    public let code: Code
    /// The path, what the system said, and what to do.
    public let message: String

    /// The message.
    public var description: String { message }

    package init(_ code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The failure the system reported last, by `errno`.
    package init(_ code: Code, path: String, doing what: String) {
        let reason = errno
        let remedy =
            switch reason {
            case ENOSPC, EDQUOT: "; free some space and try again"
            case EACCES, EPERM, EROFS: "; check the rights of the file and its folder"
            case ENOENT: "; check the path"
            case EMFILE, ENFILE: "; raise the limit of open files"
            default: ""
            }
        self.code = code
        message = unsafe "\(path): \(what) failed: \(String(cString: strerror(reason)))\(remedy)"
    }
}

/// Writing a file beside its place and moving it there when it is complete and on the disk.
///
/// Whoever reads the path finds the old file or the new one, also after a crash or a loss of power; a write that fails
/// leaves the old one and no remains.
package enum AtomicFile {
    /// What a file's contents are handed to, piece by piece.
    @safe package struct Output: ~Copyable {
        fileprivate let descriptor: Int32
        fileprivate let path: String

        /// Appends `count` bytes.
        package func write(_ bytes: UnsafeRawPointer, count: Int) throws(FileError) {
            var (next, left) = unsafe (bytes, count)
            while left > 0 {
                // Linux takes less than 2 GiB at once.
                let written = unsafe systemWrite(descriptor, next, min(left, 1 << 30))
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { throw FileError(.unwritable, path: path, doing: "writing \(count) bytes") }
                unsafe next += written
                left -= written
            }
        }

        /// Appends all bytes.
        package func write(_ data: some ContiguousBytes) throws {
            try unsafe data.withUnsafeBytes { bytes in
                if let start = bytes.baseAddress { try unsafe write(start, count: bytes.count) }
            }
        }
    }

    /// Writes `data` to `url`.
    package static func write(_ data: Data, to url: URL) throws {
        try write(to: url) { try $0.write(data) }
    }

    /// Writes what `body` hands over to `url`.
    ///
    /// - Throws: ``FileError``, or what `body` throws; the file at `url` is then as it was.
    package static func write(to url: URL, _ body: (borrowing Output) throws -> Void) throws {
        let path = url.path
        let folder = url.deletingLastPathComponent().path
        let temporary = "\(path).\(UInt64.random(in: 0 ... .max)).partial"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(.unwritable, path: path, doing: "creating a file in its folder") }
        do {
            do {
                try body(Output(descriptor: descriptor, path: path))
                guard fsync(descriptor) == 0 else { throw FileError(.unwritable, path: path, doing: "fsync") }
            } catch {
                _ = close(descriptor)
                throw error
            }
            guard close(descriptor) == 0 else { throw FileError(.unwritable, path: path, doing: "closing") }
            guard unsafe rename(temporary, path) == 0 else {
                throw FileError(.unwritable, path: path, doing: "moving the finished file there")
            }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
        try synchronise(folder: folder)
    }

    /// Makes the names in a folder durable: after files were created, moved or removed there.
    package static func synchronise(folder: String) throws(FileError) {
        let descriptor = unsafe open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.unwritable, path: folder, doing: "opening the folder") }
        defer { _ = close(descriptor) }
        // EINVAL: a file system that knows no fsync of folders.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw FileError(.unwritable, path: folder, doing: "fsync")
        }
    }
}

/// write(2), whose name is taken inside the types above.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
