import Foundation
import SemblanceNumerics
import SemblanceText
import Testing

@Suite struct JSONLinesTests {
    struct Row: Codable, Equatable {
        var anchor: String
        var score: Double?
        var negatives: [String]?
    }

    private func with<Result>(_ bytes: some Sequence<UInt8>, _ body: (URL) throws -> Result) throws -> Result {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("rows-\(UUID().uuidString).jsonl")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try body(file)
    }

    private func read(_ text: String) throws -> [Row] {
        try with(text.utf8) { try JSONLines.read(from: $0) }
    }

    private func failure(_ bytes: some Sequence<UInt8>) throws -> DataFileError {
        try with(bytes) { file in
            let error = try #require(throws: DataFileError.self) { try JSONLines.read(Row.self, from: file) }
            #expect(error.file == file && error.message.hasPrefix(file.path))
            return error
        }
    }

    @Test func `line ends, byte order mark and blank lines make no difference`() throws {
        let expected = [Row(anchor: "é 🦉", score: 1.5), Row(anchor: "", negatives: ["a\nb"])]
        let first = #"{"anchor":"é 🦉","score":1.5}"#, second = #"{"anchor":"","negatives":["a\nb"]}"#
        #expect(try read("\(first)\n\(second)\n") == expected)
        #expect(try read("\(first)\n\(second)") == expected)
        #expect(try read("\u{FEFF}\(first)\r\n\r\n \t\n\(second)\r\n") == expected)
        #expect(try read("\(second)\n\(first)") != expected)
        #expect(try read("") == [])
        #expect(try read("\u{FEFF}") == [])
    }

    @Test func `lines longer and shorter than what is held at a time are whole`() throws {
        let rows = (0..<40).map { Row(anchor: String(repeating: "ü\($0)", count: ($0 % 5) * 200_000)) }
        try with([]) { file in
            try JSONLines.write(rows, to: file)
            #expect(try JSONLines.read(Row.self, from: file) == rows)
            var numbers: [Int] = []
            try JSONLines.forEach(Row.self, in: file) { _, line in numbers.append(line) }
            #expect(numbers == Array(1...40))
        }
    }

    @Test func `an error names the line and what to mend`() throws {
        let good = #"{"anchor":"a"}"# + "\n"
        for (bad, code, words) in [
            (#"{"anchor":"a""#, DataFileError.Code.malformedLine, [#""{\"anchor\":\"a\"""#, "not one JSON value"]),
            (#"{"anchor":"a"}{}"#, .malformedLine, ["not one JSON value"]),
            ("\u{0}{}", .malformedLine, ["not one JSON value"]),
            (#"{"anchor":"\ud800"}"#, .malformedLine, ["not one JSON value"]),
            (#"{"score":1}"#, .missingField, ["“anchor”", "missing"]),
            (#"{"anchor":null}"#, .wrongValue, ["“anchor”"]),
            (#"{"anchor":7}"#, .wrongValue, ["“anchor”", "number"]),
            (#"{"anchor":"a","negatives":["b",{}]}"#, .wrongValue, ["“negatives[1]”"]),
            (#"{"anchor":"a","score":1e999}"#, .malformedLine, []),
            (#"["anchor"]"#, .wrongValue, ["wrong type"]),
            (String(repeating: "[", count: 1_000_000), .malformedLine, []),
            (#"{"anchor":"# + String(repeating: #"{"a":"#, count: 100_000), .malformedLine, []),
        ] {
            let error = try failure((good + "\r\n" + good + bad + "\n" + good).utf8)
            #expect(error.line == 4 && error.message.contains(", line 4: "))
            #expect(error.code == code, "\(error)")
            for word in words { #expect(error.message.contains(word), "\(error)") }
            #expect(!error.message.contains("\n"))
        }
    }

    @Test func `bytes that are not UTF-8 are named, other encodings too`() throws {
        let good = Array(#"{"anchor":"a"}"#.utf8 + [0x0A])
        #expect(try failure(good + [0x7B, 0xFF, 0x7D]).code == .notUTF8)
        #expect(try failure(good + [0x7B, 0xFF, 0x7D]).line == 2)
        let utf16 = Array(#"{"anchor":"a"}"#.utf16)
        #expect(try failure([0xFF, 0xFE] + utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }).code == .notUTF8)
        #expect(try failure(utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }).code == .malformedLine)
    }

    @Test func `a file that cannot be read or written is an error`() throws {
        let folder = FileManager.default.temporaryDirectory
        let missing = folder.appendingPathComponent(UUID().uuidString)
        for file in [missing, folder] {
            let error = try #require(throws: DataFileError.self) { try JSONLines.read(Row.self, from: file) }
            #expect(error.code == .unreadable && error.line == nil)
        }
        let error = try #require(throws: DataFileError.self) {
            try JSONLines.write([Row(anchor: "")], to: missing.appendingPathComponent("rows.jsonl"))
        }
        #expect(error.code == .unwritable)
    }

    @Test func `what cannot be written leaves the old file and nothing beside it`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("rows.jsonl")
        try JSONLines.write([Row(anchor: "a/b", score: 2)], to: file)
        #expect(try String(contentsOf: file, encoding: .utf8) == #"{"anchor":"a/b","score":2}"# + "\n")
        let error = try #require(throws: DataFileError.self) {
            try JSONLines.write([Row(anchor: "c"), Row(anchor: "d", score: .nan)], to: file)
        }
        #expect(error.code == .wrongValue && error.line == 2)
        #expect(try JSONLines.read(Row.self, from: file) == [Row(anchor: "a/b", score: 2)])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["rows.jsonl"])
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `damaged files are read or refused, never more`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        var bytes = Array(
            #"{"anchor":"é 🦉","score":1.5,"negatives":["a"]}"#.utf8 + [0x0D, 0x0A] + #"{"anchor":""}"#.utf8
        )
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            }
        }
        do {
            #expect(try with(bytes) { try JSONLines.read(Row.self, from: $0) }.count <= 3)
        } catch let error as DataFileError {
            #expect(error.line.map { (1...5).contains($0) } == true)
        }
    }

    @Test func `a line is a text, an empty line an empty text`() throws {
        func lines(_ text: String) throws -> [String] { try with(text.utf8) { try TextLines.read(from: $0) } }
        #expect(try lines("a\n\nb") == ["a", "", "b"])
        #expect(try lines("\u{FEFF}a\r\n\r\nb\r\n") == ["a", "", "b"])
        #expect(try lines("\n") == [""])
        #expect(try lines("") == [])
        let error = try with([0x61, 0x0A, 0xC3, 0x0A]) { file in
            try #require(throws: DataFileError.self) { try TextLines.read(from: file) }
        }
        #expect(error.code == .notUTF8 && error.line == 2)
    }
}
