internal import Foundation

/// Documents, queries, and which documents are relevant to which queries.
public struct RetrievalDataset: Sendable {
    /// What is searched.
    public struct Document: Hashable, Sendable {
        /// The document's id.
        public let id: String
        /// Its title; may be empty.
        public let title: String
        /// Its text.
        public let text: String

        /// A document.
        public init(id: String, title: String = "", text: String) {
            self.id = id
            self.title = title
            self.text = text
        }

        /// What is embedded and indexed: title and text joined by a blank, without white space at the ends.
        public var content: String { (title + " " + text).trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// What is asked.
    public struct Query: Hashable, Sendable {
        /// The query's id.
        public let id: String
        /// Its text.
        public let text: String

        /// A query.
        public init(id: String, text: String) {
            self.id = id
            self.text = text
        }
    }

    /// All documents.
    public let documents: [Document]
    /// The queries that have a relevant document; the others are left out, for no metric has a value there.
    public let queries: [Query]
    /// For each query's id, the grades of the documents judged for it: relevant above 0.
    ///
    /// May name documents that `documents` lacks: they can't be found, and count among the relevant ones.
    public let judgements: [String: [String: Int]]

    /// A set from its parts; queries without a relevant document are left out.
    ///
    /// - Throws: ``EvaluationError`` with code `.repeatedIdentifier` or `.noJudgedQueries`.
    public init(documents: [Document], queries: [Query], judgements: [String: [String: Int]]) throws(EvaluationError) {
        for (ids, kind) in [(documents.map(\.id), "documents"), (queries.map(\.id), "queries")] {
            var seen: Set<String> = []
            for id in ids where !seen.insert(id).inserted {
                throw EvaluationError(.repeatedIdentifier, "two \(kind) have the id “\(id)”; ids must be different")
            }
        }
        self.documents = documents
        self.queries = queries.filter { judgements[$0.id]?.values.contains { $0 > 0 } == true }
        self.judgements = judgements
        if self.queries.isEmpty {
            throw EvaluationError(
                .noJudgedQueries,
                "none of the \(queries.count) queries has a relevant document; check that the judgements name their ids"
            )
        }
    }
}
