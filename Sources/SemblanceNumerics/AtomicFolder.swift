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
            _ = try files.replaceItemAt(folder, withItemAt: fresh)
        } else {
            try files.moveItem(at: fresh, to: folder)
        }
        try AtomicFile.synchronise(folder: parent.path)
    }
}
