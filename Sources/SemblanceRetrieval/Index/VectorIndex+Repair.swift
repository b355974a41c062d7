internal import CSemblanceFAISS
public import Foundation
internal import SemblanceNumerics

/// What ``VectorIndex/repair(at:)`` did.
public struct RepairReport: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Segments of which nothing could be kept.
    public var droppedSegments: [Int] = []
    /// Segments that were built anew from what was whole of their vectors.
    public var rebuiltSegments: [Int] = []
    /// Vectors that can't be found any more.
    public var lostVectors = 0
    /// Their ids, where they are known, in order.
    public var lostIDs: [Int64] = []
    /// Bytes of the journal behind its first damaged record: the newest changes.
    public var lostJournalBytes = 0
    /// Whether it isn't known which vectors were removed or replaced, so that some of them are back.
    public var removedMayBeBack = false
    /// What was wrong.
    public var damage: [VerificationReport.Damage] = []
    /// The folder inside the index' one that has the files which are not used any more; `nil` where nothing was lost.
    public var keptIn: String?

    /// What was wrong and what was lost, in lines.
    public var description: String {
        if damage.isEmpty { return "nothing is wrong" }
        var lines = damage.map { "\($0.file): \($0.message)" }
        if !rebuiltSegments.isEmpty { lines.append("built anew: segments \(rebuiltSegments)") }
        if !droppedSegments.isEmpty { lines.append("lost: segments \(droppedSegments)") }
        lines.append("lost: \(lostVectors) vectors, \(lostJournalBytes) bytes of the journal")
        if !lostIDs.isEmpty {
            let some = lostIDs.prefix(20).map { "\($0)" }.joined(separator: ", ")
            lines.append("lost ids: \(some)\(lostIDs.count > 20 ? " and \(lostIDs.count - 20) more" : "")")
        }
        if removedMayBeBack { lines.append("vectors that were removed or replaced may be back") }
        if let keptIn { lines.append("the old files are in \(keptIn)") }
        return lines.joined(separator: "\n")
    }
}

extension VectorIndex {
    /// Makes a damaged folder one that opens, with all that is whole, and says what was lost.
    ///
    /// A segment of which the ids are whole keeps every vector that is: it is built anew where its own index or a part of
    /// its vectors is damaged. The journal counts up to its first damaged record. The new state is there as a whole or
    /// not at all; files that it doesn't use move to a folder of their own inside and can be removed.
    ///
    /// - Parameter url: the folder of an index that nobody writes.
    /// - Throws: ``RetrievalError`` with code `.damagedFile` where neither `index.json` nor its copy can be read;
    ///   ``FileError``, with code `.locked` where another one writes. The folder is then as it was.
    public static func repair(at url: URL) throws -> RepairReport {
        try repair(at: url.path, files: SystemFiles())
    }

    package static func repair(at path: String, files: any FileLayer) throws -> RepairReport {
        try demandIndex(at: path, files: files)
        ProcessSettings.apply()
        let lock = try files.lock(path + "/lock")
        let found = try verify(at: path, files: files)
        if found.isWhole { return RepairReport() }
        var repair = try Repair(path: path, files: files, damage: found.damage)
        return try repair.run(lock)
    }
}

/// Saving what is whole of one folder.
private struct Repair {
    private let path: String
    private let files: any FileLayer
    private let manifest: IndexManifest
    private var report: RepairReport

    init(path: String, files: any FileLayer, damage: [VerificationReport.Damage]) throws {
        (self.path, self.files) = (path, files)
        report = RepairReport(damage: damage)
        do {
            manifest = try IndexFolder.readManifest(at: path, files: files)
        } catch {
            guard let copy = try? IndexFolder.readManifest(at: path, named: IndexManifest.copyName, files: files) else {
                throw error
            }
            manifest = copy
        }
    }

    mutating func run(_ lock: FileLock) throws -> RepairReport {
        let numbers = try Journal.numbers(in: path, files)
        // Two on, so that it is never taken for the one after the last, should this be interrupted.
        let journalNumber = max(numbers.last ?? 0, manifest.journal) + 2
        let salvager = Salvager(path: path, files: files, manifest: manifest, firstNumber: try firstNumber())
        let (state, sequence) = try recovered(with: salvager)
        let tails = state.parts.filter(\.isTail)
        var saved = state
        saved.parts.removeAll(where: \.isTail)
        let journal = try Journal.create(
            in: path,
            number: journalNumber,
            firstSequence: max(manifest.sequence, sequence) + 1,
            identity: manifest.identity,
            files: files
        )
        let folder = IndexFolder(
            path: path,
            durability: .everyWrite,
            files: files,
            journal: journal,
            manifest: manifest,
            lock: lock
        )
        if let sealed = try salvager.builder.build(tails, number: salvager.newNumber()) {
            saved.parts.append(sealed)
        }
        let kept = try keepOldManifest()
        let needed = try folder.commitKeepingOld(saved)
        try? moveUnused(to: kept, but: needed)

        report.droppedSegments = salvager.dropped.sorted()
        report.rebuiltSegments = salvager.rebuilt.sorted()
        report.lostIDs = salvager.lostIDs.filter { saved.place(of: $0) == nil }.sorted()
        report.lostVectors = salvager.lostIDs.isEmpty ? salvager.unnamed : report.lostIDs.count + salvager.unnamed
        report.keptIn = kept
        return report
    }

    /// A number no file has.
    private func firstNumber() throws -> Int {
        let used = try files.names(in: path).compactMap { name -> Int? in
            guard name.hasPrefix(SegmentFiles.prefix) else { return nil }
            return Int(name.dropFirst(SegmentFiles.prefix.count).prefix { $0.isNumber })
        }
        return (used + manifest.segments.map(\.number)).max().map { min($0, 1 << 53) + 1 } ?? 1
    }

    /// The state that can be had, and the last change in it.
    private mutating func recovered(with salvager: Salvager) throws -> (IndexState, UInt64) {
        var bits: [UInt8]?
        do {
            bits = try Recovery.liveBits(path: path, manifest: manifest, files: files)
        } catch is RetrievalError { report.removedMayBeBack = true } catch is FileError {
            report.removedMayBeBack = true
        }
        var known = manifest
        let wanted = known.segments.reduce(0) { $0 + ($1.hasDead ? ($1.count + 7) / 8 : 0) }
        if bits?.count ?? 0 != wanted { report.removedMayBeBack = true }
        if report.removedMayBeBack { for index in known.segments.indices { known.segments[index].hasDead = false } }
        var recovery = try Recovery(
            path: path,
            manifest: known,
            bits: bits,
            tailCapacity: MaintenanceConfiguration().sealingCount,
            open: salvager.part
        )
        var sequence: UInt64 = 0
        do {
            let salvage = try unsafe Journal.salvage(
                path,
                from: manifest.journal,
                identity: manifest.identity,
                files: files,
                expecting: manifest.known
            ) { try unsafe recovery.replay($0, $1) }
            report.lostJournalBytes = salvage.damage == nil ? 0 : salvage.lostBytes
            sequence = salvage.lastSequence
        } catch let error as FileError {
            // The journal can't be read at all.
            report.damage.append(.init(file: "journal", message: error.message))
        }
        var state = recovery.finish(closingTails: true)
        if report.removedMayBeBack { state.keepOnce() }
        return (state, sequence)
    }

    /// Makes the folder for what isn't used any more, with the manifest as it is.
    private func keepOldManifest() throws -> String {
        let names = Set(try files.names(in: path))
        let name = (1...).lazy.map { "damaged-\($0)" }.first { !names.contains($0) } ?? "damaged"
        try files.createFolder(path + "/" + name)
        if let old = try? files.read(path + "/" + IndexManifest.name) {
            try files.write(unsafe old.withBytes { unsafe Data($0) }, to: path + "/" + name + "/" + IndexManifest.name)
        }
        return name
    }

    private func moveUnused(to kept: String, but needed: Set<String>) throws {
        for name in try files.names(in: path) where IndexFolder.isOurs(name) && !needed.contains(name) {
            try files.rename(path + "/" + name, to: path + "/" + kept + "/" + name)
        }
        try files.synchronise(folder: path + "/" + kept)
        try files.synchronise(folder: path)
    }
}

/// Opens segments, or builds them anew from what is whole.
private final class Salvager {
    private let path: String
    private let files: any FileLayer
    private let manifest: IndexManifest
    private var number: Int
    private(set) var dropped: [Int] = []
    private(set) var rebuilt: [Int] = []
    private(set) var lostIDs: Set<Int64> = []
    /// How many more were lost, of which the ids aren't known.
    private(set) var unnamed = 0

    init(path: String, files: any FileLayer, manifest: IndexManifest, firstNumber: Int) {
        (self.path, self.files, self.manifest, number) = (path, files, manifest, firstNumber)
    }

    func newNumber() -> Int {
        defer { number += 1 }
        return number
    }

    var builder: SegmentBuilder {
        SegmentBuilder(
            dimension: manifest.dimension,
            metric: manifest.metric,
            kind: manifest.kind,
            memoryBudget: nil,
            writer: { [path, files] in SegmentFileWriter(number: $0, folder: path, files: files) },
            workers: Workers.shared(threads: ComputeOptions().threads)
        )
    }

    private func open(_ role: SegmentFiles.Role, _ number: Int, _ identity: BlockFileIdentity) throws -> BlockFile {
        try BlockFile.open(path + "/" + SegmentFiles.name(number, role), expecting: identity, files: files)
    }

    func part(_ entry: IndexManifest.SegmentEntry, _ live: LiveSlots) throws -> Part? {
        let file = try? open(.ids, entry.number, entry.files.ids)
        guard let ids = file, ids.count == entry.count * 8, ids.damage().isEmpty else {
            dropped.append(entry.number)
            unnamed += live.count
            return nil
        }
        return try withExtendedLifetime(ids) {
            let ids = unsafe ids.bytes.assumingMemoryBound(to: Int64.self)
            return try unsafe part(entry, live, ids: ids)
        }
    }

    private func part(
        _ entry: IndexManifest.SegmentEntry,
        _ live: LiveSlots,
        ids: UnsafeBufferPointer<Int64>
    ) throws -> Part? {
        let size = manifest.dimension * MemoryLayout<Float>.size
        var usable = live
        func lose(_ slots: Range<Int>) {
            for slot in slots where usable.remove(slot) { lostIDs.insert(unsafe ids[slot]) }
        }

        let vectors = entry.files.vectors.flatMap { try? open(.vectors, entry.number, $0) }
        let payloads = entry.files.payloads.flatMap {
            try? Payloads.opened(open(.payloads, entry.number, $0), count: entry.count)
        }
        let hasVectors = entry.files.vectors == nil || vectors?.count == entry.count * size
        let hasPayloads = entry.files.payloads == nil || payloads != nil
        var segment: Part?
        if hasVectors, hasPayloads {
            segment = try? Part(entry, live: live, in: path, manifest: manifest, files: files)
        }
        guard hasVectors, hasPayloads, segment != nil || vectors != nil else {
            lose(0..<entry.count)
            dropped.append(entry.number)
            return nil
        }
        for (range, _) in vectors?.damage() ?? [] {
            lose(range.lowerBound / size..<min(entry.count, (range.upperBound - 1) / size + 1))
        }
        if let payloads {
            for slot in 0..<entry.count where (try? payloads[slot]) == nil { lose(slot..<slot + 1) }
        }
        if let segment, usable.count == live.count { return segment }
        rebuilt.append(entry.number)
        let full = try vectors.map { try FullVectors($0, count: entry.count, dimension: manifest.dimension) }
        let rows = unsafe full.map { unsafe semblance_rows(base: $0.base, index: nil) } ?? segment?.source
        guard let rows = unsafe rows else { return nil }
        let source = unsafe VectorSource(
            rows: rows,
            ids: ids,
            live: usable,
            payload: { try payloads?[$0] ?? [] },
            hasPayloads: payloads != nil
        )
        return try withExtendedLifetime((full, segment)) {
            try builder.build([source], number: newNumber())
        }
    }
}
