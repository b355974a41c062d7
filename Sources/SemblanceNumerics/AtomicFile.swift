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
        /// There is no such file.
        public static let missing = Code(name: "missing")
        /// Another process, or another object of this one, holds the file's lock.
        public static let locked = Code(name: "locked")
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

    /// The failure the system reported last, by `errno`, or `reason`.
    package init(_ code: Code, path: String, doing what: String, reason: Int32? = nil) {
        let reason = reason ?? errno
        let remedy =
            switch reason {
            case ENOSPC, EDQUOT: "; free some space and try again"
            case EACCES, EPERM, EROFS: "; check the rights of the file and its folder"
            case ENOENT: "; check the path"
            case EMFILE, ENFILE: "; raise the limit of open files"
            default: ""
            }
        self.code = reason == ENOENT && code == .unreadable ? .missing : code
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
        fileprivate let file: OpenFile

        /// Appends `count` bytes.
        package func write(_ bytes: UnsafeRawPointer, count: Int) throws(FileError) {
            try unsafe file.write(UnsafeRawBufferPointer(start: bytes, count: count))
        }

        /// Appends all bytes.
        package func write(_ data: some ContiguousBytes) throws {
            try unsafe data.withUnsafeBytes { try unsafe file.write($0) }
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
        let file = try OpenFile(temporary, for: .creating, named: path)
        do {
            try body(Output(file: file))
            try file.synchronise()
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
