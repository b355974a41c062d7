// The objective in double precision, straight from its definition.

import Foundation
import SemblanceTestSupport

import SemblanceTraining

/// The loss of a batch, each candidate looked at on its own.
func referenceLoss(
    anchors: DoubleMatrix,
    documents: DoubleMatrix,
    batch: ContrastiveBatch,
    scale: Double,
    _ configuration: ContrastiveConfiguration
) -> Double {
    let (q, d) = (anchors.unitRows, documents.unitRows)
    let partitions =
        configuration.partition == .joint ? [configuration.directions] : configuration.directions.map { [$0] }
    var total = 0.0
    for row in 0..<q.rows {
        let positives = batch.documents.indices.filter { batch.owners[$0] == Int32(row) && batch.isPositive[$0] }
        for directions in partitions {
            var logits: [Double] = []
            var targets: [Double] = []
            for direction in directions {
                let fromQuery = direction == .queryToDocument || direction == .queryToQuery
                let toQuery = direction == .queryToQuery || direction == .documentToQuery
                let x = fromQuery ? q[row: row] : d[row: row]
                for column in 0..<(toQuery ? q.rows : d.rows) {
                    let owner = toQuery ? column : Int(batch.owners[column])
                    if owner == row {
                        if direction == .queryToQuery || direction == .documentToDocument { continue }
                    } else if isMasked(column, toQuery: toQuery, row: row, positives, batch, configuration) {
                        continue
                    }
                    let score = scale * dot(x, toQuery ? q[row: column] : d[row: column])
                    logits.append(score)
                    let isTarget =
                        direction == .queryToDocument
                        ? positives.contains(column)
                        : direction == .documentToQuery && !directions.contains(.queryToDocument) && column == row
                    if isTarget { targets.append(score) }
                }
            }
            let most = logits.max() ?? 0
            let others = logits.reduce(0) { $0 + exp($1 - most) }
            let logSum = most + log(others)
            let hard = targets.reduce(0) { $0 + logSum - $1 } / Double(targets.count)
            let even = logits.reduce(0) { $0 + logSum - $1 } / Double(logits.count)
            let smoothing = Double(configuration.labelSmoothing)
            total += ((1 - smoothing) * hard + smoothing * even) / Double(partitions.count)
        }
    }
    return total / Double(q.rows)
}

/// Whether a candidate another row brought may be relevant to the row.
private func isMasked(
    _ column: Int,
    toQuery: Bool,
    row: Int,
    _ positives: [Int],
    _ batch: ContrastiveBatch,
    _ configuration: ContrastiveConfiguration
) -> Bool {
    let owner = toQuery ? column : Int(batch.owners[column])
    if configuration.masksGroups, batch.groups[row] >= 0, batch.groups[row] == batch.groups[owner] { return true }
    guard configuration.masksDuplicates else { return false }
    let document = batch.documents[column]
    if positives.contains(where: { batch.documents[$0] == document }) { return true }
    return (toQuery || batch.isPositive[column]) && batch.anchors[owner] == batch.anchors[row]
}
