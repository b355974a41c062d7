import Foundation
import SemblanceEncoders
import SemblanceNumerics
import Testing

/// The folder of all-MiniLM-L6-v2.
private let pretrained = ProcessInfo.processInfo.environment["SEMBLANCE_PRETRAINED"].map { URL(filePath: $0) }

/// all-MiniLM-L6-v2 itself.
@Suite(.enabled(if: pretrained != nil)) struct PretrainedTests {
    struct Expected: Decodable {
        let texts: [String]
        let embeddings: [[Float]]

        static func read() throws -> (texts: [String], embeddings: Matrix) {
            let file = Bundle.module.bundleURL.appending(path: "Fixtures/minilm.json")
            let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file))
            let rows = expected.embeddings
            let matrix = Matrix(rows: rows.count, columns: rows[0].count, elements: rows.flatMap { $0 })
            return (expected.texts, matrix)
        }
    }

    @Test func `embeddings are those of sentence-transformers`() async throws {
        let embedder = try Embedder(contentsOf: #require(pretrained))
        let (texts, expected) = try Expected.read()
        let options = Embedder.Options(dimension: 16, normalizes: false)
        // Normalised over all components, as the model has it, then cut.
        let found = try await embedder.embed(texts).leadingColumns(16)
        let difference = largestDifference(found, expected)
        print("MiniLM: largest difference \(difference)")
        #expect(difference <= 2e-5)
        #expect(try await largestDifference(embedder.embed(texts, options: options), expected) > 1e-2)
    }

    @Test func `a text's embedding is the same bits in any company, order and number of threads`() async throws {
        let folder = try #require(pretrained)
        let texts = try Expected.read().texts
        try await expectSameBits(Embedder(contentsOf: folder), texts)
        try await expectSameBitsOnEveryPath(folder, texts)
    }
}
