internal import ArgumentParser
internal import Foundation
internal import Semblance
internal import SemblanceNumerics

struct EmbedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Embeds texts into a NumPy file.",
        discussion: "TEXTS.txt holds one text a line; an empty line is an empty text, whose vector is zero."
    )

    @Argument(help: "A model folder.")
    var model: String
    @Argument(help: "Texts, one a line.")
    var texts: String
    @Option(help: "The .npy file that is written: 32-bit floats, a row a text.")
    var output: String
    @Option(name: .customLong("as"), help: "What the texts are.")
    var role = Role.document
    @Option(help: "Keep the first so many components.")
    var dimension: Int?
    @Flag(help: "Scale to unit length, whatever the model says.")
    var normalize = false
    @OptionGroup var depth: DepthOptions
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try checkOutput(output, overwriting: outputOptions.overwrite)
        let embedder = try depth.open(model)
        let lines = try TextLines.read(from: URL(path: texts))
        let workers = Workers.shared(threads: common.threads)
        let options = Embedder.Options(
            dimension: dimension,
            normalizes: normalize ? true : nil,
            compute: common.compute
        )
        let (embeddings, result) = try await workers.run { cancellation in
            let started = ContinuousClock.now
            let (embeddings, tokens) = try embedder.embed(
                lines,
                as: role,
                options: options,
                workers: workers,
                cancellation: cancellation
            )
            let seconds = started.duration(to: .now) / .seconds(1)
            return (
                embeddings,
                EmbedResult(count: lines.count, dimension: embeddings.columns, tokens: tokens, seconds: seconds)
            )
        }
        try NPY.write(embeddings, to: URL(path: output))
        try common.console.result(result) {
            "\(result.count) texts, \(result.tokens) tokens in \(result.seconds.formatted(digits: 3)) s "
                + "(\(Int(result.textsPerSecond)) texts/s), written to \(output)"
        }
    }
}

/// The JSON of `embed`.
private struct EmbedResult: Encodable {
    let count: Int
    let dimension: Int
    let tokens: Int
    let seconds: Double
    let textsPerSecond: Double
    let tokensPerSecond: Double

    init(count: Int, dimension: Int, tokens: Int, seconds: Double) {
        self.count = count
        self.dimension = dimension
        self.tokens = tokens
        self.seconds = seconds
        textsPerSecond = Double(count) / max(seconds, 1e-9)
        tokensPerSecond = Double(tokens) / max(seconds, 1e-9)
    }

    enum CodingKeys: String, CodingKey {
        case count, dimension, tokens, seconds
        case textsPerSecond = "texts_per_second"
        case tokensPerSecond = "tokens_per_second"
    }
}
