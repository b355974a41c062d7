import ArgumentParser
import CSemblanceBLAS
import CSemblanceKernels
import Foundation

/// GFLOP/s of matrix products with packed weights, in every precision that is faster than fp32 here, beside OpenBLAS.
///
/// Prints a line for each shape: the best of the rounds, in which all take turns. OpenBLAS takes some CPUs with AVX-512
/// for others: run it with OPENBLAS_CORETYPE=SKYLAKEX there.
@main struct ProductBenchmark: ParsableCommand {
    @Option(parsing: .upToNextOption, help: "Rows: the tokens of a chunk.") var rows = [1, 4, 14, 64, 128, 256, 1024]
    @Option(parsing: .upToNextOption, help: "Inner dimension and columns: 384x1536.")
    var weights = ["384x1152", "384x384", "384x1536", "1536x384", "768x2304", "768x3072", "3072x768"]
    @Option(parsing: .upToNextOption) var threads = [1, 2]
    @Option(help: "Rounds of each measurement.") var rounds = 7

    static let precisions = [("fp32", SEMBLANCE_FLOAT32), ("bf16", SEMBLANCE_BFLOAT16), ("int8", SEMBLANCE_INT8)]
        .filter { semblance_precision_is_fast($0.1) != 0 }

    func run() throws {
        for threads in threads {
            guard let workers = semblance_workers_create(Int32(threads), SEMBLANCE_PRIORITY_NORMAL) else {
                throw ExitCode.failure
            }
            defer { semblance_workers_destroy(workers) }
            openblas_set_num_threads(Int32(threads))
            for weight in weights {
                let sizes = weight.split(separator: "x").compactMap { Int($0) }
                guard sizes.count == 2 else { throw ValidationError("\(weight) is not of the form 384x1536") }
                for m in rows { try measure(m, sizes[0], sizes[1], threads, workers) }
            }
        }
    }

    private func measure(_ m: Int, _ k: Int, _ n: Int, _ threads: Int, _ workers: OpaquePointer) throws {
        let (a, b, c) = (Self.floats(m * k), Self.floats(k * n), Self.floats(m * n))
        let packed = Self.precisions.map { _, precision in
            let packed = Self.floats(semblance_panel_words(precision, k) * ((n + 31) / 32))
            semblance_pack_as(precision, k, n, b, n, 1, packed)
            return packed
        }
        defer { ([a, b, c] + packed).forEach { $0.deallocate() } }

        let operations = 2 * Double(m * n * k)
        let repetitions = max(1, Int(5e9 * Double(threads) / operations))
        var best: [String: Double] = [:]
        func take(_ name: String, _ body: () -> Void) {
            let time = ContinuousClock().measure { for _ in 0..<repetitions { body() } }
            best[name] = max(best[name] ?? 0, operations * Double(repetitions) / (time / .seconds(1)) / 1e9)
        }
        for _ in 0..<rounds {
            for (precision, packed) in zip(Self.precisions, packed) {
                var product = Product(
                    a: a,
                    packed: packed,
                    c: c,
                    m: m,
                    n: n,
                    k: k,
                    precision: precision.1,
                    parts: threads
                )
                take(precision.0) {
                    semblance_workers_for(
                        workers,
                        threads,
                        { $0?.assumingMemoryBound(to: Product.self).pointee.compute(part: $1) },
                        &product
                    )
                }
            }
            take("openblas") {
                let (rows, columns, inner) = (Int32(m), Int32(n), Int32(k))
                cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasNoTrans,
                    rows,
                    columns,
                    inner,
                    1,
                    a,
                    inner,
                    b,
                    columns,
                    0,
                    c,
                    columns
                )
            }
        }
        let line: [String: Any] = [
            "threads": threads, "m": m, "k": k, "n": n, "gflops": best.mapValues { Int($0.rounded()) },
        ]
        let data = try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
        FileHandle.standardOutput.write(data + Data("\n".utf8))
    }

    /// Random numbers, 64-byte aligned as a matrix is.
    private static func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
        let floats = memory.bindMemory(to: Float.self, capacity: count)
        for index in 0..<count { floats[index] = Float.random(in: -1...1) }
        return floats
    }
}

/// A product cut for threads: few rows by columns, many by rows.
private struct Product {
    let a, packed, c: UnsafeMutablePointer<Float>
    let m, n, k: Int
    let precision: semblance_precision
    let parts: Int

    func compute(part: Int) {
        let width = semblance_panel_width()
        let (unit, total) = m < 96 * parts ? (width, n) : (12, m)
        let step = (total + parts * unit - 1) / (parts * unit) * unit
        let range = min(total, part * step)..<min(total, (part + 1) * step)
        let (rows, columns) = m < 96 * parts ? (0..<m, range) : (range, 0..<n)
        semblance_product(
            precision,
            rows.count,
            columns.count,
            k,
            a + rows.lowerBound * k,
            k,
            1,
            packed + columns.lowerBound / width * semblance_panel_words(precision, k),
            1,
            0,
            nil,
            c + rows.lowerBound * n + columns.lowerBound,
            n
        )
    }
}
