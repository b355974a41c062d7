import Foundation
import SemblanceEvaluation
import SemblanceText
import Testing

@Suite struct SimilarityTests {
    private func read(_ text: String, _ name: String) throws -> SimilarityDataset {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).\(name)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(text.utf8).write(to: file)
        return try SimilarityDataset(contentsOf: file)
    }

    private static let lines = "score\tsentence1\tsentence2\n5.0\ta\tb\n0\tc\td\n2.5\te\tf\n1\tg\th\n"

    @Test func `a table and JSON Lines give the same pairs`() throws {
        let table = try read(Self.lines, "tsv")
        #expect(table.pairs.first == .init(first: "a", second: "b", score: 5))
        let json = try read(
            #"""
            {"anchor":"a","positive":"b","score":5}
            {"anchor":"c","positive":"d","score":0}
            {"anchor":"e","positive":"f","score":2.5}
            {"anchor":"g","positive":"h","score":1}
            """#,
            "jsonl"
        )
        #expect(json.pairs == table.pairs)
    }

    @Test func `what has no correlation is refused with its reason`() {
        #expect(throws: DataFileError.self) { try read(Self.lines + "x\ty\tz\n", "tsv") }
        #expect(throws: DataFileError.self) { try read(Self.lines + "1\ty\n", "tsv") }
        #expect(throws: EvaluationError.self) { try read("1\ta\tb\n2\tc\td\n", "tsv") }
        #expect(throws: EvaluationError.self) { try read("1\ta\tb\n1\tc\td\n1\te\tf\n1\tg\th\n", "tsv") }
        #expect(throws: EvaluationError.self) { try read("nan\ta\tb\n1\tc\td\n1\te\tf\n2\tg\th\n", "tsv") }
    }

    @Test func `similarities in the order of the scores correlate by 1, in the other by −1, and constant ones by 0`()
        throws
    {
        let set = try read(Self.lines, "tsv")
        let ordered = SimilarityReport(similarities: [0.9, -0.3, 0.5, 0.4], of: set)
        #expect(abs(ordered.spearman.value - 1) < 1e-12 && ordered.pearson.value < 1)
        #expect(ordered.pearson.low < ordered.pearson.value && ordered.pearson.value < ordered.pearson.high)
        #expect(SimilarityReport(similarities: [-0.9, 0.3, -0.5, -0.4], of: set).spearman.value < -1 + 1e-12)
        let constant = SimilarityReport(similarities: [1, 1, 1, 1], of: set)
        #expect(constant.spearman.value == 0 && constant.pearson.value == 0)
        #expect(SimilarityReport(similarities: [.nan, 1, 2, 3], of: set).pearson.value == 0)
    }

    @Test func `the interval is Fisher's`() throws {
        let pairs = (0..<103).map { SimilarityDataset.Pair(first: "a", second: "b", score: Double($0)) }
        // Every other pair is moved: some correlation below 1.
        let similarities = pairs.indices.map { Double($0 % 2 == 0 ? $0 : 102 - $0) }
        let report = SimilarityReport(similarities: similarities, of: try SimilarityDataset(pairs))
        let r = report.pearson.value
        let reach = 1.96 / 10.0
        #expect(abs(report.pearson.low - tanh(atanh(r) - reach)) < 1e-12)
        #expect(abs(report.pearson.high - tanh(atanh(r) + reach)) < 1e-12)
        // Ranks are the numbers themselves here, but Spearman's varies more.
        #expect(report.spearman.high >= report.pearson.high)
    }
}
