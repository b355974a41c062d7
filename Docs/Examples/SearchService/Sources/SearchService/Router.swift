import Foundation
import Hummingbird
import Semblance

/// What the service answers.
func router(of index: SearchIndex) -> Router<BasicRequestContext> {
    let router = Router()
    router.add(middleware: ErrorMiddleware())

    // Answers when the documents are on the disk; those that are there as they are cost nothing.
    router.put("documents") { request, _ in
        try await index.upsert(request.json([SearchDocument].self))
    }
    router.get("documents/:id") { _, context in
        let id = try context.parameters.id()
        guard let document = try index.document(id) else { throw missing(id) }
        return document
    }
    router.delete("documents/:id") { _, context in
        let id = try context.parameters.id()
        guard try await index.remove([id]) == 1 else { throw missing(id) }
        return HTTPResponse.Status.noContent
    }

    router.get("search") { request, context in
        try await request.uri.decodeQuery(as: SearchRequest.self, context: context).answer(from: index)
    }
    router.post("search") { request, _ in
        try await request.json(SearchRequest.self).answer(from: index)
    }

    router.get("health") { _, _ in ["status": "ok"] }
    router.get("stats") { _, _ in try index.statistics() }
    return router
}

extension UpsertReport: @retroactive ResponseEncodable {}
extension SearchDocument: @retroactive ResponseEncodable {}
extension SearchStatistics: @retroactive ResponseEncodable {}

extension Request {
    /// The body, read from JSON.
    func json<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        try await JSONDecoder().decode(type, from: body.collect(upTo: 64 << 20))
    }
}

extension Parameters {
    /// The id in the path; what was escaped there is itself again.
    func id() throws -> String {
        let id = try require("id")
        return id.removingPercentEncoding ?? id
    }
}

private func missing(_ id: String) -> HTTPError {
    HTTPError(.notFound, message: "there is no document with the id \"\(id)\"")
}
