import Hummingbird
import Semblance

/// A search, as JSON or as the query of a URL: `?query=…&count=10&filter=year%20%3E%202020&mode=hybrid`.
struct SearchRequest: Decodable {
    let query: String
    /// 10 if missing.
    let count: Int?
    /// In words, such as `language = "en" and year >= 2020`.
    let filter: String?
    /// `dense`, `lexical` or `hybrid`, which may say how its lists are fused; `hybrid` if missing.
    let mode: String?

    func answer(from index: SearchIndex) async throws -> SearchResponse {
        let count = count ?? 10
        guard (1...1000).contains(count) else {
            throw HTTPError(.badRequest, message: "count is \(count): it must be from 1 to 1000")
        }
        let hits = try await index.search(
            query,
            count: count,
            where: filter.map { try Filter(parsing: $0) },
            options: SearchOptions(mode: mode.map { try SearchMode(parsing: $0) } ?? .hybrid)
        )
        return SearchResponse(hits: hits)
    }
}

/// What was found, best first.
struct SearchResponse: ResponseCodable {
    let hits: [SearchHit]
}
