import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

/// What a test expects a journal to do, whatever the disk does.
struct JournalModel {
    static let folder = "/index"
    static let identity: UInt64 = 0x1234_5678_9abc_def0

    /// A broken promise.
    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    var disk: SimulatedDisk
    var journal: Journal
    var random: RandomStream
    /// The payloads that are in the journal, from `base` on.
    var log: [[UInt8]] = []
    /// How many of the records, from the first ever, are acknowledged as durable.
    var acknowledged = 0
    /// What the log was before calls that threw took something out of it which the disk wouldn't settle.
    var former: [[[UInt8]]] = []
    /// The first file that counts, and how many records are before it.
    var firstFile = 1
    var base = 0
    private var made: UInt64 = 0
    /// What was asked of the disks before this one.
    private var past: [String] = []

    init(seed: UInt64, capacity: Int = .max) throws {
        random = RandomStream(seed: seed)
        disk = SimulatedDisk(seed: seed, capacity: capacity)
        try disk.createFolder(Self.folder)
        try disk.synchronise(folder: "/")
        journal = try Journal.create(in: Self.folder, identity: Self.identity, files: disk)
    }

    mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    /// A payload like no other.
    mutating func payload() -> [UInt8] {
        made += 1
        let size: Int
        switch pick(0..<40) {
        case 0: size = pick(65_000..<70_000)
        case 1..<8: size = pick(500..<5000)
        default: size = pick(0..<200)
        }
        let name = made.littleEndian
        return unsafe withUnsafeBytes(of: name) { unsafe Array($0) }
            + [UInt8](repeating: UInt8(made % 251), count: size)
    }

    /// Does something with the journal and checks what it says of it.
    ///
    /// - Returns: whether it worked.
    @discardableResult
    mutating func attempt(settles: Bool, _ body: (Journal) throws -> Void) throws -> Bool {
        let before = log
        let works: Bool
        do {
            try body(journal)
            works = true
        } catch is FileError {
            works = false
        }
        let (last, durable) = (Int(journal.lastSequence), Int(journal.durableSequence))
        acknowledged = max(acknowledged, durable)
        if works {
            if settles { former = [] }
        } else {
            try demand(last <= base + log.count && last >= acknowledged, "\(last) records of \(base + log.count)")
            if last < base + log.count {
                former.append(before)
                log.removeLast(base + log.count - last)
            }
        }
        return works
    }

    mutating func append() throws {
        let payload = payload()
        let cut = pick(0..<payload.count + 1)
        let works = try attempt(settles: true) { journal in
            try unsafe payload.withUnsafeBytes { bytes in
                _ = try unsafe journal.append([
                    UnsafeRawBufferPointer(rebasing: bytes[..<cut]), UnsafeRawBufferPointer(rebasing: bytes[cut...]),
                ])
            }
        }
        if works {
            log.append(payload)
        } else {
            former.append(log + [payload])
        }
        try demand(Int(journal.lastSequence) == base + log.count, "the last is \(journal.lastSequence)")
    }

    mutating func synchronise() throws {
        let works = try attempt(settles: true) { try $0.synchronise() }
        try demand(!works || acknowledged == base + log.count, "a sync left something out")
    }

    mutating func rotate() throws {
        let works = try attempt(settles: true) { try $0.rotate() }
        try demand(!works || acknowledged == base + log.count, "a rotation left something out")
    }

    /// Forgets what is before the last file, as after a snapshot.
    mutating func checkpoint() throws {
        guard try attempt(settles: true, { try $0.rotate() }) else { return }
        (firstFile, base, log, former) = (journal.number, base + log.count, [], [])
        let number = firstFile
        try attempt(settles: false) { try $0.removeFiles(before: number) }
    }

    /// Opens what is found, and checks that it is what must be there.
    ///
    /// - Parameter isFailing: whether the disk refused to the end, so that what threw last may be there.
    mutating func reopen(_ found: SimulatedDisk, isFailing: Bool, known: [Journal.KnownFile] = []) throws {
        past += disk.history + ["---"]
        var records: [[UInt8]] = []
        let first = UInt64(base)
        disk = found
        do {
            journal = try unsafe Journal.open(
                Self.folder,
                from: firstFile,
                identity: Self.identity,
                files: found,
                expecting: known
            ) { sequence, payload in
                guard sequence == first + UInt64(records.count) + 1 else {
                    throw Broken(description: "record \(sequence)")
                }
                unsafe records.append(Array(payload))
            }
        } catch let error as RetrievalError {
            try demand(false, "\(error)")
        }
        try demand(base + records.count >= acknowledged, "\(base + records.count) of \(acknowledged) acknowledged")
        let possible = isFailing ? [log] + former : [log]
        try demand(
            possible.contains { $0.starts(with: records) },
            "\(records.count) records were found, of \(log.count); \(possible.count) logs"
        )
        (log, former) = (records, [])
    }

    mutating func kill(isFailing: Bool = false) throws {
        let whole = base + log.count
        try reopen(disk.kill(), isFailing: isFailing)
        try demand(base + log.count >= whole, "a killed process lost \(whole - base - log.count) records")
    }

    mutating func losePower(isFailing: Bool = false) throws {
        try reopen(disk.losePower(seed: random.next()), isFailing: isFailing)
        // What was found is on the disk.
        acknowledged = base + log.count
    }

    func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition {
            throw Broken(description: what() + "\n" + (past + disk.history).suffix(60).joined(separator: "\n"))
        }
    }
}
