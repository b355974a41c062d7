// Pairs of texts with the similarity somebody judged them to have.

public import Foundation
internal import SemblanceText

/// Pairs of texts and how similar they are.
public struct SimilarityDataset: Sendable {
    /// Two texts and their score.
    public struct Pair: Hashable, Sendable {
        /// The first text; embedded as a query.
        public let first: String
        /// The second text; embedded as a document.
        public let second: String
        /// How similar they are; only the order of scores counts for Spearman's correlation.
        public let score: Double

        /// A pair.
        public init(first: String, second: String, score: Double) {
            self.first = first
            self.second = second
            self.score = score
        }
    }

    /// All pairs.
    public let pairs: [Pair]

    /// A set of pairs.
    ///
    /// - Throws: ``EvaluationError`` with code `.noScoredPairs` where there are fewer than 4, a score is no number, or all
    ///   scores are equal: then no correlation has a value.
    public init(_ pairs: [Pair]) throws(EvaluationError) {
        guard pairs.count >= 4 else {
            throw EvaluationError(.noScoredPairs, "there are \(pairs.count) scored pairs; at least 4 are needed")
        }
        if let wrong = pairs.first(where: { !$0.score.isFinite }) {
            throw EvaluationError(
                .noScoredPairs,
                "the pair “\(wrong.first.prefix(60))” has the score \(wrong.score), which is no number"
            )
        }
        guard pairs.contains(where: { $0.score != pairs[0].score }) else {
            throw EvaluationError(
                .noScoredPairs,
                "all \(pairs.count) pairs have the score \(pairs[0].score); scores that differ are needed"
            )
        }
        self.pairs = pairs
    }

    /// Reads a file.
    ///
    /// - `.tsv`: score, first and second text in a line, separated by tabs; a first line whose score is no number is a
    ///   header.
    /// - else JSON Lines: `{"anchor": "…", "positive": "…", "score": 0.8}` a line, as training pairs are.
    ///
    /// - Throws: `DataFileError`, which names file and line; ``EvaluationError``.
    public init(contentsOf file: URL) throws {
        var pairs: [Pair] = []
        if file.pathExtension == "tsv" {
            let reader = try LineReader(file)
            while let line = try reader.nextText() {
                if line.isEmpty { continue }
                let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                guard fields.count == 3 else {
                    throw DataFileError(
                        .malformedLine,
                        file: file,
                        line: reader.number,
                        "\(fields.count) fields; there must be three, separated by tabs: score, first and second text"
                    )
                }
                guard let score = Double(fields[0]) else {
                    if reader.number == 1 { continue }
                    throw DataFileError(
                        .wrongValue,
                        file: file,
                        line: reader.number,
                        "the score “\(fields[0])” is not a number such as 3.8"
                    )
                }
                pairs.append(Pair(first: fields[1], second: fields[2], score: score))
            }
        } else {
            try JSONLines.forEach(Row.self, in: file) { row, _ in
                pairs.append(Pair(first: row.anchor, second: row.positive, score: row.score))
            }
        }
        try self.init(pairs)
    }

    private struct Row: Decodable {
        let anchor: String
        let positive: String
        let score: Double
    }
}
