import SemblanceNumerics
import SemblanceTraining
import Testing

@Suite struct SamplerTests {
    /// Rows whose anchors and positives repeat, more or less by the seed.
    struct Data {
        let rows: [ContrastiveRow]
        let batchSize: Int
        let texts: Int
        let anchors: [Int32: Int]
        let positives: [Int32: Int]

        init(seed: UInt64) {
            var random = RandomStream(seed: seed)
            let count = Int.random(in: 1...600, using: &random)
            let anchors = Int32.random(in: 1...Int32(2 * count), using: &random)
            let positives = Int32.random(in: 1...Int32(2 * count), using: &random)
            rows = (0..<count).map { _ in
                ContrastiveRow(
                    anchor: Int32.random(in: 0..<anchors, using: &random),
                    positives: [anchors + Int32.random(in: 0..<positives, using: &random)]
                )
            }
            batchSize = Int.random(in: 1...64, using: &random)
            texts = Int(anchors + positives)
            self.anchors = Dictionary(grouping: rows, by: \.anchor).mapValues(\.count)
            self.positives = Dictionary(grouping: rows, by: { $0.positives[0] }).mapValues(\.count)
        }

        init(rows: [ContrastiveRow], batchSize: Int) {
            self.rows = rows
            self.batchSize = batchSize
            texts = rows.reduce(0) { max($0, Int($1.anchor) + 1, Int($1.positives[0]) + 1) }
            anchors = Dictionary(grouping: rows, by: \.anchor).mapValues(\.count)
            positives = Dictionary(grouping: rows, by: { $0.positives[0] }).mapValues(\.count)
        }

        func sampler(seed: UInt64 = 7) -> Sampler {
            Sampler(rows: rows, textCount: texts, batchSize: batchSize, seed: seed)
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `an epoch has every row once, in batches of one size`(seed: UInt64) {
        let data = Data(seed: seed)
        let sampler = data.sampler()
        let batches = sampler.batches(epoch: Int(seed % 3))
        #expect(batches.count == sampler.batchesPerEpoch)
        #expect(batches.flatMap { $0 }.sorted() == data.rows.indices.map(Int32.init))
        let size = min(data.batchSize, data.rows.count)
        #expect(batches.dropLast().allSatisfy { $0.count == size })
        let last = batches[batches.count - 1].count
        #expect(last <= size + 1)
        // One row alone has no other document to be told from.
        #expect(last >= min(2, size))
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `a batch has no more of a positive than its even share and one`(seed: UInt64) {
        var random = RandomStream(seed: seed)
        let batchSize = Int.random(in: 2...64, using: &random)
        let count = batchSize * Int.random(in: 2...12, using: &random)
        let positives = Int32.random(in: 1...Int32(count), using: &random)
        // Anchors all differ here: they are kept apart at the expense of this law.
        let rows = (0..<Int32(count)).map { row in
            ContrastiveRow(
                anchor: row,
                positives: [Int32(count) + Int32.random(in: 0..<positives, using: &random)]
            )
        }
        let data = Data(rows: rows, batchSize: batchSize)
        for batch in data.sampler().batches(epoch: 0) {
            for (positive, found) in Dictionary(grouping: batch, by: { rows[Int($0)].positives[0] }) {
                let share = Double(data.positives[positive, default: 0] * batchSize) / Double(count)
                #expect(found.count <= Int(share.rounded(.up)) + 1, "\(share)")
            }
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `an anchor is in a batch twice only where it could be in every batch`(seed: UInt64) {
        let data = Data(seed: seed)
        let batches = data.sampler().batches(epoch: 0)
        for batch in batches {
            for (anchor, found) in Dictionary(grouping: batch, by: { data.rows[Int($0)].anchor }) where found.count > 1
            {
                #expect(data.anchors[anchor, default: 0] >= batches.count, "\(found.count) in a batch")
            }
        }
    }

    @Test func `an order depends on seed and epoch, and on them alone`() {
        let data = Data(rows: (0..<200).map { .init(anchor: $0, positives: [200 + $0]) }, batchSize: 32)
        let sampler = data.sampler()
        #expect(sampler.batches(epoch: 3) == data.sampler().batches(epoch: 3))
        #expect(sampler.batches(epoch: 3) != sampler.batches(epoch: 4))
        #expect(sampler.batches(epoch: 3) != data.sampler(seed: 8).batches(epoch: 3))
    }

    @Test func `a row comes first as often as any other`() {
        let data = Data(rows: (0..<4).map { .init(anchor: $0, positives: [4 + $0 / 2]) }, batchSize: 2)
        var first = [Int](repeating: 0, count: 4)
        for epoch in 0..<4000 { first[Int(data.sampler().batches(epoch: epoch)[0][0])] += 1 }
        // 1000 each, with a deviation of 27.
        #expect(first.allSatisfy { abs($0 - 1000) < 140 }, "\(first)")
    }
}
