import ArgumentParser
import Foundation
import Semblance

/// Builds indexes and then does what lines on standard input say; `compare_index.py` runs it beside other libraries.
///
/// First a line for each index: build time, and the memory it takes once it is opened from its folder. Then for each line
/// of input one of output:
///
///     search KEY EFFORT FILTER OUT   queries one at a time and all at once; FILTER is a file of 64-bit ids, or `-`;
///                                    OUT is a file for the ids found, [queries, 10], −1 for none
///     callers KEY EFFORT N           as many queries by N concurrent tasks, each query on its caller's thread
@main struct IndexBenchmark: AsyncParsableCommand {
    @Argument(help: "Folder with base.f32 and queries.f32: raw 32-bit floats, row after row.")
    var folder: String
    @Option(name: .customLong("dim")) var dimension = 384
    @Option(help: "Threads to search with.") var threads = 1
    @Option(help: "Threads to build with.") var buildThreads = 2
    @Option(parsing: .upToNextOption, help: "Kinds in words, or names of FAISS.")
    var keys = ["exact", "hnsw", "IVF256,Flat"]

    func run() async throws {
        let queries = try matrix("queries.f32")
        let indexes = try await build()
        let singles = (0..<queries.rows).map { queries[row: $0] }
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 4, let index = indexes[words[1]], let effort = Int(words[2]) else {
                throw ValidationError("'\(line)' is no command")
            }
            if words[0] == "search" {
                try await search(index, singles, queries, effort: effort, filter: words[3], out: words[4])
            } else {
                try await call(index, singles, effort: effort, callers: Int(words[3]) ?? 1)
            }
        }
    }

    private func build() async throws -> [String: VectorIndex] {
        let base = try matrix("base.f32")
        let ids = (0..<base.rows).map(Int64.init)
        var indexes: [String: VectorIndex] = [:]
        for key in keys {
            let place = FileManager.default.temporaryDirectory.appendingPathComponent("semblance-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: place) }
            var build = Duration.zero
            do {
                let built = try VectorIndex(
                    dimension: dimension,
                    metric: .innerProduct,
                    kind: IndexKind(parsing: key),
                    options: ComputeOptions(threads: buildThreads)
                )
                build = try await ContinuousClock().measure {
                    try await built.add(base, ids: ids)
                    try await built.compact()
                }
                try await built.write(to: place)
            }
            // Threads belong to an index: the one to search is opened with its own. What it maps it may keep: the files
            // are without names by then.
            try await Task.sleep(for: .seconds(1))  // what has built it ends
            let before = Self.memory()
            let index = try VectorIndex.open(at: place, readOnly: true, options: ComputeOptions(threads: threads))
            indexes[key] = index
            report(["key": key, "build_s": build / .seconds(1), "memory_mb": Double(Self.memory() - before) / 1e6])
        }
        return indexes
    }

    private func search(
        _ index: VectorIndex,
        _ singles: [[Float]],
        _ queries: Matrix,
        effort: Int,
        filter: String,
        out: String
    ) async throws {
        var allowed: IDFilter?
        if filter != "-" {
            let data = try Data(contentsOf: URL(fileURLWithPath: filter))
            allowed = IDFilter(data.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) })
        }
        let clock = ContinuousClock()
        var (times, found): ([Double], [Int64]) = ([], [])
        for query in singles {
            var hits: [Hit] = []
            let time = try clock.measure {
                hits = try index.nearest(to: query, count: 10, effort: effort > 0 ? effort : nil, where: allowed)
            }
            times.append(time / .microseconds(1))
            found += hits.map(\.id) + Array(repeating: -1, count: 10 - hits.count)
        }
        let batch = try await clock.measure {
            _ = try await index.nearest(to: queries, count: 10, effort: effort > 0 ? effort : nil, where: allowed)
        }
        try found.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: out))
        times.sort()
        report([
            "single_qps": Double(times.count) / times.reduce(0, +) * 1e6, "p50_us": times[times.count / 2],
            "p99_us": times[times.count * 99 / 100], "batch_qps": Double(queries.rows) / (batch / .seconds(1)),
            "plan": index.explain(count: 10, effort: effort > 0 ? effort : nil, where: allowed).description,
        ])
    }

    private func call(_ index: VectorIndex, _ singles: [[Float]], effort: Int, callers: Int) async throws {
        let rounds = 8
        let worked = clock()
        let time = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<callers {
                    group.addTask {
                        for query in stride(from: caller, to: rounds * singles.count, by: callers) {
                            _ = try index.nearest(to: singles[query % singles.count], count: 10, effort: effort)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        report([
            "qps": Double(rounds * singles.count) / (time / .seconds(1)),
            "cpu_us": Double(clock() - worked) * 1e6 / Double(CLOCKS_PER_SEC) / Double(rounds * singles.count),
            "os_threads": Self.status("Threads:") ?? 0,
        ])
    }

    private func report(_ line: [String: Any]) {
        if let data = try? JSONSerialization.data(withJSONObject: line, options: [.sortedKeys]) {
            print(String(decoding: data, as: UTF8.self))
            fflush(nil)
        }
    }

    /// Bytes of the process that no file holds.
    private static func memory() -> Int {
        if let trim = dlsym(nil, "malloc_trim") {
            _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> Int32).self)(0)
        }
        return (status("RssAnon:") ?? 0) * 1024
    }

    /// A number that Linux knows of the process.
    private static func status(_ name: String) -> Int? {
        (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix(name) }?.split(whereSeparator: { " \t".contains($0) })[1].description
            .split(separator: " ").first.flatMap { Int($0) }
    }

    private func matrix(_ name: String) throws -> Matrix {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(name))
        let elements = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        return Matrix(rows: elements.count / dimension, columns: dimension, elements: elements)
    }
}
