// What the durable index does with files: the system's, or a disk that fails on purpose.

package import Foundation
internal import SemblanceNumerics

/// A file system as the durable index uses it.
///
/// Nothing is durable before its `synchronise`: contents by ``WritableFile/synchronise()``, names (files that were
/// created, renamed or removed) by ``synchronise(folder:)``, and a folder's own name by that of the folder it is in.
/// Everything throws ``FileError``, which names the path, what the system said and what to do.
package protocol FileLayer: Sendable {
    /// The names of what is in a folder, in no order.
    func names(in folder: String) throws -> [String]
    /// Makes a folder; one that is there already is left as it is.
    func createFolder(_ path: String) throws
    /// Whether there is a file or folder at `path`.
    func exists(_ path: String) -> Bool
    /// A whole file, read-only, as it is now; no memory is taken for it.
    ///
    /// For files that are complete and never change: one that shrinks under its mapping, or that the disk can't read,
    /// ends the process with SIGBUS.
    func map(_ path: String) throws -> MappedBytes
    /// A copy of the first `count` bytes of a file, or of all where it is shorter; it may change meanwhile.
    func read(_ path: String, upTo count: Int) throws -> MappedBytes
    /// A new file, for appending; it is an error if there is one.
    func create(_ path: String) throws -> any WritableFile
    /// Moves a file, in place of the one that may be there.
    func rename(_ path: String, to new: String) throws
    /// Removes a file, or an empty folder; who has a file open or mapped keeps it.
    func remove(_ path: String) throws
    /// Makes the names in a folder durable.
    func synchronise(folder: String) throws
    /// Takes the lock at `path` or throws, with code `.locked`, who has it.
    func lock(_ path: String) throws -> FileLock
}

/// A file that is being written; it is closed with its last owner.
package protocol WritableFile: Sendable {
    /// Appends all of `bytes`; where it throws, a part may be there.
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// Cuts the file to a length; what is written next goes there.
    func truncate(to length: Int) throws
    /// Makes contents and length durable. Where it throws, what was written since the last success may be lost, even
    /// if a later call succeeds.
    func synchronise() throws
}

extension FileLayer {
    /// A copy of a whole file.
    package func read(_ path: String) throws -> MappedBytes { try read(path, upTo: .max) }

    /// Writes a small file so that at any moment, also after a loss of power, the old one is there or the new one.
    ///
    /// - Throws: what failed; the old file is then there still, or the new one if only the folder's sync failed.
    package func write(_ data: Data, to path: String) throws {
        try place(at: path) { file in try unsafe data.withUnsafeBytes { try unsafe file.write($0) } }
    }

    /// Creates a file that is whole and durable when it gets its name, in place of the one that may be there.
    ///
    /// - Returns: the file, for going on with it.
    @discardableResult
    func place(at path: String, _ body: (any WritableFile) throws -> Void) throws -> any WritableFile {
        let temporary = path + ".partial"
        // What a process that was killed left; if that can't be removed, creating says so.
        if exists(temporary) { try? remove(temporary) }
        let file = try create(temporary)
        do {
            try body(file)
            try file.synchronise()
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
        try synchronise(folder: folder(of: path))
        return file
    }
}

/// The folder a path is in.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
