import Hummingbird
import Semblance
import ServiceLifecycle

/// Keeps the index open while the application runs, and closes it after the last request.
struct IndexService: Service {
    let index: SearchIndex

    func run() async throws {
        try? await gracefulShutdown()
        try await index.close()
    }
}
