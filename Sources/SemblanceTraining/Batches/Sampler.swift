// Which rows make which batch.

internal import CSemblanceKernels
internal import SemblanceNumerics

/// The order of an epoch's rows: random, and with equal texts as far apart as the data allows.
///
/// A text that is the first positive of c of the N rows gets its rows one after another every N/c places, from a random
/// start; where every positive occurs once this is a plain shuffle, and where one occurs more often than there are
/// batches no batch holds more of it than it must. Rows whose anchor occurs in the batch already wait for the next one.
/// An epoch depends on the seed and its number alone, so a position in it is all that resuming needs.
package struct Sampler: BatchSampler {
    private let rows: [ContrastiveRow]
    private let textCount: Int
    /// Pairs of a full batch.
    package let batchSize: Int
    private let seed: UInt64

    package init(rows: [ContrastiveRow], textCount: Int, batchSize: Int, seed: UInt64) {
        self.rows = rows
        self.textCount = textCount
        self.batchSize = min(batchSize, rows.count)
        self.seed = seed
    }

    /// Batches of one epoch; the last may be smaller, but a lone row joins the one before it.
    package var batchesPerEpoch: Int {
        let (full, rest) = rows.count.quotientAndRemainder(dividingBy: batchSize)
        return rest > 1 || full == 0 ? full + (rest > 0 ? 1 : 0) : full
    }

    /// The rows of every batch of an epoch; with clusters, those of one after those of another.
    package func batches(epoch: Int, clusters: [Int32]) -> [ArraySlice<Int32>] {
        let shuffled = shuffled(epoch: epoch)
        let order = separatingAnchors(
            clusters.isEmpty ? shuffled : Self.ordered(shuffled, by: clusters, random(epoch, purpose: 1))
        )
        let count = batchesPerEpoch
        var batches = (0..<count).map { index in
            order[index * batchSize..<(index == count - 1 ? order.count : (index + 1) * batchSize)]
        }
        if !clusters.isEmpty {
            var random = random(epoch, purpose: 2)
            batches.shuffle(using: &random)
        }
        return batches
    }

    /// A stream that nothing else of the epoch draws from.
    private func random(_ epoch: Int, purpose: UInt64) -> RandomStream {
        RandomStream(seed: seed, stream: purpose << 48 | UInt64(epoch))
    }

    /// The rows of one cluster after those of another, clusters in random order, rows within one in the order they have.
    private static func ordered(_ rows: [Int32], by clusters: [Int32], _ random: RandomStream) -> [Int32] {
        var random = random
        let places = random.permutation(of: Int(clusters.max() ?? 0) + 1)
        var keys = rows.enumerated().map { UInt64(places[Int(clusters[Int($1)])]) << 32 | UInt64($0) }
        var scratch = keys
        unsafe semblance_sort_keys(&keys, &scratch, keys.count)
        return keys.map { rows[Int($0 & 0xFFFF_FFFF)] }
    }

    /// Rows sorted by (start + k) / c, where the row is the k-th of c with its positive; starts and ties are random.
    private func shuffled(epoch: Int) -> [Int32] {
        var random = RandomStream(seed: seed, stream: UInt64(epoch) &+ 1)
        var counts = [Int32](repeating: 0, count: textCount)
        for row in rows { counts[Int(row.positives[0])] += 1 }
        // Starts, and the random number of the row a positive's count begins with, are drawn in the order of the rows.
        var starts = [Double](repeating: -1, count: textCount)
        var seen = [Int32](repeating: 0, count: textCount)
        var keys = [UInt64](repeating: 0, count: rows.count)
        let shuffle = random.permutation(of: rows.count)
        for row in shuffle {
            let positive = Int(rows[row].positives[0])
            if starts[positive] < 0 { starts[positive] = Double.random(in: 0..<1, using: &random) }
            let key = (starts[positive] + Double(seen[positive])) / Double(counts[positive])
            seen[positive] += 1
            keys[row] = UInt64(key * 4_294_967_295) << 32 | UInt64(row)
        }
        var scratch = keys
        unsafe semblance_sort_keys(&keys, &scratch, keys.count)
        return keys.map { Int32(truncatingIfNeeded: $0 & 0xFFFF_FFFF) }
    }

    /// Moves rows whose anchor is in the batch already to the next one, and from the last to an earlier one.
    private func separatingAnchors(_ order: [Int32]) -> [Int32] {
        // By anchor, the last batch that has it.
        var lastBatch = [Int32](repeating: -1, count: textCount)
        var result: [Int32] = []
        result.reserveCapacity(order.count)
        var waiting: [Int32] = []
        func append(_ row: Int32) -> Bool {
            let batch = Int32(batch(at: result.count))
            let anchor = Int(rows[Int(row)].anchor)
            if lastBatch[anchor] == batch { return false }
            lastBatch[anchor] = batch
            result.append(row)
            return true
        }
        for row in order {
            if result.count % batchSize == 0, !waiting.isEmpty {
                let due = waiting
                waiting = due.filter { !append($0) }
            }
            if !append(row) { waiting.append(row) }
        }
        guard !waiting.isEmpty else { return result }
        let anchors = waiting.map { rows[Int($0)].anchor }
        var presence = Presence(of: anchors, textCount: textCount, batches: batchesPerEpoch)
        for (place, row) in result.enumerated() { presence[rows[Int(row)].anchor, batch(at: place)] = true }
        for row in waiting where !append(row) {
            let anchor = rows[Int(row)].anchor
            let last = batch(at: result.count)
            let place = (0..<last).reversed().lazy.filter { !presence[anchor, $0] }.compactMap { batch in
                (batch * batchSize..<(batch + 1) * batchSize).first {
                    lastBatch[Int(rows[Int(result[$0])].anchor)] != last
                }
            }.first
            guard let place else {
                result.append(row)
                continue
            }
            let other = rows[Int(result[place])].anchor
            presence[other, batch(at: place)] = false
            presence[anchor, batch(at: place)] = true
            lastBatch[Int(other)] = Int32(last)
            result.append(result[place])
            result[place] = row
        }
        return result
    }

    private func batch(at place: Int) -> Int { min(place / batchSize, batchesPerEpoch - 1) }
}

/// Which batches have some of the anchors; of others nothing is kept.
private struct Presence {
    private var slots: [Int32]
    private var isPresent: [Bool]
    private let batches: Int

    init(of anchors: [Int32], textCount: Int, batches: Int) {
        slots = Array(repeating: -1, count: textCount)
        var count: Int32 = 0
        for anchor in anchors where slots[Int(anchor)] < 0 {
            slots[Int(anchor)] = count
            count += 1
        }
        isPresent = Array(repeating: false, count: Int(count) * batches)
        self.batches = batches
    }

    subscript(anchor: Int32, batch: Int) -> Bool {
        get { slots[Int(anchor)] >= 0 && isPresent[Int(slots[Int(anchor)]) * batches + batch] }
        set { if slots[Int(anchor)] >= 0 { isPresent[Int(slots[Int(anchor)]) * batches + batch] = newValue } }
    }
}
