internal import Foundation
package import SemblanceEncoders
package import SemblanceNumerics

/// A model that is asked and not trained: a guide, a teacher.
///
/// With a cache its embeddings are kept in a folder from run to run, one array of NumPy's for each list of texts.
package struct FrozenModel: Sendable {
    package let embedder: Embedder
    private let precision: Precision
    private let cache: Cache?

    private struct Cache {
        let folder: URL
        /// Of the model's files.
        let digest: String
    }

    /// A model without a cache.
    package init(_ embedder: Embedder, precision: Precision = .float32) {
        self.embedder = embedder
        self.precision = precision
        cache = nil
    }

    /// Opens a model's folder for a run.
    init(contentsOf folder: String, for configuration: TrainingConfiguration) throws {
        let url = URL(filePath: folder)
        embedder = try Embedder(contentsOf: url)
        precision = configuration.compute.precision
        cache = try configuration.embeddingCache.map {
            Cache(folder: URL(filePath: $0), digest: try SHA256.digest(ofFolder: url))
        }
    }

    /// `[texts, dimension]`: of unit length where the model makes them so.
    package func embed(
        _ texts: [String],
        as role: Role,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> Matrix {
        let file = cache.map { $0.folder.appending(path: name(of: texts, as: role, under: $0.digest)) }
        // One that is damaged is made again.
        if let file, let kept = try? NPY.readMatrix(from: file), kept.rows == texts.count { return kept }
        let embeddings = try embedder.embed(
            texts,
            as: role,
            options: Embedder.Options(compute: ComputeOptions(precision: precision)),
            workers: workers,
            cancellation: cancellation
        ).embeddings
        if let file {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try NPY.write(embeddings, to: file)
        }
        return embeddings
    }

    private func name(of texts: [String], as role: Role, under model: String) -> String {
        var digest = SHA256()
        digest.update("\(model) \(role) \(precision)\n")
        for text in texts { digest.update("\(text.utf8.count):\(text)") }
        return digest.finalize() + ".npy"
    }
}

extension TrainingSet {
    /// `[numbers, dimension]`: texts by number under a model.
    func embed(
        _ numbers: [Int32],
        with model: FrozenModel,
        as role: Role,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> Matrix {
        try model.embed(numbers.map { texts[Int($0)] }, as: role, workers: workers, cancellation: cancellation)
    }
}
