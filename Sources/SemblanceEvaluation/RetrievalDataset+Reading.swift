// BEIR folders: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv.

public import Foundation
internal import SemblanceText

extension RetrievalDataset {
    /// Reads one split of a folder in BEIR's layout.
    ///
    /// - `corpus.jsonl`: `{"_id": "…", "title": "…", "text": "…"}` a line; the title may be missing.
    /// - `queries.jsonl`: `{"_id": "…", "text": "…"}` a line.
    /// - `qrels/SPLIT.tsv`: query id, document id and grade, separated by tabs; a first line whose third field is no
    ///   number is a header. Grades are cut to whole numbers.
    ///
    /// Judged documents that the corpus lacks are kept; judged queries must be there.
    ///
    /// - Throws: `DataFileError`, which names file and line; ``EvaluationError`` with code `.noJudgedQueries`.
    public init(contentsOf folder: URL, split: String = "test") throws {
        var documents: [Document] = []
        try Self.forEachRow(in: folder.appending(path: "corpus.jsonl")) { row in
            documents.append(Document(id: row._id, title: row.title ?? "", text: row.text))
        }
        var texts: [String: String] = [:], order: [String] = []
        try Self.forEachRow(in: folder.appending(path: "queries.jsonl")) { row in
            texts[row._id] = row.text
            order.append(row._id)
        }
        let qrels = folder.appending(path: "qrels")
        let file = qrels.appending(path: "\(split).tsv")
        guard FileManager.default.fileExists(atPath: file.path) else {
            let found = (try? FileManager.default.contentsOfDirectory(atPath: qrels.path)) ?? []
            let splits = found.filter { $0.hasSuffix(".tsv") }.map { $0.dropLast(4) }.sorted().joined(separator: ", ")
            throw DataFileError(
                .unreadable,
                file: file,
                "there is no such split; \(splits.isEmpty ? "the folder has none" : "there are: \(splits)")"
            )
        }
        let judgements = try Self.judgements(in: file) { texts[$0] != nil }
        let queries = order.compactMap { id in
            judgements[id] == nil ? nil : texts[id].map { Query(id: id, text: $0) }
        }
        try self.init(documents: documents, queries: queries, judgements: judgements)
    }

    private struct Row: Decodable {
        let _id: String
        let title: String?
        let text: String
    }

    private static func forEachRow(in file: URL, _ body: (Row) -> Void) throws {
        var lines: [String: Int] = [:]
        try JSONLines.forEach(Row.self, in: file) { row, line in
            if let first = lines.updateValue(line, forKey: row._id) {
                throw DataFileError(
                    .repeatedIdentifier,
                    file: file,
                    line: line,
                    "the id “\(row._id)” is that of line \(first) already; ids must be different"
                )
            }
            body(row)
        }
    }

    private static func judgements(
        in file: URL,
        isKnown: (String) -> Bool
    ) throws -> [String: [String: Int]] {
        let reader = try LineReader(file)
        var judgements: [String: [String: Int]] = [:]
        while let line = try reader.nextText() {
            if line.isEmpty { continue }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            func problem(_ code: DataFileError.Code, _ words: String) -> DataFileError {
                DataFileError(code, file: file, line: reader.number, words)
            }
            guard fields.count == 3 else {
                throw problem(
                    .malformedLine,
                    "\(fields.count) fields; there must be three, separated by tabs: query id, document id, grade"
                )
            }
            guard let number = Double(fields[2]), let grade = Int(exactly: number.rounded(.towardZero)) else {
                if reader.number == 1 { continue }
                throw problem(.wrongValue, "the grade “\(fields[2])” is not a number such as 1")
            }
            guard isKnown(fields[0]) else {
                throw problem(.unknownIdentifier, "the query “\(fields[0])” is not in queries.jsonl; add it there")
            }
            if let other = judgements[fields[0], default: [:]].updateValue(grade, forKey: fields[1]), other != grade {
                throw problem(
                    .repeatedIdentifier,
                    "“\(fields[1])” has grade \(other) for the query “\(fields[0])” already, and here \(grade); keep one"
                )
            }
        }
        return judgements
    }
}
