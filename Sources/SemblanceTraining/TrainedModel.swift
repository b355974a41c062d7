// The weights of a dual encoder while they change.

internal import SemblanceEncoders
internal import SemblanceNumerics

/// An embedder taken apart: its towers' structure, and their parameters in one list.
struct TrainedModel: Sendable {
    /// Structure, prompts and tokenizers; its own weights are those training began with.
    let embedder: Embedder
    /// Layouts, names and what training may do with each parameter; their values are those training began with.
    let traits: [Parameter]
    /// The weights as they stand: the query tower's, then the document tower's where it has its own.
    var parameters: [Matrix]
    private let queryRange: Range<Int>
    private let documentRange: Range<Int>

    init(_ embedder: Embedder) {
        self.embedder = embedder
        var all = embedder.queryTower.encoder.parameters
        queryRange = 0..<all.count
        if embedder.sharesWeights {
            documentRange = queryRange
        } else {
            all += embedder.documentTower.encoder.parameters
            documentRange = queryRange.upperBound..<all.count
        }
        traits = all
        parameters = all.map(\.value)
    }

    /// Where a role's parameters are in the list.
    func range(of role: Role) -> Range<Int> { role == .query ? queryRange : documentRange }

    /// The embedder with these weights.
    func embedder(with parameters: [Matrix]) -> Embedder {
        var result = embedder
        result.queryTower.encoder = result.queryTower.encoder.replacingParameters(Array(parameters[queryRange]))
        result.documentTower.encoder = result.documentTower.encoder.replacingParameters(
            Array(parameters[documentRange])
        )
        return result
    }
}

extension TrainedModel {
    /// Whether the model is a static one: large steps, because each row of its table sees few gradients.
    private var isStatic: Bool { embedder.documentTower.encoder is StaticEncoder }

    /// The rate of an update rule where none is chosen; measured in Docs/Recipes.md.
    func defaultLearningRate(of rule: OptimizerConfiguration.Rule) -> Float {
        // New weights, or few of them, take larger steps than pretrained ones.
        guard isStatic else { return traits.allSatisfy(\.isTrained) ? 2e-5 : 2e-4 }
        switch rule {
        case .adamW: return 0.2
        case .lazyAdam: return 0.3
        case .adagrad: return 1
        }
    }

    /// The bound on the gradient's norm where none is chosen.
    var defaultMaximumGradientNorm: Float? { isStatic ? nil : 1 }

    /// The rates that are likely meant.
    func usualLearningRates(of rule: OptimizerConfiguration.Rule) -> ClosedRange<Double> {
        guard isStatic else { return 1e-7...1e-2 }
        return rule == .adagrad ? 1e-2...10 : 1e-3...2
    }
}
