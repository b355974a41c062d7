internal import ArgumentParser
internal import Foundation
internal import Semblance

/// What `train` takes against forgetting.
struct RetentionOptions: ParsableArguments {
    @Option(help: "Pairs of the kind the base was trained on, some of which take part in each step.")
    var replay: String?
    @Option(
        help: "Replayed pairs in a step for each of its own. (default: \(RetentionConfiguration().replayRate))"
    )
    var replayRate: Float?
    @Option(help: "Texts, one a line, whose embeddings are pulled towards the base's.")
    var pull: String?
    @Option(help: "What the pull weighs. (default: \(RetentionConfiguration().pullWeight))")
    var pullWeight: Float?
    @Option(
        help: ArgumentHelp(
            "The share of the tuned weights, the rest being the base's. (default: 1)",
            valueName: "share"
        )
    )
    var interpolate: Float?
    @Option(
        name: .customLong("guard"),
        help: ArgumentHelp(
            "A BEIR folder whose ndcg@10 must not fall far below the base's; may be given several times. The split is "
                + "test unless it follows a colon.",
            valueName: "folder:split"
        )
    )
    var guarded: [String] = []
    @Option(help: "How far, as the mean over all their queries. (default: \(RetentionConfiguration().guardBound))")
    var guardBound: Double?

    /// The sets of `--guard`, named as given.
    func guards() throws -> [GuardSet] {
        try guarded.map { name in
            let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
            let dataset = try RetrievalDataset(
                contentsOf: URL(path: parts[0]),
                split: parts.count > 1 ? parts[1] : "test"
            )
            return GuardSet(dataset, name: name)
        }
    }

    func validate() throws {
        if replayRate != nil, replay == nil { throw ValidationError("--replay-rate goes with --replay") }
        if pullWeight != nil, pull == nil { throw ValidationError("--pull-weight goes with --pull") }
        if guardBound != nil, guarded.isEmpty { throw ValidationError("--guard-bound goes with --guard") }
        if let empty = guarded.first(where: { $0.isEmpty || $0.hasPrefix(":") }) {
            throw ValidationError("--guard is \"\(empty)\": it must be a folder, or FOLDER:SPLIT")
        }
    }

    func apply(to settings: inout RetentionConfiguration) {
        if let replayRate { settings.replayRate = replayRate }
        if let pullWeight { settings.pullWeight = pullWeight }
        if let interpolate { settings.interpolation = interpolate }
        if let guardBound { settings.guardBound = guardBound }
    }
}
