import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

/// Expects a ``FileError`` with a code and with a text in its message.
private func expect(
    _ code: FileError.Code,
    naming text: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    var failure: FileError?
    do { try body() } catch { failure = error as? FileError }
    #expect(failure?.code == code, sourceLocation: sourceLocation)
    #expect(failure?.message.contains(text) == true, sourceLocation: sourceLocation)
}

private func write(_ text: String, to file: any WritableFile) throws {
    try unsafe Array(text.utf8).withUnsafeBytes { try unsafe file.write($0) }
}

private func text(_ bytes: MappedBytes) -> String {
    unsafe bytes.withBytes { unsafe String(decoding: $0, as: UTF8.self) }
}

@Suite struct SystemFilesTests {
    let files = SystemFiles()

    @Test func `what is written, cut and written again is what is read and mapped`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "file").path
            let file = try files.create(path)
            try write("hello world", to: file)
            try file.truncate(to: 6)
            try write("moon", to: file)
            try file.synchronise()
            #expect(try text(files.read(path)) == "hello moon")
            #expect(try text(files.read(path, upTo: 4)) == "hell")
            #expect(try text(files.map(path)) == "hello moon")
            _ = try files.create(path + "2")
            #expect(try files.map(path + "2").count == 0 && files.read(path + "2").count == 0)
            #expect(try files.names(in: folder.path).sorted() == ["file", "file2"])
        }
    }

    @Test func `a mapping outlives the file's name`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "file").path
            try write("kept", to: files.create(path))
            let mapped = try files.map(path)
            try files.remove(path)
            #expect(!files.exists(path) && text(mapped) == "kept")
        }
    }

    @Test func `errors name the path and are typed`() async throws {
        try await withTemporaryFolder { folder in
            let (path, folder) = (folder.appending(path: "file").path, folder.path)
            expect(.missing, naming: path) { _ = try files.map(path) }
            expect(.missing, naming: path) { _ = try files.read(path) }
            expect(.missing, naming: path) { _ = try files.names(in: path) }
            expect(.unwritable, naming: path) { try files.remove(path) }
            expect(.unwritable, naming: path) { try files.rename(path, to: path + "2") }
            expect(.unreadable, naming: folder) { _ = try files.map(folder) }
            _ = try files.create(path)
            expect(.unwritable, naming: path) { _ = try files.create(path) }
            expect(.unwritable, naming: path) { try files.createFolder(path) }
            expect(.unwritable, naming: folder) { try files.createFolder(folder + "/no/where") }
            try files.createFolder(folder)
            try files.createFolder(folder + "/sub")
            try files.createFolder(folder + "/sub")
        }
    }

    @Test func `a small file is replaced whole and leaves no remains`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "file").path
            // What a process left that was killed.
            try write("half", to: files.create(path + ".partial"))
            for content in ["one", "two", ""] {
                try files.write(Data(content.utf8), to: path)
                #expect(try text(files.read(path)) == content)
            }
            #expect(try files.names(in: folder.path) == ["file"])
        }
    }

    @Test func `a lock is held once, named, and free with its object`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "lock").path
            var lock: FileLock? = try files.lock(path)
            expect(.locked, naming: "this process") { _ = try files.lock(path) }
            withExtendedLifetime(lock) {}
            lock = nil
            _ = try files.lock(path)
        }
    }

    /// `flock` the command holds the same kind of lock, in another process.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/flock")))
    func `another process' lock is respected, and goes with it`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "lock").path
            try Data("4242\n".utf8).write(to: URL(filePath: path))
            let other = Process()
            other.executableURL = URL(filePath: "/usr/bin/flock")
            let ready = Pipe()
            other.arguments = ["--no-fork", path, "sh", "-c", "echo; exec sleep 60"]
            other.standardOutput = ready
            try other.run()
            _ = try ready.fileHandleForReading.read(upToCount: 1)
            expect(.locked, naming: "4242") { _ = try files.lock(path) }
            kill(other.processIdentifier, SIGKILL)
            other.waitUntilExit()
            _ = try files.lock(path)
        }
    }
}
