import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import SemblanceTestSupport
import Testing

private let folder = "/index"
private let identity: UInt64 = 42

/// A disk with an empty folder for a journal.
private func emptyDisk() throws -> SimulatedDisk {
    let disk = SimulatedDisk()
    try disk.createFolder(folder)
    try disk.synchronise(folder: "/")
    return disk
}

private func path(_ number: Int) -> String { "\(folder)/journal-0000000\(number).log" }

extension Journal {
    fileprivate func append(_ parts: [UInt8]...) throws {
        let buffers = unsafe parts.map { part in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 8)
            unsafe copy.copyBytes(from: part)
            return UnsafeRawBufferPointer(copy)
        }
        defer { unsafe buffers.forEach { unsafe $0.deallocate() } }
        _ = try unsafe append(buffers)
    }
}

/// Everything in a journal, in order.
private func records(
    on disk: some FileLayer,
    in folder: String = folder,
    from number: Int = 1,
    identity: UInt64 = identity,
    expecting known: [Journal.KnownFile] = []
) throws -> [[UInt8]] {
    var records: [[UInt8]] = []
    try unsafe Journal.read(folder, from: number, identity: identity, files: disk, expecting: known) {
        sequence,
        payload in
        #expect(sequence == UInt64(records.count + 1))
        unsafe records.append(Array(payload))
    }
    return records
}

/// What reading a journal says of damage, or `nil`.
private func damage(
    on disk: SimulatedDisk,
    identity: UInt64 = identity,
    expecting known: [Journal.KnownFile] = []
) throws -> String? {
    do {
        _ = try records(on: disk, identity: identity, expecting: known)
        return nil
    } catch let error as RetrievalError {
        #expect(error.code == .damagedFile)
        return error.message
    }
}

private func payload(_ index: Int, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
}

@Suite struct JournalTests {
    /// Three files of three records each, closed.
    private func small() throws -> (disk: SimulatedDisk, records: [[UInt8]], known: [Journal.KnownFile]) {
        let disk = try emptyDisk()
        let journal = try Journal.create(in: folder, identity: identity, files: disk)
        let all = (0..<9).map { payload($0, $0 * 7) }
        for (index, record) in all.enumerated() {
            try journal.append(record)
            try journal.synchronise()
            if index == 2 || index == 5 { try journal.rotate() }
        }
        return (disk, all, try journal.close())
    }

    @Test func `records of every size come back, from the real disk too`() async throws {
        try await withTemporaryFolder { temporary in
            let sizes = [0, 1, 7, 8, 9, 4096, 65_495, 65_496, 65_497, 70_000, 1 << 20]
            let journal = try Journal.create(in: temporary.path, identity: identity, files: SystemFiles())
            for (index, size) in sizes.enumerated() {
                let whole = payload(index, size)
                try journal.append(Array(whole[..<(size / 3)]), [], Array(whole[(size / 3)...]))
                if index % 4 == 3 { try journal.rotate() }
            }
            let expected = sizes.enumerated().map { payload($0, $1) }
            #expect(try records(on: SystemFiles(), in: temporary.path) == expected)
            let known = try journal.close()
            #expect(known.map(\.number) == [1, 2, 3])
            #expect(try records(on: SystemFiles(), in: temporary.path, expecting: known) == expected)
            #expect(try SystemFiles().names(in: temporary.path).count == 3)
        }
    }

    @Test func `one that is opened goes on where the last ended`() throws {
        var (disk, all, known) = try small()
        for round in 0..<4 {
            var count = 0
            let journal = try unsafe Journal.open(
                folder,
                from: 1,
                identity: identity,
                files: disk,
                expecting: known
            ) { _, _ in count += 1 }
            #expect(count == all.count && journal.lastSequence == UInt64(count))
            let fresh = payload(round, 50)
            try journal.append(fresh)
            all.append(fresh)
            if round % 2 == 0 { known = try journal.close() }
            disk = disk.kill()
            #expect(try records(on: disk) == all)
        }
    }

    @Test func `opening writes nothing, so a full disk can be opened`() throws {
        var (disk, all, _) = try small()
        // The end isn't known to be synced.
        disk = disk.kill()
        disk.capacity = disk.used
        let journal = try unsafe Journal.open(folder, from: 1, identity: identity, files: disk) { _, _ in }
        #expect(disk.operations == 0)
        for _ in 0..<3 {
            #expect(throws: FileError.self) { try journal.append(payload(9, 100)) }
            #expect(throws: FileError.self) { try journal.synchronise() }
        }
        #expect(try records(on: disk) == all)
        disk.capacity = .max
        try journal.append(payload(9, 100))
        try journal.synchronise()
        all.append(payload(9, 100))
        #expect(try records(on: disk.losePower(seed: 1)) == all)
    }

    @Test func `a full disk costs the records that don't fit and no others`() throws {
        let disk = try emptyDisk()
        let journal = try Journal.create(in: folder, identity: identity, files: disk)
        disk.capacity = 3000
        var all: [[UInt8]] = []
        for index in 0..<40 {
            let record = payload(index, index % 3 == 0 ? 600 : 20)
            if (try? journal.append(record)) != nil { all.append(record) }
        }
        #expect(all.count > 10 && all.count < 40)
        try journal.synchronise()
        disk.capacity = .max
        try journal.append(payload(40, 5000))
        try journal.synchronise()
        all.append(payload(40, 5000))
        #expect(journal.number == 1)
        #expect(try records(on: disk.losePower(seed: 3)) == all)
    }

    @Test func `a torn end is left behind, damage before what was synced isn't`() throws {
        let (disk, all, known) = try small()
        let clean = disk.copy()
        for cut in 1..<100 {
            let torn = clean.copy()
            try torn.damage(path(3)) { $0.removeLast(cut) }
            let found = try records(on: torn)
            #expect(found.count >= 6 && found.count < 9 && all.starts(with: found))
            let message = try damage(on: torn, expecting: known)
            #expect(message?.contains(path(3)) == true)
        }
        // The first record of the last file, and the last one that follows it, which knows that it was synced.
        let damaged = clean.copy()
        try damaged.damage(path(3)) { $0[64 + 40 + 3] ^= 1 }
        let message = try damage(on: damaged)
        #expect(message?.contains("\(path(3)) has a damaged record at offset 64") == true)
    }

    @Test func `files that are missing, of another index or in each other's place are named`() throws {
        let clean = try small().disk.copy()
        func expectDamage(_ text: String, identity: UInt64 = identity, _ change: (SimulatedDisk) throws -> Void) throws
        {
            let disk = clean.copy()
            try change(disk)
            let message = try damage(on: disk, identity: identity)
            #expect(message?.contains(text) == true)
        }
        try expectDamage("belongs to another index", identity: 43) { _ in }
        try expectDamage("\(path(1)), where the journal begins, is missing") { try $0.remove(path(1)) }
        try expectDamage("\(path(2)) is missing") { try $0.remove(path(2)) }
        try expectDamage("has the contents of file 3") { try $0.rename(path(3), to: path(2)) }
        try expectDamage("\(path(3)) has a damaged header") { try $0.damage(path(3)) { $0[20] ^= 4 } }
        try expectDamage("\(path(2)) has a damaged record at offset 64") { try $0.damage(path(2)) { $0[70] ^= 4 } }
        try expectDamage("fewer than the header") { try $0.damage(path(3)) { $0.removeLast($0.count - 10) } }
        let known = try small().known
        let gone = clean.copy()
        try gone.remove(path(3))
        #expect(try records(on: gone).count == 6)
        #expect(try damage(on: gone, expecting: known)?.contains("\(path(3)) is missing") == true)
    }

    @Test func `a file may not take the place of one of the same journal that went another way`() throws {
        let (disk, _, _) = try small()
        let one = disk.copy()
        let other = one.copy()
        for (disk, mark) in [(one, 1), (other, 2)] {
            let journal = try unsafe Journal.open(folder, from: 1, identity: identity, files: disk) { _, _ in }
            try journal.append(payload(mark, 30))
            try journal.rotate()
            try journal.append(payload(mark, 30))
            try journal.close()
        }
        let mixed = one.copy()
        let strange = try other.copy().read(path(4))
        try mixed.damage(path(4)) { unsafe $0 = strange.withBytes { unsafe Array($0) } }
        #expect(try damage(on: mixed)?.contains(path(4)) == true)
    }

    @Test func `what is before a checkpoint can go`() throws {
        let (disk, all, known) = try small()
        let journal = try unsafe Journal.open(folder, from: 1, identity: identity, files: disk, expecting: known) {
            _,
            _ in
        }
        try journal.rotate()
        try journal.append(payload(9, 9))
        let first = journal.number
        try journal.removeFiles(before: first)
        #expect(try disk.names(in: folder) == ["journal-0000000\(first).log"])
        var sequences: [UInt64] = []
        try unsafe Journal.read(folder, from: first, identity: identity, files: disk) { sequence, _ in
            sequences.append(sequence)
        }
        #expect(sequences == [UInt64(all.count + 1)])
        #expect(try journal.close().map(\.number) == [first])
    }

    @Test func `a journal isn't begun over another`() throws {
        let (disk, all, _) = try small()
        #expect(throws: RetrievalError.self) { try Journal.create(in: folder, identity: identity, files: disk) }
        #expect(try records(on: disk) == all)
    }

    @Test func `salvage gives all up to the damage and says what is lost`() throws {
        let (disk, all, known) = try small()
        func salvage(_ disk: SimulatedDisk) throws -> (Journal.Salvage, [[UInt8]]) {
            var found: [[UInt8]] = []
            let result = try unsafe Journal.salvage(folder, from: 1, identity: identity, files: disk, expecting: known)
            {
                unsafe found.append(Array($1))
            }
            #expect(Int(result.lastSequence) == found.count && all.starts(with: found))
            return (result, found)
        }
        let clean = disk.copy()
        let (whole, everything) = try salvage(clean)
        #expect(whole.lastSequence == 9 && whole.damage == nil && whole.lostBytes == 0 && everything == all)

        let record = clean.copy()
        try record.damage(path(2)) { $0[64 + 64 + 50] ^= 1 }
        let (middle, some) = try salvage(record)
        #expect(some.count == 4 && middle.damage?.message.contains(path(2)) == true)
        let sizes = try [2, 3].map { try clean.read(path($0)).count }
        #expect(middle.lostBytes == sizes[0] - 128 + sizes[1] - 64)

        let header = clean.copy()
        try header.damage(path(2)) { $0[3] ^= 1 }
        #expect(try salvage(header).1.count == 3)
        let missing = clean.copy()
        try missing.remove(path(2))
        #expect(try salvage(missing).1.count == 3)
        try missing.remove(path(1))
        #expect(try salvage(missing).0.lastSequence == 0)
    }

    @Test func `a reader sees a prefix while another appends`() async throws {
        try await withTemporaryFolder { temporary in
            let path = temporary.path
            let journal = try Journal.create(in: path, identity: identity, files: SystemFiles())
            let writer = Task.detached {
                for index in 0..<2000 {
                    try journal.append(payload(index, index % 300))
                    if index % 500 == 499 { try journal.rotate() }
                }
            }
            var last = 0
            while last < 2000 {
                let found = try records(on: SystemFiles(), in: path)
                #expect(found.count >= last)
                last = found.count
                for index in stride(from: 0, to: found.count, by: 97) {
                    #expect(found[index] == payload(index, index % 300))
                }
            }
            try await writer.value
        }
    }
}
