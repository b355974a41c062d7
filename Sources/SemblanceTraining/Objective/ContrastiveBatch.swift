// The rows of one step as the objective sees them: who belongs to whom.
// B anchors, C documents.

/// A row of the training data by its texts' numbers.
public struct ContrastiveRow: Sendable {
    /// The anchor.
    public var anchor: Int32
    /// Its positives; at least one.
    public var positives: [Int32]
    /// Its hard negatives.
    public var negatives: [Int32]
    /// Its group; −1 is none.
    public var group: Int32
    /// The pair's relevance or similarity; NaN where the data has none.
    public var score = Float.nan
    /// A teacher's scores of the positives and the negatives; empty where the data has none.
    public var positiveScores: [Float] = []
    /// A teacher's scores of the negatives; empty where the data has none.
    public var negativeScores: [Float] = []
    /// How far the pair is trusted.
    public var weight: Float = 1
    /// Its task; −1 is none.
    public var task: Int32 = -1

    package init(anchor: Int32, positives: [Int32], negatives: [Int32] = [], group: Int32 = -1) {
        self.anchor = anchor
        self.positives = positives
        self.negatives = negatives
        self.group = group
    }
}

/// Anchors and documents of a batch by their texts' keys; embeddings come beside it.
///
/// Documents are laid out as the first positive of each anchor, in order, then further positives, then negatives.
/// Keys are numbers of equal texts; −1 is no key.
package struct ContrastiveBatch: Sendable {
    private let rows: [ContrastiveRow]
    /// `[B]`: the anchors' texts.
    package private(set) var anchors: [Int32] = []
    /// `[B]`: the rows' groups.
    package private(set) var groups: [Int32] = []
    /// `[C]`: the documents' texts.
    package private(set) var documents: [Int32] = []
    /// `[C]`: the row each document came with.
    package private(set) var owners: [Int32] = []
    /// `[C]`: whether the document is a positive of its row.
    package private(set) var isPositive: [Bool] = []

    /// Whether no row has a second positive.
    package var hasOnePositiveEach: Bool { isPositive.count == anchors.count || !isPositive[anchors.count] }

    /// Lays out rows; each has at least one positive.
    package init(_ rows: [ContrastiveRow]) {
        self.rows = rows
        for owner in rows.indices {
            anchors.append(rows[owner].anchor)
            groups.append(rows[owner].group)
            append(rows[owner].positives[0], of: owner, isPositive: true)
        }
        for owner in rows.indices where rows[owner].positives.count > 1 {
            for positive in rows[owner].positives.dropFirst() { append(positive, of: owner, isPositive: true) }
        }
        for owner in rows.indices {
            for negative in rows[owner].negatives { append(negative, of: owner, isPositive: false) }
        }
    }

    private mutating func append(_ document: Int32, of owner: Int, isPositive: Bool) {
        documents.append(document)
        owners.append(Int32(owner))
        self.isPositive.append(isPositive)
    }
}

/// What the data says of the pairs beside their texts; few ask.
extension ContrastiveBatch {
    /// `[B]`: the pairs' scores; NaN where there are none.
    package var scores: [Float] { rows.map(\.score) }
    /// `[B]`: how far the pairs are trusted.
    package var weights: [Float] { rows.map(\.weight) }
    /// `[B]`: the rows' tasks; −1 is none.
    package var tasks: [Int32] { rows.map(\.task) }
    /// `[C]`: a teacher's scores; NaN where there are none.
    package var documentScores: [Float] {
        func scores(of texts: [Int32], _ known: [Float]) -> [Float] {
            texts.indices.map { known.isEmpty ? .nan : known[$0] }
        }
        let positives = rows.map { scores(of: $0.positives, $0.positiveScores) }
        let negatives = rows.map { scores(of: $0.negatives, $0.negativeScores) }
        return positives.map { $0[0] } + positives.flatMap { $0.dropFirst() } + negatives.flatMap { $0 }
    }
}
