internal import Foundation
internal import Semblance

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Where results and progress go.
struct Console: Sendable {
    let isQuiet: Bool
    let isJSON: Bool

    /// Writes the command's result: as one JSON object, or as text for a person.
    func result(_ value: some Encodable, text: () -> String) throws {
        if isJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(value), as: UTF8.self))
        } else {
            print(text())
        }
    }

    /// Writes a line of progress.
    func note(_ line: String) {
        if !isQuiet { FileHandle.standardError.write(Data((line + "\n").utf8)) }
    }

    /// Follows a training run: a bar on a terminal, plain lines elsewhere.
    func trainingProgress() -> @Sendable (TrainingEvent) -> Void {
        guard !isQuiet else { return { _ in } }
        let meter = ProgressMeter(isTerminal: isatty(STDERR_FILENO) == 1)
        return { meter.show($0) }
    }
}

/// Shows training events on standard error.
///
/// Events come one after another from the trainer's thread; the lock is for the rare event of another.
private final class ProgressMeter: @unchecked Sendable {
    private let isTerminal: Bool
    private let lock = NSLock()
    private var lastShown = ContinuousClock.now - .seconds(60)
    private var hasBar = false

    init(isTerminal: Bool) { self.isTerminal = isTerminal }

    func show(_ event: TrainingEvent) {
        lock.withLock {
            switch event {
            case .step(let progress): show(progress)
            case .mined(let report):
                line("mined \(report.negatives) hard negatives for \(report.rows) rows")
            case .evaluated(let step, let report):
                line("step \(step): \(report.metric) \(report.score.formatted(digits: 4)) on the development set")
            case .guarded(let evaluation):
                line(
                    "step \(evaluation.step): ndcg@10 \(evaluation.mean.formatted(digits: 4)) on the guard sets"
                        + (evaluation.step == 0 ? "" : ", \(evaluation.loss.formatted(digits: 4)) lost")
                )
            case .warning(let warning): line("warning: \(warning)")
            case .checkpoint, .finished: break
            }
        }
    }

    private func show(_ progress: TrainingProgress) {
        let isLast = progress.step == progress.totalSteps
        guard isLast || lastShown.duration(to: .now) > (isTerminal ? .milliseconds(100) : .seconds(5)) else { return }
        lastShown = .now
        let numbers =
            "step \(progress.step)/\(progress.totalSteps)  loss \(progress.loss.formatted(digits: 4))  "
            + "\(Int(progress.pairsPerSecond)) pairs/s  rate \(progress.learningRate.formatted(digits: 5))  "
            + "\(Int(progress.secondsLeft.rounded(.up))) s left"
        if isTerminal {
            let filled = progress.totalSteps > 0 ? 24 * progress.step / progress.totalSteps : 24
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
            write("\r\u{1B}[K\(bar) \(numbers)" + (isLast ? "\n" : ""))
            hasBar = !isLast
        } else {
            write(numbers + "\n")
        }
    }

    private func line(_ text: String) {
        write((hasBar ? "\r\u{1B}[K" : "") + text + "\n")
        hasBar = false
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

extension Double {
    /// The number with so many digits after the point.
    func formatted(digits: Int) -> String { String(format: "%.\(digits)f", self) }
}

extension URL {
    /// A path as the user gave it.
    init(path: String) { self.init(fileURLWithPath: path) }
}

/// The texts of `--corpus`, a JSON Lines file with text and title; none where it isn't given.
func readCorpus(_ path: String?) throws -> [String] {
    guard let path else { return [] }
    return try JSONLines.read(SearchDocument.self, from: URL(path: path)).map(\.content)
}

/// Refuses an output that exists, or whose folder can't be written, before any work is done.
func checkOutput(_ path: String, overwriting: Bool) throws {
    let files = FileManager.default
    if files.fileExists(atPath: path), !overwriting {
        throw CommandError("\(path) exists already: name another output, or say --overwrite")
    }
    let parent = URL(path: path).deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    guard unsafe files.fileExists(atPath: parent, isDirectory: &isFolder), isFolder.boolValue else {
        throw CommandError("\(parent) is no folder: make it first, or name another output")
    }
    guard files.isWritableFile(atPath: parent) else {
        throw CommandError("\(parent) can't be written to: change its rights, or name another output")
    }
}

/// What a command can't go on from; the message says what to do.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
