import Foundation
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceText
import Testing

@Suite struct RetrievalDatasetTests {
    private static let corpus = #"""
        {"_id":"d1","title":"Owls","text":" of the night "}
        {"_id":"d2","title":"","text":"day","metadata":{"x":1}}
        {"_id":"d3","text":"dusk"}
        """#
    private static let queries = #"""
        {"_id":"q1","text":"one"}
        {"_id":"q2","text":"two"}
        {"_id":"q3","text":"three"}
        """#
    private static let qrels = "query-id\tcorpus-id\tscore\nq2\td1\t2\nq2\tgone\t1.0\nq1\td2\t0\n"

    private func read(
        corpus: String = corpus,
        queries: String = queries,
        qrels: String = qrels,
        split: String = "dev"
    ) throws -> RetrievalDataset {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("beir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appending(path: "qrels"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(corpus.utf8).write(to: folder.appending(path: "corpus.jsonl"))
        try Data(queries.utf8).write(to: folder.appending(path: "queries.jsonl"))
        try Data(qrels.utf8).write(to: folder.appending(path: "qrels/dev.tsv"))
        return try RetrievalDataset(contentsOf: folder, split: split)
    }

    @Test func `a folder is read; queries without a relevant document are left out`() throws {
        let set = try read()
        #expect(set.documents.map(\.id) == ["d1", "d2", "d3"])
        #expect(set.documents.map(\.content) == ["Owls  of the night", "day", "dusk"])
        #expect(set.queries == [.init(id: "q2", text: "two")])
        #expect(set.judgements == ["q2": ["d1": 2, "gone": 1], "q1": ["d2": 0]])
    }

    @Test func `a document that the corpus lacks counts among the relevant ones`() throws {
        let report = RetrievalReport(rankings: [["d1", "d2", "d3"]], of: try read(), metrics: [.recall(10)])
        #expect(report.value(of: .recall(10)) == 0.5)
    }

    @Test func `line ends, a byte order mark and no header make no difference`() throws {
        let plain = try read().judgements
        let other = "\u{FEFF}" + Self.qrels.replacingOccurrences(of: "\n", with: "\r\n")
        #expect(try read(qrels: other).judgements == plain)
        #expect(try read(qrels: "q2\td1\t2\nq2\tgone\t1.9\n\nq1\td2\t0").judgements == plain)
        #expect(try read(qrels: Self.qrels + "q2\td1\t2\n").judgements == plain)
        #expect(try read(qrels: "q3\td1\t2\n").judgements != plain)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `damaged judgements are read or refused, never more`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        var scalars = Array(Self.qrels.unicodeScalars)
        for _ in 0..<3 {
            let place = Int.random(in: 0..<scalars.count, using: &random)
            scalars[place] = "\t\n\r q9-.e\u{0}\u{FEFF}".unicodeScalars.randomElement(using: &random) ?? " "
        }
        do {
            _ = try read(qrels: String(String.UnicodeScalarView(scalars)))
        } catch let error as DataFileError {
            #expect(error.line != nil)
        } catch let error as EvaluationError {
            #expect(error.code == .noJudgedQueries)
        }
    }

    @Test func `what is wrong is named with file and line`() throws {
        func failure(_ body: () throws -> RetrievalDataset) throws -> DataFileError {
            try #require(throws: DataFileError.self) { _ = try body() }
        }
        for (row, code, words) in [
            ("q2\td1", DataFileError.Code.malformedLine, "2 fields"),
            ("q2\td3\thigh", .wrongValue, "“high”"),
            ("q2\td3\tnan", .wrongValue, "“nan”"),
            ("q2\td3\t1e300", .wrongValue, "1e300"),
            ("q9\td3\t1", .unknownIdentifier, "“q9”"),
            ("q2\td1\t1", .repeatedIdentifier, "grade 2"),
        ] {
            let error = try failure { try read(qrels: Self.qrels + row + "\n") }
            #expect(error.code == code && error.line == 5 && error.message.contains("dev.tsv, line 5: "), "\(error)")
            #expect(error.message.contains(words), "\(error)")
        }
        let repeated = try failure { try read(corpus: Self.corpus + "\n" + #"{"_id":"d1","text":""}"#) }
        #expect(repeated.code == .repeatedIdentifier && repeated.message.contains("corpus.jsonl, line 4: "))
        let textless = try failure { try read(queries: Self.queries + "\n" + #"{"_id":"q9"}"#) }
        #expect(textless.code == .missingField && textless.message.contains("queries.jsonl, line 4: "))
        let missing = try failure { try read(split: "test") }
        #expect(missing.code == .unreadable && missing.line == nil && missing.message.contains("there are: dev"))
        let error = try #require(throws: EvaluationError.self) { try read(qrels: "q1\td1\t0\n") }
        #expect(error.code == .noJudgedQueries)
    }
}
