import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct FilterTests {
    private let document: Metadata = [
        "language": "en", "year": 2024, "tags": ["swift", "search"], "draft": false, "published": "2024-05-01",
        "seen": .date(Date(timeIntervalSince1970: 1_714_521_600)), "code": "B7",
    ]

    @Test(arguments: [
        #"language = "en""#, "language == 'en'", "year = 2024", "year = 2024.0", "draft = false", "draft != true",
        "year > 2023.5 and year < 2025", "year >= 2024 and year <= 2024", "year between 2024 and 2030",
        "language in [\"de\", \"en\"]", "tags contains 'swift'", "year exists", "NOT missing EXISTS", "not missing = 1",
        "missing != 1", "published = 2024-05-01", "published = '2024-05-01T00:00:00Z'", "seen = '2024-05-01'",
        "published >= 2024-05-01T01:00:00+01:00 and published < 2024-05-02", "seen between 2024-01-01 and 2024-12-31",
        "code > 'B' and code < 'C'", "\"language\" = \"e\\u{6e}\"", "true", "not false",
        "true and not (false or false)",
        "language = 'de' or language = 'en' and year = 2024", "not (language = 'en' and year = 2023)",
        "year != 'x'", "not in_ exists", "'in' exists or true",
    ])
    func `a filter that is true`(text: String) throws {
        #expect(try Filter(parsing: text).matches(document))
        #expect(try Filter(parsing: text).matches(document) != (!Filter(parsing: text)).matches(document))
    }

    @Test(arguments: [
        "language = 'EN'", "language = 1", "year = '2024'", "year < '3000'", "draft = 0", "tags = 'swift'",
        "tags in ['swift']", "language contains 'en'", "language contains 'e'", "tags contains 'Swift'", "tags < 'z'",
        "missing = 1", "missing != 1 and year != 2024", "missing < 1", "missing between 1 and 2", "missing exists",
        "missing in []", "language in []", "published > '2024'", "published = 'may'", "year between 2025 and 2030",
        "year between 2030 and 2000", "false", "(language = 'de' or language = 'en') and year = 2023",
    ])
    func `a filter that is false`(text: String) throws {
        #expect(try !Filter(parsing: text).matches(document))
    }

    @Test func `operators, functions and text are one`() throws {
        let filter = .equals("language", "en") && .greaterOrEqual("year", 2020) && !Filter.contains("tags", "draft")
        #expect(try Filter(parsing: #"language = "en" and year >= 2020 and not tags contains "draft""#) == filter)
        #expect(filter.description == #"language = "en" and year >= 2020 and not tags contains "draft""#)
        #expect(filter.matches(document))
        #expect(filter != (.equals("language", "en") && .greaterOrEqual("year", 2020)))
        let either: Filter = .exists("a") || .less("b", 1) || .in("c", ["x", 2, true])
        #expect(try Filter(parsing: "(a exists or b < 1) or c in ['x', 2, true]") == either)
        #expect(Filter.and([either]) == either)
        #expect(Filter.and([]).matches([:]) && !Filter.or([]).matches([:]))
    }

    @Test(arguments: 0..<1000 as Range<UInt64>)
    func `the description and JSON of a filter are that filter`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let filter = random.filter()
        try filter.validate()
        let parsed = try Filter(parsing: filter.description)
        #expect(parsed == filter, "\(filter)")
        #expect(parsed.hashValue == filter.hashValue)
        let json = try JSONEncoder().encode(filter)
        #expect(try JSONDecoder().decode(Filter.self, from: json) == filter, "\(String(decoding: json, as: UTF8.self))")
        let other = random.filter()
        if other != filter { #expect(other.description != filter.description) }
    }

    @Test func `a filter's JSON is small arrays`() throws {
        let filter = try Filter(
            parsing: "language = 'en' and (year >= 2020 or not tags contains 'x') and a in [1, true] and b exists "
                + "and c between 2024-05-01 and 2024-06-01"
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let expected =
            #"["and",["=","language","en"],["or",[">=","year",2020],["not",["contains","tags","x"]]],"#
            + #"["in","a",[1,true]],["exists","b"],"#
            + #"["between","c","2024-05-01T00:00:00Z","2024-06-01T00:00:00Z"]]"#
        #expect(String(decoding: try encoder.encode(filter), as: UTF8.self) == expected)
    }

    @Test(arguments: [
        #"["="]"#, #"["=", "a"]"#, #"["=", "a", 1, 2]"#, #"["~", "a", 1]"#, #"["=", "a", [1]]"#, #"["<", "a", true]"#,
        #"["not"]"#, #"["not", 1]"#, #"["not", ["exists", "a"], ["exists", "b"]]"#, #"["and", 1]"#, "{}", "1", "[]",
        #"["exists", ""]"#, String(repeating: #"["not","#, count: 65) + #"["and"]"# + String(repeating: "]", count: 65),
        String(repeating: #"["not","#, count: 400) + #"["and"]"# + String(repeating: "]", count: 400),
    ])
    func `JSON that is no filter is refused`(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Filter.self, from: Data(json.utf8)) }
    }

    @Test(arguments: [
        ("", 1, "expected a field, 'not' or '(', found the end"), ("year", 5, "expected one of = != < <="),
        ("year = ", 8, "expected a value"), ("year = en", 8, "found 'en'"), ("year = 2024 2025", 13, "'and', 'or'"),
        ("(year = 1", 10, "')'"), ("year = 1)", 9, "or the end"), ("year in 3", 9, "'['"), ("year in [3", 11, "']'"),
        ("year in [3,]", 12, "a value"), ("year between 1, 2", 15, "'and'"), ("a = \"b", 5, "no end"),
        ("a = 'b\\q'", 7, "expected one of"), ("a = '\\u{D800}'", 6, "expected one of"), ("a ! b", 3, "'!='"),
        ("a = 0x1F", 5, "a number"), ("a = 1e999", 5, "a number"), ("a = 2024-13-01", 5, "a date"),
        ("a = -", 5, "a number"),
        ("and = 1", 1, "a field"), ("a = 1 & b = 2", 7, "no meaning"), ("é👨‍👩‍👧 = 1", 2, "no meaning"),
        ("not", 4, "a field"),
        ("a = 'é👨‍👩‍👧' b", 10, "'and'"), ("a = 1_000", 5, "a number"),
    ])
    func `an error says at which column what was expected`(text: String, column: Int, problem: String) {
        let error = #expect(throws: RetrievalError.self) { try Filter(parsing: text) }
        #expect(error?.code == .invalidFilter)
        #expect(error?.message.hasPrefix("column \(column) of the filter: ") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            ("a", .number(.nan), "nan"), ("a", .number(.infinity), "inf"), ("a", ["b"], "list"), ("", 1, "name"),
            ("a", .date(.distantFuture + 1e12), "years"),
            ("a", .string(String(repeating: "x", count: 65_537)), "bytes"),
        ] as [(String, MetadataValue, String)]
    )
    func `what nothing can be compared with is refused by the field's name`(
        field: String,
        value: MetadataValue,
        problem: String
    ) {
        for filter in [
            Filter.equals(field, value), !Filter.in(field, [1, value]), .exists("b") && .less(field, value),
        ] {
            let error = #expect(throws: RetrievalError.self) { try filter.validate() }
            #expect(error?.code == .invalidFilter)
            #expect(error?.message.contains("'\(field)'") == true)
            #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
            #expect(!Filter.equals(field, value).matches(document))
        }
    }

    @Test func `Booleans have no order`() throws {
        #expect(throws: RetrievalError.self) { try Filter.less("draft", true).validate() }
        #expect(throws: RetrievalError.self) { try Filter(parsing: "draft >= false") }
        #expect(!Filter.less("draft", true).matches(document))
        #expect(!Filter.lessOrEqual("draft", false).matches(document))
        #expect(!Filter.between("draft", false, true).matches(document))
    }

    @Test func `depth is bounded`() throws {
        func nested(_ before: String, _ count: Int, _ after: String) -> String {
            String(repeating: before, count: count) + "a = 1" + String(repeating: after, count: count)
        }
        #expect(try Filter(parsing: nested("(", 63, ")")) == .equals("a", 1))
        #expect(try Filter(parsing: nested("not ", 63, "")).matches(["a": 2]))
        for text in [
            nested("(", 64, ")"), nested("not ", 64, ""), nested("(", 100_000, ""), nested("not ", 100_000, ""),
        ] {
            let error = #expect(throws: RetrievalError.self) { try Filter(parsing: text) }
            #expect(error?.message.contains("deep") == true)
        }
        var filter = Filter.exists("a")
        for _ in 0..<100 { filter = !filter }
        #expect(throws: RetrievalError.self) { try filter.validate() }
        let wide = Filter.or((0..<100_000).map { .equals("a", .number(Double($0))) })
        #expect(throws: RetrievalError.self) { try wide.validate() }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `no text traps the parser, and what it takes it takes again`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let pieces = [
            "(", ")", "[", "]", ",", "=", "==", "!=", "<", "<=", ">", ">=", "!", "and", "or", "not", "in", "between",
            "contains", "exists", "true", "false", "year", "\"", "'", "\\", "\\u{", "}", "\"a b\"", "'x'", "1",
            "-1.5e3",
            "2024-05-01", "2024-05-01T12:30Z", "-", ".", "é", "\u{301}", "日本", "\0", "\u{10FFFF}", "👨‍👩‍👧", "\r\n", " ",
        ]
        for _ in 0..<30 {
            var text = ""
            if Bool.random(using: &random) {
                for _ in 0..<Int.random(in: 0..<40, using: &random) {
                    text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
                    if Bool.random(using: &random) { text += " " }
                }
            } else {
                // A good filter with a few scalars changed, dropped or doubled.
                var scalars = Array(random.filter().description.unicodeScalars)
                for _ in 0..<Int.random(in: 1..<4, using: &random) where !scalars.isEmpty {
                    let place = Int.random(in: 0..<scalars.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: scalars.remove(at: place)
                    case 1: scalars.insert(scalars[place], at: place)
                    default: scalars[place] = Unicode.Scalar(UInt8.random(in: 0..<128, using: &random))
                    }
                }
                text = String(String.UnicodeScalarView(scalars))
            }
            do throws(RetrievalError) {
                let filter = try Filter(parsing: text)
                let again = try Filter(parsing: filter.description)
                #expect(again == filter, "\(text)")
            } catch {
                #expect(error.code == .invalidFilter)
                #expect(error.message.contains("filter"))
            }
        }
    }
}
