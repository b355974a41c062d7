// JSON Lines: one JSON value a line. Plain lines: one text a line.

public import Foundation

/// Reads and writes files with one JSON value a line, in UTF-8.
public enum JSONLines {
    /// All rows of a file.
    ///
    /// Lines of white space alone are skipped; CR LF and a byte order mark are fine.
    ///
    /// - Throws: ``DataFileError`` that names the file, the line, what is wrong with it and what to do.
    public static func read<Row: Decodable>(_ type: Row.Type = Row.self, from file: URL) throws -> [Row] {
        var rows: [Row] = []
        try forEach(type, in: file) { row, _ in rows.append(row) }
        return rows
    }

    /// Calls `body` with each row of a file and its line number, counted from 1; one megabyte is held at a time.
    ///
    /// - Throws: as ``read(_:from:)``; and what `body` throws.
    public static func forEach<Row: Decodable>(
        _ type: Row.Type = Row.self,
        in file: URL,
        _ body: (Row, Int) throws -> Void
    ) throws {
        let reader = try LineReader(file)
        let decoder = JSONDecoder()
        while let line = try reader.next() {
            if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
            try body(row(from: line, decoder, reader), reader.number)
        }
    }

    /// Writes rows, one a line, their fields in alphabetical order; a file that is there already is replaced at the end.
    ///
    /// - Throws: ``DataFileError`` with code `.unwritable`, or `.wrongValue` for a number that is infinite or NaN.
    public static func write<Row: Encodable>(_ rows: some Sequence<Row>, to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try replace(file) { handle in
            var held = Data()
            for (index, row) in rows.enumerated() {
                do {
                    held.append(try encoder.encode(row))
                } catch {
                    throw DataFileError(.wrongValue, file: file, line: index + 1, "the row can't be written: \(error)")
                }
                held.append(UInt8(ascii: "\n"))
                if held.count > 1 << 20 {
                    try handle.write(contentsOf: held)
                    held.removeAll(keepingCapacity: true)
                }
            }
            try handle.write(contentsOf: held)
        }
    }

    private static func row<Row: Decodable>(
        from line: Data,
        _ decoder: JSONDecoder,
        _ reader: LineReader
    ) throws(DataFileError) -> Row {
        guard let text = String(validating: line, as: UTF8.self) else { throw reader.notUTF8() }
        // The decoder would take a zero byte for a sign of UTF-16 or UTF-32.
        if line.firstOffset(of: 0) != nil {
            throw DataFileError(
                .malformedLine,
                file: reader.file,
                line: reader.number,
                "the line has a zero byte and so is not one JSON value; save the file as UTF-8"
            )
        }
        do {
            return try decoder.decode(Row.self, from: line)
        } catch {
            throw DataFileError(error, decoding: text, reader)
        }
    }

    /// Lets `body` write a file beside `file`, which takes its place once it is on the disk.
    private static func replace(_ file: URL, _ body: (FileHandle) throws -> Void) throws {
        let temporary = file.deletingLastPathComponent()
            .appendingPathComponent(".\(file.lastPathComponent).\(UUID().uuidString)")
        do {
            try Data().write(to: temporary)
            defer { try? FileManager.default.removeItem(at: temporary) }
            let handle = try FileHandle(forWritingTo: temporary)
            defer { try? handle.close() }
            try body(handle)
            try handle.synchronize()
            guard unsafe rename(temporary.path, file.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch let error as DataFileError {
            throw error
        } catch {
            throw DataFileError(
                .unwritable,
                file: file,
                "the file can't be written (\(error.localizedDescription)); check folder, rights and space"
            )
        }
    }
}

/// Reads files with one text a line, in UTF-8.
public enum TextLines {
    /// The lines of a file; an empty line is an empty text.
    ///
    /// CR LF and a byte order mark are fine; a line end at the end of the file begins no further text.
    ///
    /// - Throws: ``DataFileError`` with code `.unreadable` or `.notUTF8`, naming the line.
    public static func read(from file: URL) throws -> [String] {
        let reader = try LineReader(file)
        var texts: [String] = []
        while let text = try reader.nextText() { texts.append(text) }
        return texts
    }
}

extension DataFileError {
    /// What a row's decoding error says, for people.
    fileprivate init(_ error: any Error, decoding line: String, _ reader: LineReader) {
        let code: Code
        let problem: String
        switch error as? DecodingError {
        case .keyNotFound(let key, let context):
            code = .missingField
            problem = "the field \(Self.path(context.codingPath + [key])) is missing; every line must have it"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            code = .wrongValue
            problem = "the value of \(Self.path(context.codingPath)) is of the wrong type: \(context.debugDescription)"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            code = .wrongValue
            problem = "the value of \(Self.path(context.codingPath)) is wrong: \(context.debugDescription)"
        case .dataCorrupted(let context):
            code = .malformedLine
            let detail = unsafe (context.underlyingError as? CocoaError)?.userInfo["NSDebugDescription"] as? String
            problem =
                "\(String(line.prefix(60)).debugDescription) is not one JSON value: "
                + (detail ?? context.debugDescription)
        default:
            code = .malformedLine
            problem = "\(error)"
        }
        self.init(code, file: reader.file, line: reader.number, problem)
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        let path = keys.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return "“\(path.hasPrefix(".") ? String(path.dropFirst()) : path)”"
    }
}
