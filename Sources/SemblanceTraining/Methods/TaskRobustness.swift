internal import Foundation
internal import SemblanceNumerics

/// Tasks that lag behind weigh more (tDRO).
///
///     L[k]     = mean loss of task k's rows in the batch, over the mean loss a reference model has on them
///     log α[k] ← log α[k] + η L[k]                              for the batch's tasks; α sums to 1
///     loss     = Σ over rows i of α[task i] ℓ[i] / Σ over rows i of α[task i]
///
/// The reference is a model trained on the same data with equal weights: tasks are compared by what is still to gain, not by
/// how hard they are. Without one the losses themselves count (group DRO). Its losses are those of the plain softmax over the
/// batch's documents.
///
/// - Complexity: with a reference every text is embedded by it before the first step, and O(B·C·D) a step; rows are scored
///   twice.
/// - Note: Source: Ma et al. 2024, arXiv:2408.10613; group DRO: arXiv:1911.08731. The authors learn α in a run of its own
///   and then sample by it; here α weighs the rows of the run itself. Their code has η = 0.25 for losses brought to sum 1
///   over the batch; η = 0.02 is ours.
public struct TaskRobustness: StandardMethod {
    /// The name in configurations.
    public static let name = "task-robustness"
    /// The folder of the reference model; `nil`, the default, has none.
    public var reference: String?
    /// η, how fast weights change. The default is 0.02.
    public var rate = 0.02

    /// The defaults.
    public init() {}

    /// Yes.
    public var weighsRows: Bool { true }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            rate.isFinite && rate >= 0,
            "\(Self.name): rate is \(rate): it must be a number, at least 0"
        )
    }

    /// Begins with equal weights.
    ///
    /// - Throws: ``TrainingError`` where the data has fewer than two tasks, or a row has none; or what opening the
    ///   reference throws.
    public func start(_ training: MethodContext) throws -> MethodState {
        let tasks = training.rows.map { Int($0.task) }
        guard let most = tasks.max(), most >= 1, !tasks.contains(-1) else {
            throw TrainingError(
                code: .invalidData,
                message: "\(Self.name) weighs tasks against each other: give every pair a \"task\", at least two in all"
            )
        }
        var state = MethodState()
        if reference != nil { state = try training.guideState(from: reference, for: Self.name) }
        state.saved["log weights"] = Matrix(rows: 1, columns: most + 1, repeating: -Foundation.log(Float(most + 1)))
        return state
    }

    /// Renews the tasks' weights, and gives each row its task's.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        guard let old = state.saved["log weights"] else { return nil }
        let tasks = step.tasks.map { Int($0) }
        let batch = RowGroups(tasks, losses: losses.losses)
        let expected = referenceLosses(step, state).map { RowGroups(tasks, losses: $0).losses }
        var logs = old.elements.map { Double($0) }
        for (place, task) in batch.numbers.enumerated() {
            logs[task] += rate * batch.losses[place] / max(expected?[place] ?? 1, 1e-4)
        }
        let most = logs.max() ?? 0
        let sum = logs.reduce(0) { $0 + exp($1 - most) }
        logs = logs.map { $0 - most - log(sum) }
        state.saved["log weights"] = Matrix(rows: 1, columns: logs.count, elements: logs.map { Float($0) })
        let weights = tasks.map { exp(logs[$0]) }
        let unit = Double(tasks.count) / weights.reduce(0, +)
        return weights.map { Float($0 * unit) }
    }

    private func referenceLosses(_ step: ContrastiveStep, _ state: MethodState) -> [Double]? {
        guard let anchors = state.derived["guide anchors"], let documents = state.derived["guide documents"]
        else { return nil }
        return BatchSoftmax(
            anchors: anchors.gatheringRows(step.anchorTexts.map { Int($0) }),
            documents: documents.gatheringRows(step.documentTexts.map { Int($0) }),
            scale: step.scale
        ).losses
    }
}
