// Values of the library as arguments of the command.

public import ArgumentParser
internal import Foundation
public import Semblance

extension OptimizerConfiguration.Rule: ExpressibleByArgument {}
extension LearningRateSchedule: ExpressibleByArgument {}
extension NegativeSource: ExpressibleByArgument {}
extension MiningConfiguration.Pick: ExpressibleByArgument {}
extension MiningConfiguration.Mixture: ExpressibleByArgument {}
extension BatchComposition.Kind: ExpressibleByArgument {}
extension TrainingPreset: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Role: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
extension RankFusion.Method: ExpressibleByArgument {}

extension SearchMode: ExpressibleByArgument {
    /// A mode in words.
    public init?(argument: String) { try? self.init(parsing: argument) }
}

extension MiningConfiguration: ExpressibleByArgument {
    /// A method by its name.
    public init?(argument: String) { self.init(named: argument) }
    /// The names of the methods.
    public static var allValueStrings: [String] { named.map(\.name) }
    /// Nothing that a help page could show.
    public var defaultValueDescription: String { "" }
}

extension TextAugmentation: ExpressibleByArgument {
    /// An augmentation by its name.
    public init?(argument: String) { self.init(named: argument) }
    /// The names of the augmentations.
    public static var allValueStrings: [String] { named.map(\.name) }
    /// Nothing that a help page could show.
    public var defaultValueDescription: String { "" }
}

extension IndexKind: ExpressibleByArgument {
    /// A kind in words.
    public init?(argument: String) { try? self.init(parsing: argument) }
}

/// How much of a model is used.
struct DepthOptions: ParsableArguments {
    @Option(help: "Use the first so many of the model's layers.")
    var layers: Int?

    /// The model in a folder, or its first layers.
    func open(_ model: String) throws -> Embedder {
        let embedder = try Embedder(contentsOf: URL(path: model))
        return try layers.map(embedder.keepingLayers) ?? embedder
    }
}
