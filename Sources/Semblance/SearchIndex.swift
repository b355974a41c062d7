public import Foundation
public import SemblanceEncoders
public import SemblanceNumerics
public import SemblanceRetrieval
internal import SemblanceText

/// Documents that can be searched: their texts, their vectors, and the model that made them, in one folder.
///
/// The folder is all a service needs: `model` (a sentence-transformers folder), `vectors` (a ``VectorIndex``),
/// `documents.jsonl`, and `manifest.json`, which ties them together: files of another index or model are refused.
/// Immutable and Sendable: any number of tasks may search at once.
public final class SearchIndex: Sendable {
    /// The model.
    public let embedder: Embedder
    private let documents: [SearchDocument]
    private let vectors: VectorIndex
    private let compute: ComputeOptions

    private init(embedder: Embedder, documents: [SearchDocument], vectors: VectorIndex, compute: ComputeOptions) {
        self.embedder = embedder
        self.documents = documents
        self.vectors = vectors
        self.compute = compute
    }

    /// How many documents there are.
    public var count: Int { documents.count }

    /// How vectors are found.
    public var kind: IndexKind { vectors.kind }

    /// How vectors are compared.
    public var metric: Metric { vectors.metric }

    // MARK: Building

    /// Embeds documents and writes a folder to search them.
    ///
    /// - Parameters:
    ///   - documents: their ids all different.
    ///   - embedder: the model.
    ///   - folder: where to; complete or not there, whatever happens on the way.
    ///   - metric: how vectors are compared. The default is the cosine.
    ///   - kind: how they are found. The default goes by their number.
    ///   - overwriting: whether an index that is there already is replaced; else it is an error.
    ///   - compute: how the machine is used.
    /// - Throws: ``SearchIndexError``, ``RetrievalError``, and what the file system says.
    public static func build(
        _ documents: [SearchDocument],
        with embedder: Embedder,
        at folder: URL,
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        overwriting: Bool = false,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> SearchIndex {
        var ids: Set<String> = []
        for (index, document) in documents.enumerated() where !ids.insert(document.id).inserted {
            throw SearchIndexError(
                code: .repeatedIdentifier,
                message: "document \(index + 1) has the id \"\(document.id)\", which another one has: ids must differ"
            )
        }
        let workers = Workers.shared(threads: compute.threads)
        return try await workers.run { cancellation in
            let embeddings = try embedder.embed(
                documents.map(\.content),
                as: .document,
                options: .init(compute: compute),
                workers: workers,
                cancellation: cancellation
            ).embeddings
            let vectors = try VectorIndex(
                of: embeddings,
                ids: Array(0..<Int64(documents.count)),
                metric: metric,
                kind: kind,
                options: compute
            )
            try cancellation.check()
            try AtomicFolder.write(to: folder, overwriting: overwriting) { fresh in
                try embedder.write(to: fresh.appending(path: Files.model))
                try vectors.writeNow(to: fresh.appending(path: Files.vectors))
                try JSONLines.write(documents, to: fresh.appending(path: Files.documents))
                try writeJSON(
                    Manifest(
                        format: Manifest.currentFormat,
                        model: try fingerprint(of: fresh.appending(path: Files.model)),
                        vectors: try fingerprint(of: fresh.appending(path: Files.vectors)),
                        documents: try SHA256.digest(of: fresh.appending(path: Files.documents)),
                        count: documents.count
                    ),
                    to: fresh.appending(path: Files.manifest)
                )
            }
            return SearchIndex(embedder: embedder, documents: documents, vectors: vectors, compute: compute)
        }
    }

    // MARK: Opening

    /// Opens the folder that ``build(_:with:at:metric:kind:overwriting:compute:)`` wrote.
    ///
    /// - Throws: ``SearchIndexError`` where a file is missing, damaged or of another index.
    public static func open(at folder: URL, compute: ComputeOptions = ComputeOptions()) throws -> SearchIndex {
        let manifestFile = folder.appending(path: Files.manifest)
        guard FileManager.default.fileExists(atPath: manifestFile.path) else {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(folder.path) holds no search index (\(Files.manifest) is missing): build one there"
            )
        }
        let manifest = try readJSON(Manifest.self, from: manifestFile)
        guard manifest.format == Manifest.currentFormat else {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(manifestFile.path): format \(manifest.format) is not known, "
                    + "only \(Manifest.currentFormat): build the index anew"
            )
        }
        func check(_ name: String, _ found: String, _ expected: String) throws {
            guard found != expected else { return }
            throw SearchIndexError(
                code: .mismatch,
                message: "\(folder.appending(path: name).path) is damaged or of another index: "
                    + "its digest is \(found.prefix(12))…, expected \(expected.prefix(12))…; build the index anew"
            )
        }
        try check(Files.model, try fingerprint(of: folder.appending(path: Files.model)), manifest.model)
        try check(Files.vectors, try fingerprint(of: folder.appending(path: Files.vectors)), manifest.vectors)
        let documentsFile = folder.appending(path: Files.documents)
        try check(Files.documents, try SHA256.digest(of: documentsFile), manifest.documents)

        let embedder = try Embedder(contentsOf: folder.appending(path: Files.model))
        let vectors = try VectorIndex.open(at: folder.appending(path: Files.vectors), readOnly: true, options: compute)
        let documents = try JSONLines.read(SearchDocument.self, from: documentsFile)
        guard documents.count == vectors.count, vectors.dimension == embedder.dimension else {
            throw SearchIndexError(
                code: .mismatch,
                message: "\(folder.path): \(documents.count) documents and \(vectors.count) vectors of dimension "
                    + "\(vectors.dimension) for a model of \(embedder.dimension): build the index anew"
            )
        }
        return SearchIndex(embedder: embedder, documents: documents, vectors: vectors, compute: compute)
    }

    // MARK: Searching

    /// The documents that match a text best, best first; equal scores in the order of the documents.
    public func search(_ text: String, count: Int = 10) async throws -> [SearchHit] {
        try await search([text], count: count)[0]
    }

    /// The documents that match each of some texts.
    public func search(_ texts: [String], count: Int = 10) async throws -> [[SearchHit]] {
        let queries = try await embedder.embed(texts, as: .query, options: .init(compute: compute))
        return try await vectors.nearest(to: queries, count: count).map { hits in
            hits.map { SearchHit(document: documents[Int($0.id)], score: $0.score) }
        }
    }

    // MARK: Files

    private enum Files {
        static let model = "model"
        static let vectors = "vectors"
        static let documents = "documents.jsonl"
        static let manifest = "manifest.json"
    }

    private struct Manifest: Codable {
        static let currentFormat = 1

        var format: Int
        /// Digests of the two folders and the file.
        var model: String
        var vectors: String
        var documents: String
        var count: Int
    }

    /// A digest of all files below a folder, with their names.
    private static func fingerprint(of folder: URL) throws -> String {
        var digest = SHA256()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() {
            let file = folder.appending(path: name)
            let isFolder = try file.resourceValues(forKeys: [.isDirectoryKey]).isDirectory ?? false
            if !isFolder { digest.update("\(name)\n\(try SHA256.digest(of: file))\n") }
        }
        return digest.finalize()
    }
}

/// Why an index could not be built or opened.
public struct SearchIndexError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable {
        private let name: String
        /// Two documents have one id.
        public static let repeatedIdentifier = Code(name: "repeatedIdentifier")
        /// The folder is no index, or of a format that isn't known.
        public static let notAnIndex = Code(name: "notAnIndex")
        /// A file is damaged or belongs to another index or model.
        public static let mismatch = Code(name: "mismatch")
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, with its value, and what to do.
    public let message: String
    /// The message.
    public var description: String { message }
}
