internal import SemblanceNumerics
internal import Synchronization

/// Runs jobs one after the other on a thread that all indexes of the process share; those that wait together are handed
/// over together, so that a disk is synced once for all of them.
final class ChangeQueue<Job: Sendable>: Sendable {
    private struct Waiting {
        var jobs: [Job] = []
        var isRunning = false
    }

    private let waiting = Mutex(Waiting())

    func submit(_ job: Job, handler: @escaping @Sendable ([Job]) -> Void) {
        let starts = waiting.withLock { waiting in
            waiting.jobs.append(job)
            defer { waiting.isRunning = true }
            return !waiting.isRunning
        }
        guard starts else { return }
        Workers.changes.submit {
            while true {
                let jobs = self.waiting.withLock { waiting in
                    defer { waiting.jobs = [] }
                    waiting.isRunning = !waiting.jobs.isEmpty
                    return waiting.jobs
                }
                if jobs.isEmpty { return }
                handler(jobs)
            }
        }
    }
}
