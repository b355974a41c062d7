import Foundation
import SemblanceTraining
import Synchronization
import Testing

/// Runs training until `step` and cancels it there; the run writes its own checkpoint.
func interrupt(
    after step: Int,
    _ run: @escaping @Sendable (_ progress: @escaping @Sendable (TrainingEvent) -> Void) async throws -> Void
) async {
    let task = Mutex<Task<Void, any Error>?>(nil)
    let started = Task {
        // Cancelled from within, once the task is known to the one who cancels.
        while task.withLock({ $0 == nil }) { await Task.yield() }
        try await run { event in
            if case .step(let progress) = event, progress.step == step { task.withLock { $0?.cancel() } }
        }
    }
    task.withLock { $0 = started }
    await #expect(throws: CancellationError.self) { try await started.value }
}

/// Runs training and keeps a copy of every checkpoint it writes: the weights at the end, and the copies.
func copyingCheckpoints(
    everySteps steps: Int,
    in folder: URL,
    _ run: (CheckpointConfiguration, @escaping @Sendable (TrainingEvent) -> Void) async throws -> [[Float]]
) async throws -> (weights: [[Float]], copies: [URL]) {
    let copies = Mutex<[URL]>([])
    let checkpoint = folder.appending(path: "checkpoint")
    let weights = try await run(CheckpointConfiguration(folder: checkpoint, everySteps: steps)) { event in
        guard case .checkpoint = event else { return }
        copies.withLock { copies in
            let copy = folder.appending(path: "copy-\(copies.count)")
            try? FileManager.default.copyItem(at: checkpoint, to: copy)
            copies.append(copy)
        }
    }
    return (weights, copies.withLock { $0 })
}

/// What sentence-transformers does where nothing is random: AdamW without decay, all 24 rows in each step.
func goldenConfiguration(steps: Int) -> TrainingConfiguration {
    var configuration = TrainingConfiguration(epochs: steps, batchSize: 24, learningRate: 1e-3)
    configuration.optimizer = OptimizerConfiguration(rule: .adamW)
    configuration.optimizer.weightDecay = 0
    configuration.objective.temperature.value = 0.05
    configuration.objective.masksDuplicates = false
    configuration.objective.masksGroups = false
    configuration.warmup = 0
    configuration.dropout = 0
    return configuration
}
