internal import CSemblanceKernels
package import Foundation

/// Writing a folder beside its place and moving it there when it is complete.
package enum AtomicFolder {
    /// Writes what `body` puts into the folder it is handed.
    ///
    /// - Parameter overwriting: whether what is at `folder` already is replaced; else it is an error.
    /// - Throws: ``FileError``, or what `body` throws; what was at `folder` is then as it was.
    package static func write(to folder: URL, overwriting: Bool, _ body: (URL) throws -> Void) throws {
        let files = FileManager.default
        let exists = files.fileExists(atPath: folder.path)
        if exists, !overwriting {
            throw FileError(
                .unwritable,
                message: "\(folder.path) exists already: name another folder, or ask for it to be overwritten"
            )
        }
        let parent = folder.deletingLastPathComponent()
        let fresh = parent.appending(path: ".\(folder.lastPathComponent).\(UUID().uuidString)")
        do {
            try files.createDirectory(at: fresh, withIntermediateDirectories: true)
        } catch {
            throw FileError(
                .unwritable,
                message: "\(folder.path) can't be written (\(error.localizedDescription)): "
                    + "check the rights and the space left in \(parent.path)"
            )
        }
        defer { try? files.removeItem(at: fresh) }
        try body(fresh)
        if exists {
            try exchange(fresh, folder)
        } else {
            try files.moveItem(at: fresh, to: folder)
        }
        try AtomicFile.synchronise(folder: parent.path)
    }

    /// The new folder takes the old one's place and the other way round, in one step where the file system can.
    private static func exchange(_ fresh: URL, _ folder: URL) throws {
        if unsafe semblance_exchange_paths(fresh.path, folder.path) == 0 { return }
        let files = FileManager.default
        let old = fresh.appendingPathExtension("old")
        try files.moveItem(at: folder, to: old)
        try files.moveItem(at: fresh, to: folder)
        try files.moveItem(at: old, to: fresh)
    }
}
