internal import Foundation
internal import SemblanceNumerics

/// Batches of one task each: every task has a sampler of its own, and their batches come in random order.
///
/// With an exponent below 1 a task gives another number of batches than its rows make; it goes through its rows again and
/// again, and an epoch takes the next so many batches of that endless row.
package struct TaskSampler: BatchSampler {
    private struct Part {
        /// The training set's numbers of the task's rows.
        let rows: [Int32]
        let sampler: Sampler
        /// Batches of it in an epoch.
        var share: Int
    }

    private let parts: [Part]
    private let seed: UInt64
    package let batchSize: Int

    /// - Parameter tasks: by row; every value is a task.
    package init(
        rows: [ContrastiveRow],
        tasks: [Int32],
        textCount: Int,
        batchSize: Int,
        exponent: Double = 1,
        seed: UInt64
    ) {
        precondition(tasks.count == rows.count, "\(rows.count) rows have \(tasks.count) tasks")
        var parts = Dictionary(grouping: 0..<Int32(rows.count), by: { tasks[Int($0)] })
            .sorted { $0.key < $1.key }
            .enumerated()
            .map { index, task in
                let sampler = Sampler(
                    rows: task.value.map { rows[Int($0)] },
                    textCount: textCount,
                    batchSize: batchSize,
                    seed: seed &+ UInt64(index) << 32
                )
                return Part(rows: task.value, sampler: sampler, share: sampler.batchesPerEpoch)
            }
        let shares = Self.shares(parts.map(\.rows.count), of: parts.reduce(0) { $0 + $1.share }, exponent)
        if exponent < 1 { for index in parts.indices { parts[index].share = shares[index] } }
        self.parts = parts
        self.batchSize = min(batchSize, rows.count)
        self.seed = seed ^ 0x7461_736B_7461_736B
    }

    /// How many of `total` batches each task gives: in proportion to sizeᵃ, rounded so that each gives one at least.
    private static func shares(_ sizes: [Int], of total: Int, _ exponent: Double) -> [Int] {
        let weights = sizes.map { pow(Double($0), exponent) }
        let sum = weights.reduce(0, +)
        let free = Double(total - sizes.count)
        var shares = weights.map { 1 + Int(free * $0 / sum) }
        let rest = weights.indices.sorted { a, b in
            let (x, y) = (free * weights[a] / sum, free * weights[b] / sum)
            let (restOfX, restOfY) = (x - x.rounded(.down), y - y.rounded(.down))
            return restOfX != restOfY ? restOfX > restOfY : a < b
        }
        for index in rest.prefix(total - shares.reduce(0, +)) { shares[index] += 1 }
        return shares
    }

    package var batchesPerEpoch: Int { parts.reduce(0) { $0 + $1.share } }

    package func batches(epoch: Int, clusters: [Int32]) -> [ArraySlice<Int32>] {
        var batches: [ArraySlice<Int32>] = []
        for part in parts {
            let own = part.sampler.batchesPerEpoch
            var (round, found): (Int, [ArraySlice<Int32>]) = (-1, [])
            for number in epoch * part.share..<(epoch + 1) * part.share {
                if number / own != round {
                    round = number / own
                    found = part.sampler.batches(epoch: round)
                }
                batches.append(found[number % own].map { part.rows[Int($0)] }[...])
            }
        }
        var random = RandomStream(seed: seed, stream: UInt64(epoch))
        batches.shuffle(using: &random)
        return batches
    }
}
