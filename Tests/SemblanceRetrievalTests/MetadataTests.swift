import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct MetadataTests {
    private func json(_ metadata: Metadata) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(metadata), as: UTF8.self)
    }

    private func metadata(_ json: String) throws -> Metadata {
        try JSONDecoder().decode(Metadata.self, from: Data(json.utf8))
    }

    private func quickly(_ json: String) throws -> Metadata {
        try unsafe Array(json.utf8).withUnsafeBufferPointer { try unsafe Metadata(json: $0) }
    }

    @Test func `metadata is the JSON that one expects`() throws {
        let written: Metadata = [
            "year": 2024, "share": 0.25, "tags": ["a", "b", 3, false], "draft": true, "language": "en", "none": [],
            "seen": .date(Date(timeIntervalSince1970: 1_714_566_615.25)),
        ]
        let expected =
            #"{"draft":true,"language":"en","none":[],"seen":"2024-05-01T12:30:15.250Z","share":0.25,"#
            + #""tags":["a","b",3,false],"year":2024}"#
        #expect(try json(written) == expected)
        #expect(try metadata(expected) == written)
        #expect(try metadata(#"{"a": null, "b": "2024-05-01"}"#) == ["b": "2024-05-01"])
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a way through JSON keeps the values and what filters say of them`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let metadata = random.metadata()
        try metadata.validate()
        let once = try self.metadata(json(metadata))
        #expect(try self.metadata(json(once)) == once)
        #expect(try quickly(json(metadata)) == once)
        #expect(once.fields.keys == metadata.fields.keys)
        for _ in 0..<30 {
            let filter = random.filter()
            #expect(filter.matches(once) == filter.matches(metadata), "\(filter)")
        }
    }

    @Test(arguments: [
        ("2024-05-01", 1_714_521_600), ("2024-05-01T12:30", 1_714_566_600), ("2024-05-01 12:30:15Z", 1_714_566_615),
        ("2024-05-01T12:30:15.25+02:00", 1_714_559_415.25), ("2024-05-01T12:30:15.2509-00:30", 1_714_568_415.25),
        ("2000-02-29", 951_782_400), ("1970-01-01T00:00:00Z", 0), ("0001-01-01", -62_135_596_800),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799.999),
    ])
    func `a string in the form of ISO 8601 is a date`(text: String, seconds: Double) {
        #expect(MetadataValue.string(text).date == Date(timeIntervalSince1970: seconds))
    }

    @Test(arguments: [
        "", "2024", "2024-05", "2024-5-1", "2024-05-01T", "2024-05-01T12", "2024-05-01T24:00", "2024-05-01T12:60",
        "2024-05-01T12:30:60", "2024-05-01T12:30:15.", "2024-05-01T12:30:15+2", "2024-05-01T12:30:15+0200",
        "2024-05-01T12:30:15ZZ", "2024-02-30", "1900-02-29", "2024-00-01", "2024-01-00", "0000-01-01", "20240501",
        " 2024-05-01", "2024-05-01 ", "2024-05-01t12:30", "+2024-05-01", "２024-05-01", "0001-01-01T00:00+00:01",
        "9999-12-31T23:59-00:01", "2024-05-01T12:30:15." + String(repeating: "1", count: 60),
    ])
    func `another string is none`(text: String) {
        #expect(MetadataValue.string(text).date == nil)
    }

    @Test func `a date has the year that the calendar says`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        var random = RandomStream(seed: 1)
        for _ in 0..<500 {
            let date = Date(timeIntervalSince1970: Double.random(in: -1.1e10..<2.5e11, using: &random).rounded(.down))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
            func text(_ number: Int?, _ width: Int) -> String {
                let digits = String(number ?? 0)
                return String(repeating: "0", count: width - digits.count) + digits
            }
            let expected =
                "\(text(parts.year, 4))-\(text(parts.month, 2))-\(text(parts.day, 2))T"
                + "\(text(parts.hour, 2)):\(text(parts.minute, 2)):\(text(parts.second, 2))Z"
            #expect(MetadataValue.string(expected).date == date)
            #expect(try json(["d": .date(date)]) == #"{"d":"\#(expected)"}"#)
        }
    }

    @Test(
        arguments: [
            (["a": .number(.nan)], "nan"), (["a": .number(.infinity)], "inf"), (["a": [1, .number(.nan)]], "place 1"),
            (["a": [["b"]]], "list in a list"), (["a": .date(.distantFuture + 1e12)], "years"), (["": 1], "name"),
            (["a": .string(String(repeating: "x", count: 65_537))], "65537 bytes"),
            (["a": .list(Array(repeating: 1, count: 10_001))], "10001 values"),
            ([String(repeating: "é", count: 129): 1], "258 bytes"),
        ] as [(Metadata, String)]
    )
    func `what an index can't keep is refused by name`(metadata: Metadata, problem: String) throws {
        let error = #expect(throws: RetrievalError.self) { try metadata.validate() }
        #expect(error?.code == .invalidMetadata)
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
        let name = try #require(metadata.fields.keys.first)
        #expect(error?.message.contains("'\(name.prefix(60))'") == true)
    }

    @Test func `what just fits is taken`() throws {
        var metadata: Metadata = [
            "a": .string(String(repeating: "x", count: 65_536)), "b": .list(Array(repeating: 1, count: 10_000)),
            String(repeating: "é", count: 128): 1,
        ]
        for number in metadata.fields.count..<1000 { metadata["\(number)"] = 1 }
        try metadata.validate()
        metadata["one more"] = 1
        #expect(throws: RetrievalError.self) { try metadata.validate() }
    }

    @Test(arguments: [
        #"{"a": {"b": 1}}"#, #"{"a": [[1]]}"#, #"{"a": [null]}"#, #"{"a": 1e999}"#, #"{"": 1}"#, "[]", "1",
        #"{"a": "# + String(repeating: "[", count: 400) + String(repeating: "]", count: 400) + "}",
    ])
    func `JSON that is no metadata is refused`(json: String) {
        #expect(throws: DecodingError.self) { try metadata(json) }
        let error = #expect(throws: RetrievalError.self) { try quickly(json) }
        #expect(error?.code == .invalidMetadata)
        let names = json.hasPrefix("{\"a\"") && json.utf8.count < 100
        #expect(names == (error?.message.contains("'a'") == true), "\(error?.message ?? "")")
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `both readers read the same of damaged JSON, or refuse it`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        var scalars = Array(try json(random.metadata()).unicodeScalars)
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            let place = Int.random(in: 0..<scalars.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where scalars.count > 1: scalars.remove(at: place)
            case 1: scalars.insert(scalars[place], at: place)
            default: scalars[place] = Unicode.Scalar(UInt8.random(in: 32..<128, using: &random))
            }
        }
        let damaged = String(String.UnicodeScalarView(scalars))
        #expect((try? quickly(damaged)) == (try? metadata(damaged)), "\(damaged)")
    }
}
