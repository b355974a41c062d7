import Foundation
import SemblanceNumerics
import Testing

@Suite struct AtomicFileTests {
    struct Stop: Error {}

    @Test func `a write that fails leaves the old file and no remains`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atomic-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "file")
        try AtomicFile.write(Data("old".utf8), to: url)
        #expect(throws: Stop.self) {
            try AtomicFile.write(to: url) { output in
                try output.write(Data("new".utf8))
                throw Stop()
            }
        }
        #expect(try Data(contentsOf: url) == Data("old".utf8))
        try AtomicFile.write(Data("new".utf8), to: url)
        #expect(try Data(contentsOf: url) == Data("new".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    }

    @Test func `a place that can't be written is named`() throws {
        for path in ["/nowhere/at/all/file", "/dev/null/file", "/proc/file"] {
            #expect { try AtomicFile.write(Data(), to: URL(filePath: path)) } throws: { error in
                let error = error as? FileError
                return error?.code == .unwritable && error?.message.contains(path) == true
            }
        }
        // A folder stands where the file should go.
        let folder = FileManager.default.temporaryDirectory.appending(path: "atomic-\(UUID().uuidString)/name")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        #expect { try AtomicFile.write(Data("x".utf8), to: folder) } throws: { ($0 as? FileError)?.code == .unwritable }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.deletingLastPathComponent().path)
        #expect(names == ["name"])
    }
}
