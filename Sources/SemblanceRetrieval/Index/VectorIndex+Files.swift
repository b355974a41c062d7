internal import CSemblanceFAISS
public import Foundation
public import SemblanceNumerics
internal import Synchronization

// MARK: - In a folder

extension VectorIndex {
    /// An empty index in a folder of its own.
    ///
    /// - Parameters:
    ///   - url: a folder that isn't there yet, or is empty.
    ///   - durability: when a change is on the disk. The default is: when its call returns.
    /// - Throws: ``RetrievalError`` as ``init(dimension:metric:kind:maintenance:options:)``, and `.fileSystem` where there
    ///   is something else; ``FileError``.
    public static func create(
        at url: URL,
        dimension: Int,
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        options: ComputeOptions = ComputeOptions()
    ) throws -> VectorIndex {
        let manifest = IndexManifest(
            identity: .random(in: 1 ... .max),
            dimension: dimension,
            metric: metric,
            kind: kind,
            hasPayloads: false
        )
        return try create(
            at: url.path,
            manifest: manifest,
            durability: durability,
            maintenance: maintenance,
            options: options,
            files: SystemFiles()
        )
    }

    /// An empty index in a folder, with what its owner keeps with each vector and says of the whole.
    package static func create(
        at path: String,
        dimension: Int,
        metric: Metric,
        kind: IndexKind,
        attributes: [String: String],
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions,
        files: any FileLayer
    ) throws -> VectorIndex {
        var manifest = IndexManifest(
            identity: .random(in: 1 ... .max),
            dimension: dimension,
            metric: metric,
            kind: kind,
            hasPayloads: true
        )
        manifest.attributes = attributes
        return try create(
            at: path,
            manifest: manifest,
            durability: durability,
            maintenance: maintenance,
            options: options,
            files: files
        )
    }

    /// Opens an index in a folder; also gives what its owner said of it.
    package static func openWithAttributes(
        at path: String,
        readOnly: Bool,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions,
        files: any FileLayer
    ) throws -> (index: VectorIndex, attributes: [String: String]) {
        let opened = try open(
            at: path,
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            options: options,
            files: files
        )
        return (opened.index, opened.manifest.attributes)
    }

    static func create(
        at path: String,
        manifest: IndexManifest,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions,
        files: any FileLayer
    ) throws -> VectorIndex {
        try validate(
            dimension: manifest.dimension,
            metric: manifest.metric,
            kind: manifest.kind,
            maintenance: maintenance
        )
        return VectorIndex(
            state: IndexState(),
            dimension: manifest.dimension,
            metric: manifest.metric,
            kind: manifest.kind,
            maintenance: maintenance,
            options: options,
            hasPayloads: manifest.hasPayloads,
            place: IndexPlace(path: path, files: files, identity: manifest.identity),
            folder: try IndexFolder.create(at: path, manifest: manifest, durability: durability, files: files),
            durability: durability
        )
    }

    /// Opens an index in the state of its last durable change.
    ///
    /// One process writes at a time: its lock goes when it closes the index or ends. Others may read meanwhile; they see
    /// the state at their opening, or at their last ``refresh()``.
    ///
    /// - Parameters:
    ///   - url: a folder that ``create(at:dimension:metric:kind:durability:maintenance:options:)`` or ``write(to:)``
    ///     made; or a plain file of FAISS, which is read into memory. Such a file carries no hash: open only one you
    ///     trust.
    ///   - readOnly: whether the folder stays as it is, and the lock is left to others.
    ///   - durability: when a change is on the disk.
    /// - Throws: ``RetrievalError`` with code `.damagedFile` where a file isn't what was written (``repair(at:)`` keeps
    ///   what is whole), `.fileSystem`; ``FileError`` with code `.locked` where another one writes.
    public static func open(
        at url: URL,
        readOnly: Bool = false,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        options: ComputeOptions = ComputeOptions()
    ) throws -> VectorIndex {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw RetrievalError(code: .fileSystem, message: "\(url.path) is not there; check the path")
        }
        if !isFolder.boolValue { return try importing(url, maintenance: maintenance, options: options) }
        return try open(
            at: url.path,
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            options: options,
            files: SystemFiles()
        ).index
    }

    /// Opens the index in a folder, or makes an empty one where there is none yet: a service's first start and every
    /// other one.
    ///
    /// - Parameters: as for ``create(at:dimension:metric:kind:durability:maintenance:options:)``.
    /// - Throws: as that and ``open(at:readOnly:durability:maintenance:options:)``; ``RetrievalError`` with code
    ///   `.dimensionMismatch` or `.invalidArgument` where the index that is there has another dimension, metric or kind.
    public static func openOrCreate(
        at url: URL,
        dimension: Int,
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        durability: Durability = .everyWrite,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        options: ComputeOptions = ComputeOptions()
    ) throws -> VectorIndex {
        let files = SystemFiles()
        guard files.exists(url.path + "/" + IndexManifest.name) else {
            return try create(
                at: url,
                dimension: dimension,
                metric: metric,
                kind: kind,
                durability: durability,
                maintenance: maintenance,
                options: options
            )
        }
        // Looked at before it is opened, which may take long.
        let manifest = try IndexFolder.readManifest(at: url.path, files: files)
        guard manifest.dimension == dimension else {
            throw RetrievalError(
                code: .dimensionMismatch,
                message: "the index in \(url.path) has dimension \(manifest.dimension), not \(dimension)"
            )
        }
        guard manifest.metric == metric, manifest.kind == kind else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "the index in \(url.path) is \(manifest.kind) by \(manifest.metric.rawValue), not \(kind) by "
                    + "\(metric.rawValue): open it as it is, or make another one"
            )
        }
        return try open(at: url, durability: durability, maintenance: maintenance, options: options)
    }

    /// As above, also with what its owner said of it.
    static func open(
        at path: String,
        readOnly: Bool,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions,
        files: any FileLayer
    ) throws -> (index: VectorIndex, manifest: IndexManifest) {
        try maintenance.validate()
        ProcessSettings.apply()
        guard files.exists(path + "/" + IndexManifest.name) else {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(path) holds no index: \(IndexManifest.name) is missing"
            )
        }
        let contents = try IndexFolder.open(
            at: path,
            readOnly: readOnly,
            durability: durability,
            tailCapacity: maintenance.sealingCount,
            files: files
        )
        let manifest = contents.manifest
        let index = VectorIndex(
            state: contents.state,
            dimension: manifest.dimension,
            metric: manifest.metric,
            kind: manifest.kind,
            maintenance: maintenance,
            options: options,
            hasPayloads: manifest.hasPayloads,
            place: IndexPlace(path: path, files: files, identity: manifest.identity),
            folder: contents.folder,
            durability: durability,
            isReadOnly: readOnly
        )
        if !readOnly { index.keepUp() }
        return (index, manifest)
    }

    private static func importing(
        _ url: URL,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions
    ) throws -> VectorIndex {
        try maintenance.validate()
        let segment = try Segment(importing: url)
        let kind: IndexKind =
            switch segment.structure {
            case SEMBLANCE_INDEX_EXACT: .exact
            case SEMBLANCE_INDEX_HNSW: .hnsw
            case SEMBLANCE_INDEX_IVF: .ivf
            default: .automatic
            }
        let part = Part(
            number: 1,
            rows: .sealed(segment, payloads: nil),
            live: LiveSlots(slots: segment.count)
        )
        return VectorIndex(
            state: IndexState(parts: [part]),
            dimension: segment.dimension,
            metric: segment.metric == SEMBLANCE_METRIC_L2 ? .l2 : .innerProduct,
            kind: kind,
            maintenance: maintenance,
            options: options
        )
    }

    /// Writes the index as it is now into a folder of its own, which ``open(at:readOnly:durability:maintenance:options:)``
    /// opens: a copy of an index in memory, or a backup of one that goes on changing.
    ///
    /// At any moment there is what was there before, or nothing, or the whole new folder; everything is on the disk when
    /// this returns.
    ///
    /// - Parameter url: what isn't there yet, or the folder of an index that nobody has open, which is replaced.
    /// - Throws: ``RetrievalError`` with code `.fileSystem`; what was there is still there then.
    public func write(to url: URL) async throws {
        try await Workers.maintenance.run { _ in try self.writeNow(to: url) }
    }

    /// As above, blocking the calling thread.
    package func writeNow(to url: URL, attributes: [String: String] = [:]) throws {
        let state = current
        let path = url.path
        let isIndex = FileManager.default.fileExists(atPath: path + "/" + IndexManifest.name)
        let files = SystemFiles()
        // Nobody who has it open is to lose it.
        let lock = isIndex ? try files.lock(path + "/lock") : nil
        do {
            try AtomicFolder.write(to: url, overwriting: isIndex) { fresh in
                let manifest = IndexManifest(
                    identity: .random(in: 1 ... .max),
                    dimension: dimension,
                    metric: metric,
                    kind: kind,
                    hasPayloads: hasPayloads
                )
                let folder = try IndexFolder.create(at: fresh.path, manifest: manifest, files: files)
                var copy = IndexState()
                for part in state.parts where !part.isTail && part.live.count > 0 {
                    copy.parts.append(try part.copied(to: folder, as: copy.parts.count + 1))
                }
                let tails = state.parts.filter(\.isTail)
                let builder = builder(folder: folder, workers: workers)
                if let sealed = try builder.build(tails, number: copy.parts.count + 1) { copy.parts.append(sealed) }
                try folder.commit(copy, attributes: attributes)
                try folder.close(copy)
            }
        } catch let error as RetrievalError {
            throw error
        } catch {
            throw RetrievalError(code: .fileSystem, message: "the index could not be written: \(error)")
        }
        withExtendedLifetime(lock) {}
    }

    /// Brings an index that was opened for reading to the state of its folder: every search that begins after this
    /// returned sees all changes that returned, in the process that writes, before this was called.
    ///
    /// Searches under way keep the state they have. An index that isn't one for reading is always in its last state.
    ///
    /// - Throws: as ``open(at:readOnly:durability:maintenance:options:)``; the index then stays in the state it has.
    /// - Complexity: O(bytes of what changed): segments that are open already aren't read again.
    public func refresh() async throws {
        try await workers.run { _ in try self.refreshNow { _ in {} } }
    }

    /// As above, blocking the calling thread, where `publish` is called with the new state, in one step with its becoming
    /// visible to ``snapshot(with:)``.
    package func refreshNow(publish: (IndexSnapshot) throws -> @Sendable () -> Void) throws {
        guard let place, folder == nil else { return }
        // One after the other, so that none brings back an older state.
        try refreshing.withLock { _ in
            let found = try IndexFolder.open(
                at: place.path,
                readOnly: true,
                durability: durability,
                tailCapacity: maintenance.sealingCount,
                files: place.files,
                knowing: current.parts
            )
            guard found.manifest.identity == place.identity else {
                throw RetrievalError(
                    code: .fileSystem,
                    message: "there is another index in \(place.path) now: open that"
                )
            }
            let fresh = found.state
            let body = try publish(IndexSnapshot(state: fresh))
            state.withLock { state in
                state = fresh
                body()
            }
        }
    }

    /// Ends the changes: waits for those under way and for the background, makes everything durable, and lets go of the
    /// folder. Searches go on; changes throw ``RetrievalError`` with code `.readOnly`.
    ///
    /// An index that isn't closed loses nothing either; opening it takes a little longer. One that is closed, or was
    /// opened for reading, has nothing to end.
    public func close() async throws {
        guard let folder, !isReadOnly.load(ordering: .relaxed) else { return }
        await settle()
        try await onChanges { [self] in
            if isReadOnly.load(ordering: .relaxed) { return }
            try folder.close(current)
            isReadOnly.store(true, ordering: .relaxed)
        }
    }
}

extension Part {
    /// The same sealed part with files in another folder.
    fileprivate func copied(to folder: IndexFolder, as number: Int) throws -> Part {
        guard case .sealed(let segment, let payloads) = rows else { return self }
        let writer = folder.files(of: number)
        if let full = segment.full {
            try full.verifyAll()
            _ = try writer.writeVectors(count: segment.count, dimension: segment.dimension) { take in
                for first in stride(from: 0, to: segment.count, by: 4096) {
                    let count = min(4096, segment.count - first)
                    var part = Matrix(uninitializedRows: count, columns: segment.dimension)
                    unsafe part.withMutablePointer {
                        unsafe $0.update(from: full.base + first * segment.dimension, count: count * segment.dimension)
                    }
                    try take(part, [])
                }
            }
        }
        if let payloads { _ = try writer.writePayloads(count: segment.count) { try payloads[$0] } }
        try writer.finish(segment)
        return Part(number: number, rows: rows, live: live, files: writer.identities, isGrown: isGrown)
    }
}
