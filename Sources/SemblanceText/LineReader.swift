// Files read line by line, a megabyte at a time.

package import Foundation

/// Reads the lines of a UTF-8 file one after the other.
///
/// A line ends with LF or CR LF, the last one also with the file; a byte order mark before the first is dropped. One
/// megabyte is held, or the longest line.
package final class LineReader {
    /// The file.
    package let file: URL
    /// The number of the line read last, counted from 1; 0 before the first.
    package private(set) var number = 0
    private let handle: FileHandle
    private var held = Data()
    private var isAtEnd = false
    private static let chunk = 1 << 20

    package init(_ file: URL) throws(DataFileError) {
        self.file = file
        do {
            handle = try FileHandle(forReadingFrom: file)
        } catch {
            throw Self.unreadable(file)
        }
    }

    deinit { try? handle.close() }

    /// The bytes of the next line, `nil` after the last.
    package func next() throws(DataFileError) -> Data? {
        var searched = 0
        while true {
            if let end = held.firstOffset(of: 0x0A, after: searched) {
                defer { held = held[(held.startIndex + end + 1)...] }
                return line(held.prefix(end))
            }
            searched = held.count
            if isAtEnd {
                guard !held.isEmpty else { return nil }
                defer { held = Data() }
                return line(held)
            }
            try readOn()
        }
    }

    /// The next line as text, `nil` after the last.
    package func nextText() throws(DataFileError) -> String? {
        guard let bytes = try next() else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw notUTF8() }
        return text
    }

    /// The error of a line that isn't UTF-8.
    package func notUTF8() -> DataFileError {
        DataFileError(.notUTF8, file: file, line: number, "the line isn't UTF-8; save the file in that encoding")
    }

    private func line(_ bytes: Data) -> Data {
        number += 1
        var bytes = bytes
        if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        return bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
    }

    private func readOn() throws(DataFileError) {
        let more: Data?
        do {
            more = try handle.read(upToCount: Self.chunk)
        } catch {
            throw Self.unreadable(file)
        }
        guard let more, !more.isEmpty else {
            isAtEnd = true
            return
        }
        if held.startIndex != 0 { held = Data(held) }
        held.append(more)
    }

    private static func unreadable(_ file: URL) -> DataFileError {
        var isFolder: ObjCBool = false
        let exists = unsafe FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
        let problem =
            !exists
            ? "there is no such file; check the path"
            : isFolder.boolValue
                ? "this is a folder; name a file" : "the file can't be read; check its access rights"
        return DataFileError(.unreadable, file: file, problem)
    }
}

extension Data {
    /// Where a byte first is, in bytes from the beginning, from `start` on.
    package func firstOffset(of byte: UInt8, after start: Int = 0) -> Int? {
        unsafe withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress else { return nil }
            guard let found = unsafe memchr(base + start, Int32(byte), bytes.count - start) else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }
}
