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
