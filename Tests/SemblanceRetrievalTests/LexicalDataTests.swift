import Foundation
import SemblanceEvaluation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

private let data = ProcessInfo.processInfo.environment["SEMBLANCE_DATA"]

/// nDCG@10 of bm25s (k1 0.9, b 0.4, English stop words and stems) on sets that the library doesn't hold.
private let references: [(set: String, split: String, ndcg: Double)] = [
    ("adi", "test", 0.47702),
    ("cranfield", "test", 0.40404),
    ("scifact", "train", 0.69445),
    ("wikiqa", "dev", 0.51879),
    ("flickr8k-captions", "dev", 0.43445),
    ("onet-titles", "dev", 0.31256),
    ("jobtitle-esco", "dev", 0.24717),
    ("jobtitle-esco", "dev_unseen", 0.22417),
    ("skill-extraction", "dev", 0.43342),
    ("skill-extraction", "house_dev", 0.29258),
    ("skill-extraction", "tech_dev", 0.54797),
]

@Suite struct LexicalDataTests {
    @Test(.enabled(if: data != nil), arguments: references)
    func `BM25 finds what bm25s finds`(set: String, split: String, ndcg: Double) throws {
        let folder = URL(fileURLWithPath: data ?? "").appending(path: set)
        let dataset = try RetrievalDataset(contentsOf: folder, split: split)
        let index = try LexicalIndex(dataset.documents.map(\.content))
        let hits = index.nearest(
            to: dataset.queries.map(\.text),
            count: RetrievalMetric.hitsNeeded(),
            workers: .shared()
        )
        let rankings = hits.map { $0.map { dataset.documents[$0.index].id } }
        let report = RetrievalReport(rankings: rankings, of: dataset)
        #expect(abs(report.value(of: .ndcg(10)) - ndcg) < 0.005, "\(report.value(of: .ndcg(10)))")
    }
}
