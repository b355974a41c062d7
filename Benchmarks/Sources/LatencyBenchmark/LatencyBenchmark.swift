import ArgumentParser
import Foundation
import Semblance

/// Embeds texts one at a time with all threads; prints one JSON object.
@main struct LatencyBenchmark: AsyncParsableCommand {
    @Argument(help: "A model folder.")
    var model: String
    @Argument(help: "Texts, one a line.")
    var texts: String
    @Option var threads = 2
    @Option(help: "fp32, bf16 or int8.")
    var precision = "fp32"
    @Option(help: "Texts that are timed, after twenty that are not.")
    var count = 200

    func run() async throws {
        guard let precision = Precision(rawValue: precision) else {
            throw ValidationError("--precision is \(precision): fp32, bf16 and int8 are known")
        }
        let embedder = try Embedder(contentsOf: URL(filePath: model))
        let lines = try TextLines.read(from: URL(filePath: texts))
        let options = Embedder.Options(compute: ComputeOptions(threads: threads, precision: precision))
        for line in lines.prefix(20) { _ = try await embedder.embed(line, as: .document, options: options) }
        var seconds: [Double] = []
        for line in lines.prefix(count) {
            let started = ContinuousClock.now
            _ = try await embedder.embed(line, as: .document, options: options)
            seconds.append(started.duration(to: .now) / .seconds(1))
        }
        seconds.sort()
        let median = seconds[seconds.count / 2]
        let result = ["p50_ms": median * 1e3, "p99_ms": seconds[seconds.count * 99 / 100] * 1e3, "texts_per_second": 1 / median]
        print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
    }
}
