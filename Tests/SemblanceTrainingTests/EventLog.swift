import SemblanceTraining
import Synchronization

/// Collects what `Embedder.fit` says.
final class EventLog: Sendable {
    private let collected = Mutex<[TrainingEvent]>([])

    @Sendable func append(_ event: TrainingEvent) { collected.withLock { $0.append(event) } }

    var events: [TrainingEvent] { collected.withLock { $0 } }

    /// The loss of every step.
    var losses: [Double] { events.compactMap { if case .step(let progress) = $0 { progress.loss } else { nil } } }

    var warnings: [TrainingWarning.Kind] {
        events.compactMap { if case .warning(let warning) = $0 { warning.kind } else { nil } }
    }

    var report: TrainingReport? {
        events.compactMap { if case .finished(let report) = $0 { report } else { nil } }.last
    }
}
