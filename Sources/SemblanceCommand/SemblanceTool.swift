internal import ArgumentParser
internal import Logging
internal import Semblance

/// The command `semblance`: thin over the library.
@main struct SemblanceTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "semblance",
        abstract: "Trains text embeddings on pairs and searches with them.",
        discussion:
            "Results go to standard output, progress to standard error. Usage errors exit with 64, others with 1.",
        subcommands: [
            TrainCommand.self, EmbedCommand.self, IndexCommand.self, SearchCommand.self, EvaluateCommand.self,
            MineCommand.self, FilterCommand.self, InterpolateCommand.self, QuickstartCommand.self,
        ]
    )

    static func main() async {
        // The console shows what the library logs, in its own form.
        LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
        await main(nil)
    }
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "Threads to use; all cores unless given.")
    var threads: Int?

    @Option(help: "What a transformer's matrix products are rounded to: fp32, bf16, or int8 (embedding alone).")
    var precision: Precision?

    @Flag(help: "No progress on standard error.")
    var quiet = false

    @Flag(help: "Exactly one JSON object on standard output.")
    var json = false

    var compute: ComputeOptions { ComputeOptions(threads: threads, precision: precision ?? .float32) }
    var console: Console { Console(isQuiet: quiet, isJSON: json) }

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads): it must be 1 to 1024")
        }
    }
}

/// What commands with an output take.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Replace an output that exists already.")
    var overwrite = false
}
