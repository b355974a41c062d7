public import SemblanceNumerics
internal import SemblanceRetrieval

/// A margin between the positive and the hardest negative of the batch.
///
///     term = weight · mean over anchors of max(0, margin + max over negatives n of cosine(a, n) − cosine(a, p))
///
/// Negatives are the documents of the batch, hard negatives of other rows included, but for those with the text of one of
/// the row's positives or of the row's group. It is 0 once every positive leads by the margin.
///
/// - Complexity: O(B·C·D) time, O(B·C) memory.
/// - Note: Source: Jiang, Zhang and Wang 2022, arXiv:2203.06875 (PromCSE), §3.3; margin 0.2 and weight 10 as in the authors'
///   script for supervised training.
public struct EnergyHinge: StandardMethod {
    /// `energy-hinge`.
    public static let name = "energy-hinge"

    /// How far the positive has to lead. The default is 0.2.
    public var margin: Float = 0.2
    /// The weight beside the softmax. The default is 10.
    public var weight: Float = 10

    /// The paper's settings.
    public init() {}

    /// The margin is one of cosines, the weight at least 0.
    public func validate() throws {
        try TrainingError.require(
            margin >= 0 && margin <= 2,
            "\(Self.name): margin is \(margin): it must lie within 0 … 2, as distances of cosines do"
        )
        try TrainingError.requireWeight(weight, of: Self.name)
    }

    /// The term.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? {
        let (rows, hardest) = hardestNegatives(of: step)
        guard !rows.isEmpty else { return nil }
        let anchors = step.anchors.gathering(rows)
        let lead = anchors.rowDots(step.documents.gathering(rows)) - anchors.rowDots(step.documents.gathering(hardest))
        return weight / Float(step.anchorTexts.count) * (margin - lead).relu.sum
    }

    /// The anchors that have a negative in the batch, and for each the nearest.
    private func hardestNegatives(of step: ContrastiveStep) -> (rows: [Int], negatives: [Int]) {
        var positives = [Set<Int32>](repeating: [], count: step.anchorTexts.count)
        for (document, owner) in step.owners.enumerated() where step.isPositive[document] {
            positives[Int(owner)].insert(step.documentTexts[document])
        }
        func isNegative(_ document: Int, of row: Int) -> Bool {
            let owner = Int(step.owners[document])
            if owner == row { return !step.isPositive[document] }
            if step.groups[row] >= 0, step.groups[row] == step.groups[owner] { return false }
            return !positives[row].contains(step.documentTexts[document])
        }
        let documents = step.documents.value
        var (rows, negatives): ([Int], [Int]) = ([], [])
        // Few documents aren't negatives, so the nearest that is comes soon.
        var waiting = Array(0..<step.anchorTexts.count)
        var count = 4
        while !waiting.isEmpty {
            let found = ExactSearch.nearest(
                to: step.anchors.value.gatheringRows(waiting),
                in: documents,
                count: count,
                workers: .shared(threads: 1)
            )
            var left: [Int] = []
            for (place, row) in waiting.enumerated() {
                let near = found.rows[place * found.count..<(place + 1) * found.count]
                if let nearest = near.first(where: { isNegative(Int($0), of: row) }) {
                    rows.append(row)
                    negatives.append(Int(nearest))
                } else if found.count < documents.rows {
                    left.append(row)
                }
            }
            waiting = left
            count *= 4
        }
        return (rows, negatives)
    }
}
