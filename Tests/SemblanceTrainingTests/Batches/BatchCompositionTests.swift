import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

@Suite struct BatchCompositionTests {
    /// Rows of tasks of these sizes, mixed.
    func sampler(_ sizes: [Int], batchSize: Int, exponent: Double = 1, seed: UInt64 = 7) -> (TaskSampler, [Int32]) {
        var random = RandomStream(seed: 9)
        let tasks = sizes.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }.shuffled(using: &random)
        let rows = tasks.indices.map { index in
            ContrastiveRow(anchor: Int32(index), positives: [Int32(tasks.count + index)])
        }
        let sampler = TaskSampler(
            rows: rows,
            tasks: tasks,
            textCount: 2 * tasks.count,
            batchSize: batchSize,
            exponent: exponent,
            seed: seed
        )
        return (sampler, tasks)
    }

    @Test(arguments: [[100, 37, 64, 1, 2], [5], [40, 40]])
    func `a batch has one task, and an epoch every row once`(sizes: [Int]) {
        let (sampler, tasks) = sampler(sizes, batchSize: 16)
        for epoch in 0..<3 {
            let batches = sampler.batches(epoch: epoch)
            #expect(batches.count == sampler.batchesPerEpoch)
            #expect(batches.allSatisfy { Set($0.map { tasks[Int($0)] }).count == 1 })
            #expect(batches.flatMap { $0 }.sorted() == tasks.indices.map(Int32.init))
        }
        // Without tasks the same rows do mix.
        let rows = tasks.indices.map {
            ContrastiveRow(anchor: Int32($0), positives: [Int32(tasks.count + $0)])
        }
        let mixed = Sampler(rows: rows, textCount: 2 * rows.count, batchSize: 16, seed: 7).batches(epoch: 0)
        if sizes.count > 1 { #expect(mixed.contains { Set($0.map { tasks[Int($0)] }).count > 1 }) }
    }

    @Test func `the tasks of batches come in random order, the same for a seed and an epoch`() {
        let (first, tasks) = sampler([320, 320], batchSize: 16)
        let order = first.batches(epoch: 0).map { tasks[Int($0[$0.startIndex])] }
        let changes = zip(order, order.dropFirst()).count { $0 != $1 }
        #expect(changes > 8 && changes < 32)
        #expect(first.batches(epoch: 1) != first.batches(epoch: 0))
        #expect(sampler([320, 320], batchSize: 16).0.batches(epoch: 1) == first.batches(epoch: 1))
        #expect(sampler([320, 320], batchSize: 16, seed: 8).0.batches(epoch: 1) != first.batches(epoch: 1))
    }

    @Test(arguments: [0, 0.5, 0.8])
    func `an exponent below 1 shares an epoch by powers of the sizes, and loses no row in the long run`(
        exponent: Double
    ) {
        let sizes = [1600, 400, 100]
        let (sampler, tasks) = sampler(sizes, batchSize: 10, exponent: exponent)
        #expect(sampler.batchesPerEpoch == 210)
        let weights = sizes.map { pow(Double($0), exponent) }
        var seen = [Int](repeating: 0, count: tasks.count)
        for epoch in 0..<12 {
            let batches = sampler.batches(epoch: epoch)
            let found = (0..<3).map { task in batches.count { tasks[Int($0[$0.startIndex])] == task } }
            for task in 0..<3 {
                let expected = 210 * weights[task] / weights.reduce(0, +)
                #expect(abs(Double(found[task]) - expected) <= 2, "\(found)")
            }
            for row in batches.joined() { seen[Int(row)] += 1 }
        }
        for task in 0..<3 {
            let counts = tasks.indices.filter { tasks[$0] == task }.map { seen[$0] }
            let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
            // Whole rounds through the task, and a part of one.
            #expect(most - least <= 1)
        }
    }

    @Test func `batches by clusters have few clusters each, and every row once`() {
        let clusters = (0..<960).map { Int32($0 % 12) }
        let rows = clusters.indices.map { ContrastiveRow(anchor: Int32($0), positives: [Int32(960 + $0)]) }
        let sampler = Sampler(rows: rows, textCount: 1920, batchSize: 32, seed: 3)
        let batches = sampler.batches(epoch: 2, clusters: clusters)
        #expect(batches.flatMap { $0 }.sorted() == (0..<960).map(Int32.init))
        // Clusters of 80 in batches of 32.
        #expect(batches.allSatisfy { Set($0.map { clusters[Int($0)] }).count <= 2 })
        #expect(sampler.batches(epoch: 2).allSatisfy { Set($0.map { clusters[Int($0)] }).count > 2 })
        #expect(sampler.batches(epoch: 2, clusters: clusters) == batches)
        #expect(sampler.batches(epoch: 3, clusters: clusters) != batches)
    }

    @Test func `every vector is in the cluster whose mean direction is nearest to it`() {
        var random = RandomStream(seed: 4)
        let centres = UnitRows(random.normal(rows: 5, columns: 16)).output
        var vectors = random.normal(rows: 500, columns: 16, deviation: 0.05)
        for row in 0..<500 {
            vectors[row: row] = zip(vectors[row: row], centres[row: row % 5]).map { $0 + $1 }
        }
        let unit = UnitRows(vectors).output
        let rows = DoubleMatrix(unit)
        /// How many vectors are nearer to the mean direction of another cluster.
        func misplaced(_ clusters: [Int32]) -> Int {
            let means = (0..<5).map { cluster -> [Double] in
                let members = clusters.indices.filter { clusters[$0] == Int32(cluster) }
                let sum = members.reduce(into: [Double](repeating: 0, count: 16)) { sum, row in
                    for column in 0..<16 { sum[column] += rows[row, column] }
                }
                let norm = dot(sum, sum).squareRoot()
                return sum.map { $0 / max(norm, 1e-12) }
            }
            return clusters.indices.count { row in
                let own = dot(rows[row: row], means[Int(clusters[row])])
                return means.contains { dot(rows[row: row], $0) > own + 1e-6 }
            }
        }
        for seed in 0..<5 as Range<UInt64> {
            func found(threads: Int) -> [Int32] {
                SphericalClusters.of(unit, count: 5, rounds: 100, seed: seed, workers: .shared(threads: threads))
            }
            let clusters = found(threads: 2)
            #expect(misplaced(clusters) == 0)
            #expect(found(threads: 1) == clusters)
            #expect(misplaced(clusters.shuffled(using: &random)) > 100)
        }
        #expect(Set(SphericalClusters.of(unit, count: 1, seed: 1, workers: .shared(threads: 2))) == [0])
        #expect(SphericalClusters.of(unit.rows(0..<3), count: 9, seed: 1, workers: .shared(threads: 2)).count == 3)
    }

    @Test func `fit takes batches of one task, and pairs without tasks are an error`() async throws {
        let toy = try ToyModel()
        var pairs = toy.pairs(60)
        var configuration = TrainingConfiguration(epochs: 2, batchSize: 16)
        let mixed = try await fit(pairs, from: toy.embedder(), configuration).embedder.weights
        configuration.batches = BatchComposition(.tasks)
        let error = await #expect(throws: TrainingError.self) {
            try await fit(pairs, from: toy.embedder(), configuration)
        }
        #expect(error?.message.contains("task") == true)
        for index in pairs.indices { pairs[index].task = ["a", "b"][index % 2] }
        let (tasks, log) = try await fit(pairs, from: toy.embedder(), configuration)
        #expect(log.losses.count == 8)
        #expect(tasks.weights != mixed)
    }

    @Test func `values out of their range are named`() {
        var configuration = TrainingConfiguration()
        configuration.batches.clusters = 0
        #expect(throws: TrainingError.self) { try configuration.validate() }
        configuration.batches.clusters = nil
        for wrong in [-0.1, 1.1, .nan] {
            configuration.batches.taskExponent = wrong
            let error = #expect(throws: TrainingError.self) { try configuration.validate() }
            #expect(error?.message.contains("taskExponent is \(wrong)") == true)
        }
    }
}
