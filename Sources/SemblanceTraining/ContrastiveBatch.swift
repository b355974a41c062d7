// The rows of one step as the objective sees them: who belongs to whom.
// B anchors, C documents.

/// Anchors and documents of a batch by their texts' keys; embeddings come beside it.
///
/// Documents are laid out as the first positive of each anchor, in order, then further positives, then negatives.
/// Keys are numbers of equal texts; −1 is no key.
package struct ContrastiveBatch: Sendable {
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

    /// A row of the training set by its texts' keys.
    package struct Row: Sendable {
        package var anchor: Int32
        package var positives: [Int32]
        package var negatives: [Int32]
        package var group: Int32

        package init(anchor: Int32, positives: [Int32], negatives: [Int32] = [], group: Int32 = -1) {
            self.anchor = anchor
            self.positives = positives
            self.negatives = negatives
            self.group = group
        }
    }

    /// Whether no row has a second positive.
    package var hasOnePositiveEach: Bool { isPositive.count == anchors.count || !isPositive[anchors.count] }

    /// Lays out rows; each has at least one positive.
    package init(_ rows: [Row]) {
        anchors = rows.map(\.anchor)
        groups = rows.map(\.group)
        for (owner, row) in rows.enumerated() { append(row.positives[0], of: owner, isPositive: true) }
        for (owner, row) in rows.enumerated() {
            for positive in row.positives.dropFirst() { append(positive, of: owner, isPositive: true) }
        }
        for (owner, row) in rows.enumerated() {
            for negative in row.negatives { append(negative, of: owner, isPositive: false) }
        }
    }

    private mutating func append(_ document: Int32, of owner: Int, isPositive: Bool) {
        documents.append(document)
        owners.append(Int32(owner))
        self.isPositive.append(isPositive)
    }
}
