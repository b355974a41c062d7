internal import CSemblanceFAISS
internal import Foundation
internal import SemblanceNumerics
internal import Synchronization

/// The files of a durable index: sealed segments, the live slots of those, a journal of what came since, and a manifest
/// that ties them together.
///
///     index.json                 the manifest; index.copy.json is the same
///     segment-00000001.faiss …   see ``SegmentFiles``
///     live-7.bits                which slots of the segments are live
///     journal-00000003.log …     the changes since
///     lock                       held by the process that writes
///
/// Every file but the journal's last is complete before the manifest names it and never changes; the manifest is
/// replaced in one step. What the manifest doesn't name is rubbish that the next writer removes.
///
/// A replay starts at the file of the journal in which the oldest tail begins. The segments know of changes up to
/// ``IndexManifest/sequence``; of those, a replay only brings back the tails.
final class IndexFolder: Sendable {
    let path: String
    let files: any FileLayer
    private let journal: Journal
    private let manifest: Mutex<IndexManifest>
    /// Of the last manifest that was tried: where that failed, either may be on the disk.
    private let generation: Mutex<Int>
    /// Records that are not durable and whose callers don't wait for that; a sync that fails takes them out of the
    /// journal.
    private let unsynced = Mutex<[(sequence: UInt64, record: ChangeRecord)]>([])
    /// Files that a manifest named which was replaced.
    private let replaced = Mutex<Set<String>>([])
    /// Whether such records are kept for another try.
    private let keepsUnsynced: Bool
    /// Until the index is closed.
    private let lock: Mutex<FileLock?>
    /// Bytes of the journal that aren't rows of tails, about: since the manifest, or since the replay's beginning.
    private let written: Atomic<Int>

    init(
        path: String,
        durability: Durability,
        files: any FileLayer,
        journal: Journal,
        manifest: IndexManifest,
        lock: FileLock,
        overhead: Int = 0
    ) {
        written = Atomic(overhead)
        (self.path, self.files, self.journal) = (path, files, journal)
        self.lock = Mutex(lock)
        self.manifest = Mutex(manifest)
        generation = Mutex(manifest.generation)
        keepsUnsynced = durability != .everyWrite
    }

    /// Makes the folder of an empty index.
    ///
    /// - Throws: ``RetrievalError`` with code `.fileSystem` where there is an index already.
    static func create(
        at path: String,
        manifest: IndexManifest,
        durability: Durability = .everyWrite,
        files: any FileLayer
    ) throws -> IndexFolder {
        try files.createFolder(path)
        let lock = try files.lock(path + "/lock")
        guard !files.exists(path + "/" + IndexManifest.name) else {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(path) holds an index already: open it, or name another folder"
            )
        }
        let strangers = try files.names(in: path).filter { $0 != "lock" && !isOurs($0) }
        guard strangers.isEmpty else {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(path) holds other files (\(strangers.sorted()[0])): name a new or an empty folder"
            )
        }
        try removeAll(in: path, but: ["lock"], files: files)
        let journal = try Journal.create(in: path, identity: manifest.identity, files: files)
        try files.write(manifest.encoded(), to: path + "/" + IndexManifest.name)
        try files.write(manifest.encoded(), to: path + "/" + IndexManifest.copyName)
        try files.synchronise(folder: folder(of: path))
        return IndexFolder(
            path: path,
            durability: durability,
            files: files,
            journal: journal,
            manifest: manifest,
            lock: lock
        )
    }

    /// What was found in a folder.
    struct Contents {
        var manifest: IndexManifest
        var state: IndexState
        /// For going on; `nil` where it was opened for reading alone.
        var folder: IndexFolder?
    }

    /// Opens a folder in the state of its last acknowledged change.
    ///
    /// - Parameters:
    ///   - tailCapacity: rows of a tail.
    ///   - known: parts that are open already; those of the same files are taken as they are.
    /// - Throws: ``RetrievalError``, ``FileError``.
    static func open(
        at path: String,
        readOnly: Bool,
        durability: Durability,
        tailCapacity: Int,
        files: any FileLayer,
        knowing known: [Part] = []
    ) throws -> Contents {
        let lock = readOnly ? nil : try files.lock(path + "/lock")
        while true {
            let manifest = try readManifest(at: path, files: files)
            do {
                return try open(
                    at: path,
                    manifest: manifest,
                    durability: durability,
                    tailCapacity: tailCapacity,
                    lock: lock,
                    files: files,
                    knowing: known
                )
            } catch {
                // Another process may have written the next state meanwhile and removed the files of this one.
                guard readOnly, try readManifest(at: path, files: files) != manifest else { throw error }
            }
        }
    }

    private static func open(
        at path: String,
        manifest: IndexManifest,
        durability: Durability,
        tailCapacity: Int,
        lock: FileLock?,
        files: any FileLayer,
        knowing known: [Part]
    ) throws -> Contents {
        var recovery = try Recovery(
            path: path,
            manifest: manifest,
            tailCapacity: tailCapacity,
            files: files,
            knowing: known
        )
        func demand(_ sequence: UInt64) throws {
            guard sequence < manifest.sequence else { return }
            throw RetrievalError(
                code: .damagedFile,
                message: "the journal in \(path) ends with change \(sequence), and the segments know of "
                    + "\(manifest.sequence); put it back from a backup, or let `repair` keep what can be read"
            )
        }
        guard let lock else {
            let sequence = try unsafe Journal.read(
                path,
                from: manifest.journal,
                identity: manifest.identity,
                files: files,
                expecting: manifest.known
            ) { try unsafe recovery.replay($0, $1) }
            try demand(sequence)
            return Contents(manifest: manifest, state: recovery.finish(closingTails: false), folder: nil)
        }
        let journal = try unsafe Journal.open(
            path,
            from: manifest.journal,
            identity: manifest.identity,
            files: files,
            expecting: manifest.known
        ) { try unsafe recovery.replay($0, $1) }
        try demand(journal.lastSequence)
        let folder = IndexFolder(
            path: path,
            durability: durability,
            files: files,
            journal: journal,
            manifest: manifest,
            lock: lock,
            overhead: recovery.overhead
        )
        let state = recovery.finish(closingTails: true)
        // A full disk is no reason not to open.
        try? folder.removeRubbish(beside: state)
        return Contents(manifest: manifest, state: state, folder: folder)
    }

    static func readManifest(
        at path: String,
        named name: String = IndexManifest.name,
        files: any FileLayer
    ) throws -> IndexManifest {
        let file = path + "/" + name
        let data = try unsafe files.read(file).withBytes { unsafe Data($0) }
        return try IndexManifest(reading: data, at: file)
    }

    // MARK: Changes, by one thread

    /// The number of the journal's last file.
    var journalNumber: Int { journal.number }

    /// Bytes of the journal that a replay reads beside the rows of tails.
    var overhead: Int { written.load(ordering: .relaxed) }

    /// The last change in the journal.
    var lastSequence: UInt64 { journal.lastSequence }

    /// Appends a change to the journal; it is not durable yet.
    func append(_ record: ChangeRecord) throws {
        try restore()
        let sequence = try unsafe record.withBytes { try unsafe journal.append($0) }
        written.add(record.overhead, ordering: .relaxed)
        if keepsUnsynced { unsynced.withLock { $0.append((sequence, record)) } }
    }

    /// Appends again what a sync that failed took out of the journal though its callers were told that it is made.
    private func restore() throws {
        try unsynced.withLock { unsynced in
            for index in unsynced.indices where unsynced[index].sequence > journal.lastSequence {
                unsynced[index].sequence = try unsafe unsynced[index].record.withBytes {
                    try unsafe journal.append($0)
                }
            }
        }
    }

    /// Appends a segment whose files are durable.
    func append(_ part: Part, removed: [Int64]) throws {
        guard let files = part.files else { return }
        let entry = IndexManifest.SegmentEntry(number: part.number, count: part.live.slots, files: files)
        try append(.segment(entry, removed: removed))
    }

    func synchronise() throws {
        try restore()
        do {
            try journal.synchronise()
        } catch {
            // For who only loses the process.
            try? restore()
            throw error
        }
        unsynced.withLock { $0 = [] }
    }

    /// What comes next goes to a file of the journal that has nothing yet: a tail's changes must not be in one with
    /// those of a tail that was sealed.
    func beginJournalFile() throws {
        try synchronise()
        if !journal.isEmpty { try journal.rotate() }
    }

    /// Writes a manifest of a state whose changes are all in the journal, and removes what it makes superfluous.
    func commit(_ state: IndexState, attributes: [String: String]? = nil) throws {
        try commit(state, attributes: attributes, closes: false)
        removeReplaced()
    }

    /// As ``commit(_:attributes:)``, but what it makes superfluous stays.
    ///
    /// - Returns: the names of the files that are needed.
    func commitKeepingOld(_ state: IndexState) throws -> Set<String> {
        try commit(state, attributes: nil, closes: false)
        return manifest.withLock { $0.fileNames }.union([
            IndexManifest.name, IndexManifest.copyName, "lock",
            String(Journal.path(in: "", journal.number).dropFirst()),
        ])
    }

    /// As ``commit(_:attributes:)``, for good: the journal ends here, and another may write.
    func close(_ state: IndexState) throws {
        try commit(state, attributes: nil, closes: true)
        removeReplaced()
        lock.withLock { $0 = nil }
    }

    private func commit(_ state: IndexState, attributes: [String: String]?, closes: Bool) throws {
        // What the manifest says of the journal must be there as long as the manifest is.
        try synchronise()
        if !state.parts.contains(where: \.isTail) { try beginJournalFile() }
        let known = closes ? try journal.close() : []
        let old = manifest.withLock { $0 }
        var new = old
        new.generation = generation.withLock { generation in
            generation += 1
            return generation
        }
        if let attributes { new.attributes = attributes }
        new.sequence = journal.lastSequence
        new.journal = state.parts.filter(\.isTail).map(\.journal).min() ?? journal.number
        new.known = known.filter { $0.number >= new.journal }
        let sealed = state.parts.filter { !$0.isTail }
        new.segments = sealed.compactMap { part in
            part.files.map {
                .init(
                    number: part.number,
                    count: part.live.slots,
                    files: $0,
                    hasDead: part.live.bits != nil,
                    isGrown: part.isGrown ? true : nil
                )
            }
        }
        new.live = nil
        let dead = sealed.compactMap(\.live.bits)
        let livePath = path + "/" + new.liveName
        if !dead.isEmpty {
            // A process that was killed may have left one of this generation.
            if files.exists(livePath) { try files.remove(livePath) }
            let writer = try BlockFileWriter(livePath, files: files)
            do {
                for bits in dead { try unsafe bits.withUnsafeBytes { try unsafe writer.write($0) } }
                new.live = try writer.finish()
            } catch {
                writer.discard()
                throw error
            }
        }
        try files.synchronise(folder: path)
        try files.write(new.encoded(), to: path + "/" + IndexManifest.name)
        manifest.withLock { $0 = new }
        written.store(0, ordering: .relaxed)
        replaced.withLock { $0.formUnion(old.fileNames) }
    }

    /// Removes what the manifest doesn't name any more.
    private func removeReplaced() {
        let manifest = manifest.withLock { $0 }
        // What the copy names stays as long as it does; what can't be removed now is rubbish for the next writer.
        guard (try? files.write(manifest.encoded(), to: path + "/" + IndexManifest.copyName)) != nil else { return }
        let names = replaced.withLock { replaced in
            defer { replaced = [] }
            return replaced.subtracting(manifest.fileNames)
        }
        for name in names { try? files.remove(path + "/" + name) }
        try? journal.removeFiles(before: manifest.journal)
    }

    // MARK: Files

    /// Writes the files of a new segment.
    func files(of number: Int) -> SegmentFileWriter { SegmentFileWriter(number: number, folder: path, files: files) }

    /// Removes the files of a part that is not in any state, unless its record may yet be found.
    func removeFiles(of part: Part) {
        if journal.isUnsettled { return }
        for (name, _) in part.files?.named(part.number) ?? [] { try? files.remove(path + "/" + name) }
    }

    /// Whether a name is one that an index gives to its files.
    static func isOurs(_ name: String) -> Bool {
        [IndexManifest.name, IndexManifest.copyName, "lock"].contains(name) || name.hasSuffix(".partial")
            || [SegmentFiles.prefix, IndexManifest.livePrefix, "journal-"].contains(where: name.hasPrefix)
    }

    private func removeRubbish(beside state: IndexState) throws {
        // A process that was killed may have left the manifest's name unsynced, and the old one needs its files.
        try files.synchronise(folder: path)
        let manifest = manifest.withLock { $0 }
        if (try? Self.readManifest(at: path, named: IndexManifest.copyName, files: files)) != manifest {
            try files.write(manifest.encoded(), to: path + "/" + IndexManifest.copyName)
        }
        var needed = manifest.fileNames
        for part in state.parts { needed.formUnion(part.files?.named(part.number).map(\.name) ?? []) }
        for name in try files.names(in: path) where !needed.contains(name) {
            let isSegment = name.hasPrefix(SegmentFiles.prefix) || name.hasPrefix(IndexManifest.livePrefix)
            if isSegment || name.hasSuffix(".partial") { try? files.remove(path + "/" + name) }
        }
        try? journal.removeFiles(before: manifest.journal)
    }

    private static func removeAll(in path: String, but kept: Set<String>, files: any FileLayer) throws {
        for name in try files.names(in: path) where !kept.contains(name) { try files.remove(path + "/" + name) }
    }
}

/// Building a state from a manifest and the journal.
struct Recovery {
    /// Opens a segment; `nil` leaves it out.
    typealias Opener = (IndexManifest.SegmentEntry, LiveSlots) throws -> Part?

    private let manifest: IndexManifest
    private let tailCapacity: Int
    private let open: Opener
    private(set) var state = IndexState()
    /// Bytes that were replayed beside the rows of tails.
    private(set) var overhead = 0

    init(
        path: String,
        manifest: IndexManifest,
        tailCapacity: Int,
        files: any FileLayer,
        knowing known: [Part]
    ) throws {
        let bits = try Self.liveBits(path: path, manifest: manifest, files: files)
        try self.init(path: path, manifest: manifest, bits: bits, tailCapacity: tailCapacity) { entry, live in
            if let part = known.first(where: { $0.number == entry.number && $0.files == entry.files }) {
                var known = part
                known.live = live
                return known
            }
            return try Part(entry, live: live, in: path, manifest: manifest, files: files)
        }
    }

    /// The bits of the live slots of the segments that have dead ones.
    static func liveBits(path: String, manifest: IndexManifest, files: any FileLayer) throws -> [UInt8]? {
        try manifest.live.map { identity in
            let file = try BlockFile.open(path + "/" + manifest.liveName, expecting: identity, files: files)
            return try unsafe file.withBytes(0..<file.count) { unsafe Array($0) }
        }
    }

    init(
        path: String,
        manifest: IndexManifest,
        bits: [UInt8]?,
        tailCapacity: Int,
        open: @escaping Opener
    ) throws {
        (self.manifest, self.tailCapacity, self.open) = (manifest, tailCapacity, open)
        var next = 0
        for entry in manifest.segments {
            var live = LiveSlots(slots: entry.count)
            if entry.hasDead {
                let size = (entry.count + 7) / 8
                guard let bits, next + size <= bits.count else {
                    throw RetrievalError(
                        code: .damagedFile,
                        message: "\(path)/\(manifest.liveName) is too short for the segments; run `repair`"
                    )
                }
                live = LiveSlots(slots: entry.count, bits: Array(bits[next..<next + size]))
                next += size
            }
            if let part = try open(entry, live) { state.parts.append(part) }
        }
    }

    /// Makes a change again.
    mutating func replay(_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) throws {
        let isKnown = sequence <= manifest.sequence
        func range(_ state: IndexState) -> Range<Int>? {
            isKnown ? (state.parts.firstIndex(where: \.isTail) ?? state.parts.count)..<state.parts.count : nil
        }
        let record = try unsafe ChangeRecord(reading: payload, dimension: manifest.dimension)
        overhead += record.overhead
        switch record {
        case .change(let change):
            if !state.hasRoom(for: change.ids.count) {
                state.beginTail(
                    Tail(
                        dimension: manifest.dimension,
                        capacity: max(tailCapacity, change.ids.count),
                        hasPayloads: manifest.hasPayloads
                    ),
                    number: 0,
                    journal: manifest.journal
                )
            }
            _ = state.apply(change, removingFrom: range(state))
        case .segment(let entry, let removed):
            // One that is known is among the segments, or was merged into one of them.
            let part = try isKnown ? nil : open(entry, LiveSlots(slots: entry.count))
            _ = state.remove(removed, from: range(state))
            if let part { state.insert(part) }
        }
    }

    /// All records were replayed: segments among them may have had any number.
    mutating func finish(closingTails: Bool) -> IndexState {
        state.renumberTails()
        // Several tails are sealed together; what comes now begins another.
        if closingTails, state.parts.count(where: \.isTail) > 1 { state.closeTails() }
        return state
    }
}
