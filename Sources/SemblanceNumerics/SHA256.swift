internal import CSemblanceKernels
package import Foundation

/// A SHA-256 digest (FIPS 180-4): what files and models are recognised by.
package struct SHA256 {
    private var state = semblance_sha256()

    package init() { unsafe semblance_sha256_begin(&state) }

    package mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { unsafe semblance_sha256_update(&state, $0.baseAddress, $0.count) }
    }

    package mutating func update(_ numbers: [Int32]) {
        unsafe semblance_sha256_update(&state, numbers, numbers.count * MemoryLayout<Int32>.stride)
    }

    package mutating func update(_ matrix: Matrix) {
        update([Int32(matrix.rows), Int32(matrix.columns)])
        unsafe matrix.withPointer {
            unsafe semblance_sha256_update(&state, $0, matrix.count * MemoryLayout<Float>.stride)
        }
    }

    package mutating func update(_ data: Data) {
        unsafe data.withUnsafeBytes { unsafe semblance_sha256_update(&state, $0.baseAddress, $0.count) }
    }

    /// The digest in hexadecimal.
    package mutating func finalize() -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        unsafe semblance_sha256_end(&state, &bytes)
        return bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The digest of a file's bytes, read in pieces.
    package static func digest(of file: URL) throws -> String {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        var digest = SHA256()
        while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { digest.update(piece) }
        return digest.finalize()
    }

    /// The digest of all files of a folder, with their names.
    package static func digest(ofFolder folder: URL) throws -> String {
        var digest = SHA256()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() {
            let file = folder.appending(path: name)
            let isFolder = try file.resourceValues(forKeys: [.isDirectoryKey]).isDirectory ?? false
            if !isFolder { digest.update("\(name)\n\(try Self.digest(of: file))\n") }
        }
        return digest.finalize()
    }
}
