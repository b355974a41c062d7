import ArgumentParser
import Foundation
import Semblance
import Synchronization

/// Replaces every vector of an index several times over while tasks search, on the vectors of peers/vectors.py.
///
/// Prints latencies of searches before and meanwhile, and recall@10 and memory at the end. With `--rounds 0` it only
/// builds: what to compare with.
@main struct ChurnBenchmark: AsyncParsableCommand {
    @Argument(help: "Folder with base.f32 and queries.f32: raw 32-bit floats, row after row.")
    var folder: String
    @Option(name: .customLong("dim")) var dimension = 384
    @Option(help: "How often every vector is replaced.") var rounds = 3
    @Option(help: "Vectors replaced in one call.") var batch = 256
    @Option(help: "Tasks that search.") var tasks = 8
    @Option var kind = "hnsw"
    @Option(help: "New vectors that are sealed together.") var sealing = MaintenanceConfiguration().sealingCount
    @Option(help: "A new folder to keep the index in; else it lives in memory.") var at: String?
    @Option(help: "Seconds of searching while nothing changes.") var quiet = 5.0
    @Option(help: "Microseconds that a task waits between two searches.") var pause = 0
    @Option(help: "Seconds after which no more is replaced.") var limit = 3600.0

    func run() async throws {
        let base = try matrix("base.f32")
        let queries = try matrix("queries.f32")
        let singles = (0..<queries.rows).map { queries[row: $0] }
        let kind = try IndexKind(parsing: kind)
        var maintenance = MaintenanceConfiguration()
        maintenance.sealingCount = sealing
        let before = residentBytes()
        let index =
            try at.map {
                try VectorIndex.create(
                    at: URL(fileURLWithPath: $0),
                    dimension: dimension,
                    metric: .innerProduct,
                    kind: kind,
                    maintenance: maintenance
                )
            } ?? VectorIndex(dimension: dimension, metric: .innerProduct, kind: kind, maintenance: maintenance)
        let build = try await ContinuousClock().measure {
            try await index.add(base, ids: (0..<base.rows).map(Int64.init))
            try await index.compact()
        }
        print("build: \(seconds(build)) s")
        if rounds > 0 {
            let quietly = try await latencies(of: index, singles) { try await Task.sleep(for: .seconds(quiet)) }
            print("quiet: \(quietly)")
            var (replaced, removals, ghosts) = (0, 0, 0)
            let clock = ContinuousClock()
            let began = clock.now
            let meanwhile = try await latencies(of: index, singles) {
                for round in 1...rounds {
                    // In the last round each id gets its first vector again.
                    let shift = (rounds - round) * 12_345
                    for first in stride(from: 0, to: base.rows, by: batch) where clock.now - began < .seconds(limit) {
                        // What was removed is not found by who asks for that very vector.
                        let gone = Int64(first)
                        if let vector = try index.vector(of: gone) {
                            removals += try await index.remove([gone])
                            if try index.nearest(to: vector, count: 10).contains(where: { $0.id == gone }) {
                                ghosts += 1
                            }
                        }
                        let ids = Array(first..<min(first + batch, base.rows))
                        let rows = ids.flatMap { base[row: ($0 + shift) % base.rows] }
                        try await index.upsert(
                            Matrix(rows: ids.count, columns: dimension, elements: rows),
                            ids: ids.map(Int64.init)
                        )
                        replaced += ids.count
                    }
                }
                print("replaced: \(replaced) vectors in \(seconds(clock.now - began)) s")
                print("removed: \(removals), found again at once: \(ghosts)")
            }
            await index.settle()
            print("settled: \(seconds(clock.now - began)) s")
            print("meanwhile: \(meanwhile)")
            print("p99 meanwhile / quiet: \(meanwhile.p99 / quietly.p99)")
        }
        print("memory: \((residentBytes() - before) >> 20) MiB")
        print(index.explain(count: 10))
        let exact = try VectorIndex(dimension: dimension, metric: .innerProduct, kind: .exact)
        try await exact.add(base, ids: (0..<base.rows).map(Int64.init))
        let truth = try await exact.nearest(to: queries, count: 10)
        let found = try singles.map { try index.nearest(to: $0, count: 10) }
        let hits = zip(found, truth).reduce(0) { $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count }
        print("recall@10: \(Double(hits) / Double(10 * queries.rows))")
    }

    /// Searches with all tasks as long as `body` runs.
    private func latencies(
        of index: VectorIndex,
        _ queries: [[Float]],
        while body: () async throws -> Void
    ) async throws -> Latencies {
        let isOver = Over()
        return try await withThrowingTaskGroup(of: Latencies.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var times = Latencies()
                    var next = task * 131
                    while !isOver.value {
                        let query = queries[next % queries.count]
                        times.add(try ContinuousClock().measure { _ = try index.nearest(to: query, count: 10) })
                        next += 1
                        if pause > 0 { try await Task.sleep(for: .microseconds(pause)) } else { await Task.yield() }
                    }
                    return times
                }
            }
            try await body()
            isOver.end()
            var all = Latencies()
            for try await times in group { all.add(times) }
            return all
        }
    }

    private func seconds(_ duration: Duration) -> String { String(format: "%.1f", duration / .seconds(1)) }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
    }

    private func matrix(_ name: String) throws -> Matrix {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(name))
        let elements = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        return Matrix(rows: elements.count / dimension, columns: dimension, elements: elements)
    }
}

/// How often searches took how long, to 1 %: of as many as there are, without growing.
private struct Latencies: CustomStringConvertible {
    private var counts = [Int](repeating: 0, count: 2048)
    private var most = 0.0

    private static let step = log(1.01)
    /// Milliseconds of the first bucket.
    private static let least = 1e-4

    mutating func add(_ time: Duration) {
        let milliseconds = time / .milliseconds(1)
        most = max(most, milliseconds)
        let bucket = Int(log(max(milliseconds / Self.least, 1)) / Self.step)
        counts[min(bucket, counts.count - 1)] += 1
    }

    mutating func add(_ others: Latencies) {
        for bucket in counts.indices { counts[bucket] += others.counts[bucket] }
        most = max(most, others.most)
    }

    var p50: Double { quantile(0.5) }
    var p99: Double { quantile(0.99) }

    private func quantile(_ share: Double) -> Double {
        var rest = Int(share * Double(counts.reduce(0, +)))
        let bucket = counts.firstIndex { count in
            rest -= count
            return rest < 0
        }
        return Self.least * exp(Self.step * (Double(bucket ?? 0) + 0.5))
    }

    var description: String {
        let count = counts.reduce(0, +)
        return String(format: "%d searches, p50 %.3f ms, p99 %.3f ms, most %.1f ms", count, p50, p99, most)
    }
}

private final class Over: Sendable {
    private let flag = Atomic(false)
    var value: Bool { flag.load(ordering: .relaxed) }
    func end() { flag.store(true, ordering: .relaxed) }
}
