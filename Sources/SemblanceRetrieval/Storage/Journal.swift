internal import SemblanceNumerics
internal import Synchronization

/// An append-only log of opaque records in numbered files, `journal-00000001.log` and on.
///
/// Records have sequences 1, 2, 3, … over all files. A file is complete and durable up to its header when it gets its
/// name, and its header says how much of the file before counts; so only the last file's end can be uncertain, and
/// nothing that is in a file is ever written over.
///
/// A call that throws leaves no record: what a failed write left is cut off, and after a failed sync, whose pages can't
/// be trusted any more, the journal goes on in a new file that says what of the old one counts. Where the disk takes
/// not even that, the next call tries again, so the journal works as soon as the disk does. Only if the power goes
/// before that, the records of the calls that threw last may be found, whole and in order, when the journal is opened.
///
/// One thing at a time: calls wait for each other.
package final class Journal: Sendable {
    /// So much of a file, with that hash: what a manifest remembers of a journal that was closed.
    package struct KnownFile: Hashable, Sendable, Codable {
        package var number: Int
        package var bytes: Int
        /// Of the header and all records.
        package var hash: UInt64

        package init(number: Int, bytes: Int, hash: UInt64) {
            (self.number, self.bytes, self.hash) = (number, bytes, hash)
        }
    }

    /// What changes.
    struct State: Sendable {
        /// The last file, while it can be trusted; `nil` makes the next write begin another.
        var file: (any WritableFile)?
        var number: Int
        var salt: UInt64
        /// Where the last record ends.
        var end: JournalPlace
        /// The end of what is known to be synced.
        var durable: JournalPlace
        /// The last file as it was opened: what is between `durable` and `end` of it moves to the next one.
        var carried: MappedBytes?
        /// Whether records that may be in files are in the journal or out of it only once another file says so.
        var isUnsettled = false
        /// The complete files before.
        var known: [KnownFile]
    }

    let folder: String
    let identity: UInt64
    private let files: any FileLayer
    private let state: Mutex<State>

    init(folder: String, identity: UInt64, files: any FileLayer, state: State) {
        (self.folder, self.identity, self.files) = (folder, identity, files)
        self.state = Mutex(state)
    }

    /// Begins a journal; its first file is durable when this returns.
    ///
    /// - Parameters:
    ///   - identity: of the index; every file carries it.
    ///   - number: the first file's; there may be none of that number.
    ///   - firstSequence: of the first record.
    package static func create(
        in folder: String,
        number: Int = 1,
        firstSequence: UInt64 = 1,
        identity: UInt64,
        files: any FileLayer
    ) throws -> Journal {
        let path = path(in: folder, number)
        if files.exists(path) {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(path) is there already; remove it, or name another folder"
            )
        }
        let header = JournalHeader(identity: identity, number: number, firstSequence: firstSequence, after: nil)
        let file = try files.place(at: path) { file in
            try unsafe header.encoded.withUnsafeBytes { try unsafe file.write($0) }
        }
        let end = header.end
        return Journal(
            folder: folder,
            identity: identity,
            files: files,
            state: State(file: file, number: number, salt: header.hash, end: end, durable: end, known: [])
        )
    }

    /// The number of the last file.
    package var number: Int { state.withLock { $0.number } }

    /// The length of the last file in bytes.
    package var position: Int { state.withLock { $0.end.offset } }

    /// The sequence of the last record; before the first there is none.
    ///
    /// It goes back where a sync fails.
    package var lastSequence: UInt64 { state.withLock { $0.end.sequence } }

    /// The sequence of the last record that is synced.
    package var durableSequence: UInt64 { state.withLock { $0.durable.sequence } }

    /// Whether the last file has no record.
    package var isEmpty: Bool { position == JournalHeader.size }

    /// Whether what threw last may be found if the power goes now.
    package var isUnsettled: Bool { state.withLock { $0.isUnsettled } }

    /// Appends a record whose payload is the parts one after the other; it is not synced.
    ///
    /// - Returns: its sequence.
    /// - Throws: ``FileError``; the record is then not in the journal.
    @discardableResult
    package func append(_ parts: [UnsafeRawBufferPointer]) throws -> UInt64 {
        try state.withLock { state in
            let file = try state.file ?? begin(&state)
            do {
                state.end = try unsafe Self.write(
                    parts,
                    to: file,
                    after: state.end,
                    durable: state.durable.offset,
                    salt: state.salt
                )
            } catch {
                do {
                    try file.truncate(to: state.end.offset)
                } catch {
                    try? rotate(&state)
                }
                throw error
            }
            return state.end.sequence
        }
    }

    /// Makes every record durable that was appended.
    ///
    /// - Throws: ``FileError``; the records since the last success are then not in the journal, as ``lastSequence``
    ///   says.
    package func synchronise() throws {
        try state.withLock { try synchronise(&$0) }
    }

    /// Makes every record durable and begins the next file, which is durable when this returns.
    ///
    /// - Throws: ``FileError``; ``lastSequence`` says what is in the journal then.
    package func rotate() throws {
        try state.withLock { try rotate(&$0) }
    }

    /// Makes every record durable and lets go of the file.
    ///
    /// - Returns: the files, for ``open(_:from:identity:files:expecting:body:)`` to check.
    @discardableResult
    package func close() throws -> [KnownFile] {
        try state.withLock { state in
            try synchronise(&state)
            // A process that was killed may have left the last file's name unsynced.
            if state.file == nil { try files.synchronise(folder: folder) }
            state.file = nil
            return state.known + [state.lastKnown]
        }
    }

    /// Removes the files before `number`, whose records are durable elsewhere.
    package func removeFiles(before number: Int) throws {
        try state.withLock { state in
            for old in try Self.numbers(in: folder, files) where old < min(number, state.number) {
                try files.remove(Self.path(in: folder, old))
            }
            state.known.removeAll { $0.number < number }
        }
    }

    private func rotate(_ state: inout State) throws {
        try synchronise(&state)
        state.file = nil
        try begin(&state)
    }

    private func synchronise(_ state: inout State) throws {
        if let file = state.file {
            guard state.durable != state.end else { return }
            try sync(&state, file)
        } else if state.isUnsettled {
            try begin(&state)
        }
    }

    /// Syncs the last file. Where that fails, what wasn't synced is out, and the journal goes on in another file.
    private func sync(_ state: inout State, _ file: any WritableFile) throws {
        do {
            try file.synchronise()
            state.durable = state.end
        } catch {
            (state.file, state.end, state.isUnsettled) = (nil, state.durable, true)
            // For a disk that takes no new file: who only loses the process doesn't find the records.
            try? file.truncate(to: state.end.offset)
            _ = try? begin(&state)
            throw error
        }
    }

    /// Begins the next file, with what is carried over; only when it is durable the journal goes on there.
    @discardableResult
    private func begin(_ state: inout State) throws -> any WritableFile {
        let header = JournalHeader(
            identity: identity,
            number: state.number + 1,
            firstSequence: state.durable.sequence + 1,
            after: state.durable
        )
        var end = header.end
        let file = try files.place(at: Self.path(in: folder, header.number)) { file in
            try unsafe header.encoded.withUnsafeBytes { try unsafe file.write($0) }
            guard let carried = state.carried else { return }
            defer { withExtendedLifetime(carried) {} }
            let old = unsafe UnsafeRawBufferPointer(rebasing: carried.bytes[..<state.end.offset])
            var offset = state.durable.offset
            while let record = unsafe JournalRecord(old, at: offset, sequences: 1 ... .max, salt: state.salt),
                let payload = unsafe record.payload(old, at: offset)
            {
                end = try unsafe Self.write(
                    [payload],
                    to: file,
                    after: end,
                    durable: header.end.offset,
                    salt: header.hash
                )
                offset += record.size
            }
        }
        state.known.append(state.lastKnown)
        (state.file, state.number, state.salt) = (file, header.number, header.hash)
        (state.end, state.durable, state.carried, state.isUnsettled) = (end, end, nil, false)
        return file
    }

    /// Writes a record; where it throws, a part may be in the file.
    ///
    /// - Returns: the place after it.
    private static func write(
        _ parts: [UnsafeRawBufferPointer],
        to file: any WritableFile,
        after place: JournalPlace,
        durable: Int,
        salt: UInt64
    ) throws -> JournalPlace {
        var hash = XXH64()
        unsafe parts.forEach { unsafe hash.add($0) }
        let record = JournalRecord(
            length: unsafe parts.reduce(0) { $0 + $1.count },
            sequence: place.sequence + 1,
            durable: durable,
            payloadHash: hash.value,
            salt: salt
        )
        let padding: UInt64 = 0
        try unsafe record.encoded.withUnsafeBytes { head in
            try unsafe withUnsafeBytes(of: padding) { zeros in
                let end = unsafe UnsafeRawBufferPointer(
                    rebasing: zeros[..<(record.size - JournalRecord.size - record.length)]
                )
                try unsafe gather([head] + parts + [end], size: record.size, to: file)
            }
        }
        return place.after(record)
    }

    /// Writes parts one after the other: small ones in one call, large ones without a copy.
    private static func gather(_ parts: [UnsafeRawBufferPointer], size: Int, to file: any WritableFile) throws {
        guard size <= 1 << 16 else {
            try unsafe parts.forEach { try unsafe file.write($0) }
            return
        }
        try unsafe withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
            var offset = 0
            unsafe parts.forEach { part in
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset...]).copyMemory(from: part)
                offset += part.count
            }
            try unsafe file.write(UnsafeRawBufferPointer(buffer))
        }
    }
}

extension Journal.State {
    /// What counts of the last file.
    fileprivate var lastKnown: Journal.KnownFile {
        Journal.KnownFile(number: number, bytes: durable.offset, hash: durable.hash)
    }
}
