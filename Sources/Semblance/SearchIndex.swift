public import Foundation
public import SemblanceEncoders
public import SemblanceNumerics
public import SemblanceRetrieval
internal import Synchronization

/// Documents that can be searched by meaning, by words and by their fields, with the model that embeds them, in one
/// folder that changes while it is searched.
///
///     let index = try await SearchIndex.create(at: folder, with: embedder)
///     try await index.upsert([SearchDocument(id: "7", text: "…", metadata: ["language": "en"])])
///     let hits = try await index.search("…", count: 10, where: .equals("language", "en"))
///
/// Any task may search and change at any time: a search sees one state and never waits for a change; a change is whole
/// or not at all, and on the disk when its call returns (see ``Durability``). One process writes; others may open the
/// folder for reading.
///
/// The folder holds `manifest.json`, which names the folders of the model (a sentence-transformers folder) and of the
/// vectors (a ``VectorIndex`` with the documents beside the vectors), and has the model's fingerprint: files of another
/// index or model are refused.
public final class SearchIndex: Sendable {
    let folder: URL
    let compute: ComputeOptions
    let durability: Durability
    let maintenance: MaintenanceConfiguration
    let isReadOnly: Bool
    /// What is searched and changed; replaced when the index has moved to another model.
    let generation: Mutex<Generation>
    let gate = ChangeGate()

    init(
        folder: URL,
        compute: ComputeOptions,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        isReadOnly: Bool,
        generation: Generation
    ) {
        self.folder = folder
        self.compute = compute
        self.durability = durability
        self.maintenance = maintenance
        self.isReadOnly = isReadOnly
        self.generation = Mutex(generation)
    }

    var current: Generation { generation.withLock { $0 } }

    /// The model.
    public var embedder: Embedder { current.embedder }

    /// How the index is made.
    public var configuration: SearchConfiguration { current.configuration }

    /// How many documents there are.
    public var count: Int { current.searchable.withLock { $0.lexical.count } }

    /// The document under `id`, if there is one.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile`.
    public func document(_ id: String) throws -> SearchDocument? { try current.document(id) }

    /// Whether there is a document under `id`.
    public func contains(_ id: String) -> Bool { current.entry(id) != nil }

    // MARK: Making

    /// Makes a folder with an index of some documents.
    ///
    /// - Parameters:
    ///   - documents: their ids all different.
    ///   - embedder: the model.
    ///   - folder: where to; complete or not there, whatever happens on the way.
    ///   - configuration: how vectors are compared and found, texts cut and words read.
    ///   - overwriting: whether an index that is there already is replaced; else it is an error.
    ///   - compute: how the machine is used.
    /// - Throws: ``SearchIndexError``, ``RetrievalError``, ``FileError``.
    public static func build(
        _ documents: [SearchDocument],
        with embedder: Embedder,
        at folder: URL,
        configuration: SearchConfiguration = SearchConfiguration(),
        overwriting: Bool = false,
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> SearchIndex {
        try Generation.check(documents)
        let pending = try AtomicFolder(replacing: folder, overwriting: overwriting)
        defer { pending.discard() }
        let index = try fill(
            pending.fresh,
            with: embedder,
            configuration: configuration,
            durability: .manual,
            maintenance: MaintenanceConfiguration(),
            compute: compute
        )
        if !documents.isEmpty {
            try await index.current.upsert(documents, compute: compute)
            try await index.compact()
        }
        try await index.close()
        try pending.commit()
        return try open(at: folder, compute: compute)
    }

    /// Makes a folder with an index without documents.
    ///
    /// - Parameters: as for ``build(_:with:at:configuration:overwriting:compute:)`` and
    ///   ``VectorIndex/create(at:dimension:metric:kind:durability:maintenance:options:)``.
    public static func create(
        at folder: URL,
        with embedder: Embedder,
        configuration: SearchConfiguration = SearchConfiguration(),
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> SearchIndex {
        if FileManager.default.fileExists(atPath: folder.appending(path: SearchLayout.manifest).path) {
            throw SearchIndexError(
                code: .exists,
                message: "\(folder.path) holds a search index already: open it, or name another folder"
            )
        }
        let empty = try await build([], with: embedder, at: folder, configuration: configuration, compute: compute)
        try await empty.close()
        return try open(at: folder, durability: durability, maintenance: maintenance, compute: compute)
    }

    private static func fill(
        _ folder: URL,
        with embedder: Embedder,
        configuration: SearchConfiguration,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> SearchIndex {
        let layout = SearchLayout(generation: 1)
        let generation = try Generation.create(
            layout,
            in: folder,
            with: embedder,
            configuration: configuration,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
        try layout.write(to: folder, fingerprint: generation.fingerprint)
        return SearchIndex(
            folder: folder,
            compute: compute,
            durability: durability,
            maintenance: maintenance,
            isReadOnly: false,
            generation: generation
        )
    }

    // MARK: Opening

    /// Opens a folder that ``build(_:with:at:configuration:overwriting:compute:)`` or
    /// ``create(at:with:configuration:durability:maintenance:compute:)`` made, in the state of its last durable change.
    ///
    /// - Parameters: as for ``VectorIndex/open(at:readOnly:durability:maintenance:options:)``.
    /// - Throws: ``SearchIndexError`` where a file is missing or of another index; ``RetrievalError`` with code
    ///   `.damagedFile`; ``FileError`` with code `.locked` where another one writes.
    /// - Complexity: O(bytes of all documents): words and fields are read anew.
    public static func open(
        at folder: URL,
        readOnly: Bool = false,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        compute: ComputeOptions = ComputeOptions()
    ) throws -> SearchIndex {
        let (layout, fingerprint) = try SearchLayout.read(from: folder)
        let generation = try Generation.open(
            layout,
            in: folder,
            fingerprint: fingerprint,
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
        if !readOnly { layout.removeOthers(in: folder) }
        return SearchIndex(
            folder: folder,
            compute: compute,
            durability: durability,
            maintenance: maintenance,
            isReadOnly: readOnly,
            generation: generation
        )
    }

    /// Ends the changes and lets go of the folder; see ``VectorIndex/close()``.
    public func close() async throws { try await current.vectors.close() }

    /// See ``VectorIndex/compact()``.
    public func compact() async throws { try await current.vectors.compact() }

    /// See ``VectorIndex/settle()``.
    public func settle() async { await current.vectors.settle() }

    /// See ``VectorIndex/flush()``.
    public func flush() async throws { try await current.vectors.flush() }
}

/// Why an index could not be built or opened, or a document not be taken.
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
        /// There is an index already.
        public static let exists = Code(name: "exists")
        /// A document is too large, or its fields are.
        public static let unusableDocument = Code(name: "unusableDocument")
        /// The index is moving to another model already.
        public static let isMoving = Code(name: "isMoving")
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, with its value, and what to do.
    public let message: String
    /// The message.
    public var description: String { message }
}
