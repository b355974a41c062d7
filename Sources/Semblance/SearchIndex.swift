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
/// The folder holds `manifest.json`, which names the folders of the model (a sentence-transformers folder), of the
/// vectors (a ``VectorIndex`` with the documents beside the vectors) and of the words, and has the model's fingerprint:
/// files of another index or model are refused.
public final class SearchIndex: Sendable {
    let place: SearchPlace
    let compute: ComputeOptions
    let durability: Durability
    let maintenance: MaintenanceConfiguration
    let isReadOnly: Bool
    /// What is searched and changed; replaced when the index has moved to another model.
    let generation: Mutex<Generation>
    let gate = ChangeGate()
    /// Whether the manifest may name another generation than the one that is current, as writing it failed.
    let isUnsettled = Mutex(false)
    /// Held while the state is read anew.
    private let refreshing = Mutex(())

    init(
        place: SearchPlace,
        compute: ComputeOptions,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        isReadOnly: Bool,
        generation: Generation
    ) {
        self.place = place
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
            SearchPlace(pending.fresh),
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

    /// An index without documents, in a folder that is there.
    static func fill(
        _ place: SearchPlace,
        with embedder: Embedder,
        configuration: SearchConfiguration,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> SearchIndex {
        let layout = SearchLayout(generation: 1)
        let generation = try Generation.create(
            layout,
            in: place,
            with: embedder,
            configuration: configuration,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
        try layout.write(to: place, fingerprint: generation.fingerprint)
        return SearchIndex(
            place: place,
            compute: compute,
            durability: durability,
            maintenance: maintenance,
            isReadOnly: false,
            generation: generation
        )
    }

    /// Opens the index in a folder, or makes an empty one where there is none yet: a service's first start and every
    /// other one.
    ///
    /// - Parameters:
    ///   - folder: where the index is, or will be.
    ///   - embedder: the model of a new index. One that is there has its own, and this isn't asked for; see
    ///     ``move(to:configuration:)``.
    ///   - configuration: how a new index is made; where it is `nil`, the default, as ``SearchConfiguration/init()`` says,
    ///     and one that is there is opened however it is made.
    ///   - durability: when a change is on the disk.
    ///   - maintenance: what is done in the background.
    ///   - compute: how the machine is used.
    /// - Throws: as ``create(at:with:configuration:durability:maintenance:compute:)`` and
    ///   ``open(at:readOnly:durability:maintenance:compute:)``; ``SearchIndexError`` with code `.mismatch` where the index
    ///   that is there has another configuration; what `embedder` throws.
    public static func openOrCreate(
        at folder: URL,
        with embedder: @autoclosure () async throws -> Embedder,
        configuration: SearchConfiguration? = nil,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        compute: ComputeOptions = ComputeOptions()
    ) async throws -> SearchIndex {
        guard FileManager.default.fileExists(atPath: folder.appending(path: SearchLayout.manifest).path) else {
            return try await create(
                at: folder,
                with: embedder(),
                configuration: configuration ?? SearchConfiguration(),
                durability: durability,
                maintenance: maintenance,
                compute: compute
            )
        }
        let index = try open(at: folder, durability: durability, maintenance: maintenance, compute: compute)
        if let configuration, configuration != index.configuration {
            try await index.close()
            throw SearchIndexError(
                code: .mismatch,
                message:
                    "\(folder.path) holds an index of another configuration: open it as it is, or move it to this one"
            )
        }
        return index
    }

    // MARK: Opening

    /// Opens a folder that ``build(_:with:at:configuration:overwriting:compute:)`` or
    /// ``create(at:with:configuration:durability:maintenance:compute:)`` made, in the state of its last durable change.
    ///
    /// - Parameters: as for ``VectorIndex/open(at:readOnly:durability:maintenance:options:)``.
    /// - Throws: ``SearchIndexError`` where a file is missing or of another index; ``RetrievalError`` with code
    ///   `.damagedFile`; ``FileError`` with code `.locked` where another one writes.
    /// - Complexity: O(bytes of all documents), as they are checked, and their fields are read; words are read only of
    ///   documents whose words no file has.
    public static func open(
        at folder: URL,
        readOnly: Bool = false,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        compute: ComputeOptions = ComputeOptions()
    ) throws -> SearchIndex {
        try open(
            in: SearchPlace(folder),
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
    }

    static func open(
        in place: SearchPlace,
        readOnly: Bool = false,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        compute: ComputeOptions = ComputeOptions()
    ) throws -> SearchIndex {
        let (layout, fingerprint) = try SearchLayout.read(from: place)
        let generation = try Generation.open(
            layout,
            in: place,
            fingerprint: fingerprint,
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
        if !readOnly { layout.removeOthers(in: place) }
        return SearchIndex(
            place: place,
            compute: compute,
            durability: durability,
            maintenance: maintenance,
            isReadOnly: readOnly,
            generation: generation
        )
    }

    /// Brings an index that was opened for reading to the state of its folder: every search that begins after this
    /// returned sees all changes that returned, in the process that writes, before this was called, and a move to another
    /// model.
    ///
    /// Searches under way keep the state they have. An index that isn't one for reading is always in its last state.
    ///
    /// - Throws: as ``open(at:readOnly:durability:maintenance:compute:)``; the index then stays in the state it has.
    /// - Complexity: O(documents) numbers are compared, and what changed is read.
    public func refresh() async throws {
        guard isReadOnly else { return }
        let workers = Workers.shared(threads: compute.threads)
        // One after the other, so that none brings back an older state.
        try await workers.run { _ in try self.refreshing.withLock { _ in try self.refreshNow(workers) } }
    }

    private func refreshNow(_ workers: Workers) throws {
        while true {
            let (layout, fingerprint) = try SearchLayout.read(from: place)
            let old = current
            do {
                if layout == old.layout { return try old.refresh(workers: workers) }
                let new = try Generation.open(
                    layout,
                    in: place,
                    fingerprint: fingerprint,
                    readOnly: true,
                    durability: durability,
                    maintenance: maintenance,
                    compute: compute
                )
                return generation.withLock { $0 = new }
            } catch {
                // It may have moved to another model meanwhile.
                guard try SearchLayout.read(from: place).layout != layout else { throw error }
            }
        }
    }

    /// Writes the index as it is now, with its model, into a folder of its own: a backup of one that goes on being searched
    /// and changed.
    ///
    /// The copy has every change that returned before this was called, and those under way as a whole or not at all. An
    /// index that was opened for reading, while another process writes, is copied as it was read.
    ///
    /// - Parameter folder: what isn't there yet; complete or not there, whatever happens on the way, and on the disk when
    ///   this returns.
    /// - Throws: ``SearchIndexError`` with code `.exists` where there is something already; ``FileError`` or
    ///   ``RetrievalError`` with code `.fileSystem` where it can't be written, `.damagedFile` where a file of this index is.
    /// - Complexity: O(bytes of the index), on one thread of low priority.
    public func write(to folder: URL) async throws {
        if FileManager.default.fileExists(atPath: folder.path) {
            throw SearchIndexError(
                code: .exists,
                message: "\(folder.path) exists already: name a folder that isn't there yet"
            )
        }
        let generation = current
        try await Workers.maintenance.run { _ in
            try AtomicFolder.write(to: folder, overwriting: false) { try generation.write(to: SearchPlace($0)) }
        }
    }

    /// Ends the changes and lets go of the folder; see ``VectorIndex/close()``.
    public func close() async throws { try await current.close() }

    /// See ``VectorIndex/compact()``.
    public func compact() async throws { try await current.vectors.compact() }

    /// See ``VectorIndex/settle()``.
    public func settle() async {
        let generation = current
        await generation.vectors.settle()
        await generation.words.settle()
    }

    /// See ``VectorIndex/maintenanceFailure``.
    public var maintenanceFailure: (any Error)? { current.vectors.maintenanceFailure }

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
        /// There is an index, or something else, already.
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
