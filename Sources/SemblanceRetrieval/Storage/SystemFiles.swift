package import SemblanceNumerics

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The files of the system.
package struct SystemFiles: FileLayer {
    package init() {}

    package func names(in folder: String) throws -> [String] {
        guard let stream = unsafe opendir(folder) else {
            throw FileError(.unreadable, path: folder, doing: "opening the folder")
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError(.unreadable, path: folder, doing: "reading the folder") }
        return names
    }

    package func createFolder(_ path: String) throws {
        if unsafe mkdir(path, 0o777) == 0 { return }
        let reason = errno
        var status = stat()
        if reason == EEXIST, unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        throw FileError(.unwritable, path: path, doing: "creating the folder", reason: reason)
    }

    package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package func map(_ path: String) throws -> MappedBytes {
        let file = try OpenFile(path, for: .reading)
        let length = try file.length()
        guard length > 0 else { return unsafe MappedBytes(UnsafeRawBufferPointer(start: nil, count: 0)) { _ in } }
        return unsafe try MappedBytes(file.map(length)) { unsafe unmap($0) }
    }

    package func read(_ path: String, upTo count: Int) throws -> MappedBytes {
        let file = try OpenFile(path, for: .reading)
        return try unsafe MappedBytes(count: min(count, file.length())) { try unsafe file.read(into: $0) }
    }

    package func create(_ path: String) throws -> any WritableFile { try OpenFile(path, for: .creating) }

    package func rename(_ path: String, to new: String) throws {
        guard systemRename(path, new) == 0 else {
            throw FileError(.unwritable, path: new, doing: "moving \(path) there")
        }
    }

    package func remove(_ path: String) throws {
        guard systemRemove(path) == 0 else { throw FileError(.unwritable, path: path, doing: "removing") }
    }

    package func synchronise(folder: String) throws { try AtomicFile.synchronise(folder: folder) }

    /// The lock is the system's (`flock`), so it goes with the process; the file, which stays, says whose it is.
    package func lock(_ path: String) throws -> FileLock {
        let file = try OpenFile(path, for: .sharing)
        guard try file.lock() else { throw FileError.locked(path, by: try holder(in: file)) }
        // Whose it is is good to know, and nothing that a full disk may stop.
        try? file.truncate(to: 0)
        try? unsafe Array("\(getpid())\n".utf8).withUnsafeBytes { try unsafe file.write($0) }
        return FileLock { withExtendedLifetime(file) {} }
    }

    /// The process that a lock's file names.
    private func holder(in file: OpenFile) throws -> Int? {
        let text = try unsafe MappedBytes(count: 20) { try unsafe file.read(into: $0) }
        return Int(unsafe text.withBytes { unsafe String(decoding: $0, as: UTF8.self) }.prefix { $0.isNumber })
    }
}

extension OpenFile: WritableFile {}

extension FileError {
    /// Someone else has the lock at `path`.
    package static func locked(_ path: String, by process: Int?) -> FileError {
        let (who, remedy) =
            switch process {
            case Int(getpid()): ("this process already", "close what it has open there first")
            case .some(let process): ("process \(process)", "wait until it ends, or open for reading only")
            case nil: ("another process", "wait until it ends, or open for reading only")
            }
        return FileError(.locked, message: "\(path) is locked by \(who); \(remedy)")
    }
}

/// remove(3), whose name is taken inside the type above.
private func systemRemove(_ path: String) -> Int32 { unsafe remove(path) }

/// rename(2), whose name is taken inside the type above.
private func systemRename(_ path: String, _ new: String) -> Int32 { unsafe rename(path, new) }
