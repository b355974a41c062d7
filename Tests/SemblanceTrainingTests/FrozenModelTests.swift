import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// Embeddings under guides and teachers, kept from run to run.
@Suite struct FrozenModelTests {
    private let texts = ["kalo mine", "rusa teka", "vovo"]

    private func embed(
        _ texts: [String],
        as role: Role = .document,
        with model: URL,
        cache: URL?,
        precision: Precision = .float32
    ) throws -> Matrix {
        var configuration = TrainingConfiguration()
        configuration.embeddingCache = cache?.path
        configuration.compute.precision = precision
        return try FrozenModel(contentsOf: model.path, for: configuration)
            .embed(texts, as: role, workers: .shared(threads: 1), cancellation: Cancellation())
    }

    @Test func `the same texts under the same model are read again, others are not`() async throws {
        try await withTemporaryFolder { folder in
            let (model, cache) = (folder.appending(path: "model"), folder.appending(path: "cache/inner"))
            try ToyModel().embedder(seed: 3).write(to: model)
            let fresh = try embed(texts, with: model, cache: nil)
            #expect(try embed(texts, with: model, cache: cache) == fresh)
            let files = try FileManager.default.contentsOfDirectory(atPath: cache.path)
            #expect(files.count == 1)
            let file = cache.appending(path: try #require(files.first))
            // What the file says now is what is given.
            try NPY.write(Matrix(rows: 3, columns: fresh.columns, repeating: 7), to: file)
            #expect(try embed(texts, with: model, cache: cache).elements.allSatisfy { $0 == 7 })
            #expect(try embed(texts.reversed(), with: model, cache: cache).rows(2..<3) == fresh.rows(0..<1))
            #expect(try embed(texts, as: .query, with: model, cache: cache) == fresh)
            #expect(try embed(texts, with: model, cache: cache, precision: .bfloat16) == fresh)
            try Data("no array".utf8).write(to: file)
            #expect(try embed(texts, with: model, cache: cache) == fresh)
            // Another model under the old name.
            try FileManager.default.removeItem(at: model)
            try ToyModel().embedder(seed: 4).write(to: model)
            #expect(try embed(texts, with: model, cache: cache) != fresh)
        }
    }
}
