internal import CSemblanceKernels
package import Foundation

/// Writing a folder beside its place and moving it there when it is complete.
package struct AtomicFolder: Sendable {
    /// Where the contents go until they are complete.
    package let fresh: URL
    private let folder: URL
    private let exists: Bool

    /// Writes what `body` puts into the folder it is handed.
    ///
    /// - Parameter overwriting: whether what is at `folder` already is replaced; else it is an error.
    /// - Throws: ``FileError``, or what `body` throws; what was at `folder` is then as it was.
    package static func write(to folder: URL, overwriting: Bool, _ body: (URL) throws -> Void) throws {
        let pending = try AtomicFolder(replacing: folder, overwriting: overwriting)
        defer { pending.discard() }
        try body(pending.fresh)
        try pending.commit()
    }

    /// Begins a folder that takes its place with ``commit()``; end with ``discard()`` in any case.
    package init(replacing folder: URL, overwriting: Bool) throws {
        let files = FileManager.default
        exists = files.fileExists(atPath: folder.path)
        if exists, !overwriting {
            throw FileError(
                .unwritable,
                message: "\(folder.path) exists already: name another folder, or ask for it to be overwritten"
            )
        }
        self.folder = folder
        let parent = folder.deletingLastPathComponent()
        fresh = parent.appending(path: ".\(folder.lastPathComponent).\(UUID().uuidString)")
        do {
            try files.createDirectory(at: fresh, withIntermediateDirectories: true)
        } catch {
            let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error ?? error
            throw FileError(
                .unwritable,
                message: "\(folder.path) can't be written (\(reason.localizedDescription)): "
                    + "check the rights and the space left in \(parent.path)"
            )
        }
    }

    /// Moves the folder to its place, durably.
    package func commit() throws {
        if exists {
            try Self.exchange(fresh, folder)
        } else {
            try FileManager.default.moveItem(at: fresh, to: folder)
        }
        try AtomicFile.synchronise(folder: folder.deletingLastPathComponent().path)
    }

    /// Removes what is not in its place, or was before.
    package func discard() { try? FileManager.default.removeItem(at: fresh) }

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
