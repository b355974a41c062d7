internal import ArgumentParser
struct QuickstartCommand: AsyncParsableCommand { static let configuration = CommandConfiguration(commandName: "quickstart"); func run() async throws {} }
