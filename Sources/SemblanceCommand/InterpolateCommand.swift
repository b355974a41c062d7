internal import ArgumentParser
internal import Foundation
internal import Semblance

struct InterpolateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interpolate",
        abstract: "Writes the model between one and what was tuned from it (WiSE-FT).",
        discussion: "Much of what tuning gained stays, and much of what it cost elsewhere comes back."
    )

    @Argument(help: "The folder of the model that tuning started from.")
    var start: String
    @Argument(help: "The folder of the tuned model.")
    var tuned: String
    @Option(help: "The share of the tuned weights, 0 to 1.")
    var by: Float
    @Option(help: "The folder the model is written to.")
    var output: String
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try checkOutput(output, overwriting: outputOptions.overwrite)
        let start = try Embedder(contentsOf: URL(path: start))
        let between = try start.interpolated(with: Embedder(contentsOf: URL(path: tuned)), by: by)
        try between.write(to: URL(path: output), overwriting: outputOptions.overwrite)
        try common.console.result(["output": output]) { "model written to \(output)" }
    }
}
