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
    /// `[B]`: the anchors' texts.
    package private(set) var anchors: [Int32] = []
    /// `[B]`: the rows' groups.
    package private(set) var groups: [Int32] = []
    /// `[B]`: what the data says of the pairs.
    package private(set) var scores: [Float] = []
    package private(set) var weights: [Float] = []
    package private(set) var tasks: [Int32] = []
    /// `[C]`: the documents' texts.
    package private(set) var documents: [Int32] = []
    /// `[C]`: the row each document came with.
    package private(set) var owners: [Int32] = []
    /// `[C]`: whether the document is a positive of its row.
    package private(set) var isPositive: [Bool] = []
    /// `[C]`: a teacher's scores; NaN where there are none.
    package private(set) var documentScores: [Float] = []

    /// Whether no row has a second positive.
    package var hasOnePositiveEach: Bool { isPositive.count == anchors.count || !isPositive[anchors.count] }

    /// Lays out rows; each has at least one positive.
    package init(_ rows: [ContrastiveRow]) {
        anchors = rows.map(\.anchor)
        groups = rows.map(\.group)
        scores = rows.map(\.score)
        weights = rows.map(\.weight)
        tasks = rows.map(\.task)
        for (owner, row) in rows.enumerated() { append(positive: 0, of: row, owner) }
        for (owner, row) in rows.enumerated() {
            for index in row.positives.indices.dropFirst() { append(positive: index, of: row, owner) }
        }
        for (owner, row) in rows.enumerated() {
            for (index, negative) in row.negatives.enumerated() {
                documents.append(negative)
                owners.append(Int32(owner))
                isPositive.append(false)
                documentScores.append(row.negativeScores.isEmpty ? .nan : row.negativeScores[index])
            }
        }
    }

    private mutating func append(positive index: Int, of row: ContrastiveRow, _ owner: Int) {
        documents.append(row.positives[index])
        owners.append(Int32(owner))
        isPositive.append(true)
        documentScores.append(row.positiveScores.isEmpty ? .nan : row.positiveScores[index])
    }
}
