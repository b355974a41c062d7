import Foundation
import SemblanceTestSupport
import Testing

@testable import Semblance

@Suite struct SearchOptionsTests {
    @Test func `an empty id is an error that says which document has it`() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.create(at: place, with: MemoryModels.small.value)
            let documents = [SearchDocument(id: "a", text: "rocks"), SearchDocument(id: "", text: "stars")]
            await #expect { try await index.upsert(documents) } throws: {
                let error = $0 as? SearchIndexError
                return error?.code == .unusableDocument && error?.message.contains("document 2") == true
            }
            #expect(index.count == 0)
            try await index.upsert([SearchDocument(id: " ", text: "stars")])
            #expect(index.count == 1)
        }
    }

    @Test(arguments: [
        ("effort of a search is 0", SearchOptions.with { $0.effort = 0 }), ("effort", .with { $0.effort = -3 }),
        ("candidates of a search are -1", .with { $0.candidates = -1 }), ("candidates", .with { $0.candidates = 0 }),
        ("least score", .with { $0.minimumScore = .nan }),
        ("weights", SearchOptions(mode: .hybrid(RankFusion(.weightedSum, weights: [1])))),
    ])
    func `an option out of its range is an error that names it`(part: String, options: SearchOptions) async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending(path: "index")
            let index = try await SearchIndex.create(at: place, with: MemoryModels.small.value)
            func names(_ error: any Error) -> Bool {
                let error = error as? RetrievalError
                return error?.code == .invalidArgument && error?.message.contains(part) == true
            }
            await #expect { try await index.search("rocks", options: options) } throws: { names($0) }
            #expect { try index.explain(options: options) } throws: { names($0) }
            #expect(try await index.search("rocks", options: .with { ($0.effort, $0.candidates) = (1, 1) }).isEmpty)
        }
    }

    @Test(arguments: [
        "dense", "lexical", "hybrid", "hybrid:weighted-sum", "hybrid:weighted-sum,weights=0.7/0.3",
        "hybrid:reciprocal-rank,k=20.0,weights=1.0/2.0",
    ])
    func `a mode in words reads back, also as JSON`(words: String) throws {
        let mode = try SearchMode(parsing: words)
        #expect(mode.description == words)
        var options = SearchOptions(mode: mode)
        options.diversity = MaximalMarginalRelevance(lambda: 0.25)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let data = try encoder.encode(options)
        #expect(try JSONDecoder().decode(SearchOptions.self, from: data) == options)
        #expect(String(decoding: data, as: UTF8.self).contains("\"mode\":\"\(words)\""))
        #expect(try SearchMode(parsing: "hybrid:reciprocal-rank") == .hybrid)
    }

    @Test(arguments: [
        "", "Dense", "dense:", "lexical:k=3", "hybrid:", "hybrid:sum", "hybrid:weighted-sum,weights=1",
        "hybrid:weighted-sum,weights=1/x", "hybrid:reciprocal-rank,k=-1", "hybrid:reciprocal-rank,k=1/2",
        "hybrid:weighted-sum,rank=1", "hybrid:weighted-sum,", "psychic",
    ])
    func `words that are no mode are an error that says what is`(words: String) throws {
        #expect { try SearchMode(parsing: words) } throws: { ($0 as? RetrievalError)?.code == .invalidArgument }
        let json = try JSONEncoder().encode([words])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([SearchMode].self, from: json) }
    }
}

extension SearchOptions {
    fileprivate static func with(_ change: (inout SearchOptions) -> Void) -> SearchOptions {
        var options = SearchOptions()
        change(&options)
        return options
    }
}
