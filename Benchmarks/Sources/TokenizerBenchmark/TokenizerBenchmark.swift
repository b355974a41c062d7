// How fast texts become word pieces. Prints one JSON line.

import ArgumentParser
import Foundation
import Semblance

@main struct TokenizerBenchmark: AsyncParsableCommand {
    @Argument(help: "A tokenizer.json.")
    var tokenizer: String
    @Argument(help: "Texts, one a line.")
    var texts: String
    @Option(help: "Threads to use.")
    var threads = 1

    func run() async throws {
        let tokenizer = try Tokenizer(contentsOf: URL(filePath: tokenizer))
        let lines = try TextLines.read(from: URL(filePath: texts))
        let repeats = 10, threads = threads
        func tokenize() async -> Int {
            await withTaskGroup(of: Int.self) { group in
                for thread in 0..<threads {
                    group.addTask {
                        var tokens = 0
                        for _ in 0..<repeats {
                            for index in stride(from: thread, to: lines.count, by: threads) {
                                tokens += tokenizer.encode(lines[index], addingSpecialTokens: false).count
                            }
                        }
                        return tokens
                    }
                }
                return await group.reduce(0, +)
            }
        }
        _ = await tokenize()
        let started = ContinuousClock.now
        let tokens = await tokenize()
        let seconds = started.duration(to: .now) / .seconds(1)
        let rate = Double(lines.count * repeats) / seconds
        print(#"{"texts_per_second": \#(rate), "tokens_per_second": \#(Double(tokens) / seconds)}"#)
    }
}
