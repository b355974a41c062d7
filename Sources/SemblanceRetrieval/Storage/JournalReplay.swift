internal import SemblanceNumerics

extension Journal {
    private static let (prefix, suffix) = ("journal-", ".log")

    static func path(in folder: String, _ number: Int) -> String {
        let digits = String(number)
        return "\(folder)/\(prefix)\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)\(suffix)"
    }

    /// The numbers of the files in a folder, in order.
    static func numbers(in folder: String, _ files: any FileLayer) throws -> [Int] {
        try files.names(in: folder).compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
            let number = Int(name.dropFirst(prefix.count).dropLast(suffix.count))
            return number.flatMap { path(in: "", $0) == "/" + name ? $0 : nil }
        }.sorted()
    }

    /// Opens a journal for going on with it, and hands over every record, in order.
    ///
    /// Nothing is written before the first append. Whatever of the last file's end isn't whole was never acknowledged
    /// and is left behind.
    ///
    /// - Parameters:
    ///   - number: the first file that counts; it must be there.
    ///   - known: what ``close()`` returned, if the journal was closed last; so much must be there.
    ///   - body: is called with sequence and payload, which is valid during the call.
    /// - Throws: ``RetrievalError`` with code `.damagedFile`, naming file and offset, where acknowledged records are
    ///   damaged or missing or the files aren't this index'; ``FileError``; what `body` throws.
    package static func open(
        _ folder: String,
        from number: Int,
        identity: UInt64,
        files: any FileLayer,
        expecting known: [KnownFile] = [],
        body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) throws -> Void
    ) throws -> Journal {
        var replay = JournalReplay(folder: folder, first: number, identity: identity, files: files, expecting: known)
        try unsafe replay.run(body)
        return Journal(
            folder: folder,
            identity: identity,
            files: files,
            state: State(
                number: replay.number,
                salt: replay.salt,
                end: replay.end,
                durable: replay.durable,
                carried: replay.durable == replay.end ? nil : replay.contents,
                isUnsettled: replay.durable != replay.end,
                known: replay.known
            )
        )
    }

    /// Hands over every record as ``open(_:from:identity:files:expecting:body:)`` does, for one who only reads, also
    /// while another process appends.
    ///
    /// The other one may remove files meanwhile: after an error look whether the manifest is still the same.
    ///
    /// - Returns: the sequence of the last record.
    @discardableResult
    package static func read(
        _ folder: String,
        from number: Int,
        identity: UInt64,
        files: any FileLayer,
        expecting known: [KnownFile] = [],
        body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        var replay = JournalReplay(folder: folder, first: number, identity: identity, files: files, expecting: known)
        try unsafe replay.run(body)
        return replay.end.sequence
    }

    /// What a damaged journal still gave.
    package struct Salvage: Hashable, Sendable {
        /// The sequence of the last record that was handed over; 0 if none could be.
        package var lastSequence: UInt64
        /// Why there are no more, if it isn't the end of the journal.
        package var damage: RetrievalError?
        /// How many bytes were left out, in this file and those after it.
        package var lostBytes: Int
    }

    /// Hands over every record up to the first that is damaged, and says what was left out.
    ///
    /// - Throws: ``FileError`` where a file can't be read; what `body` throws.
    package static func salvage(
        _ folder: String,
        from number: Int,
        identity: UInt64,
        files: any FileLayer,
        expecting known: [KnownFile] = [],
        body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) throws -> Void
    ) throws -> Salvage {
        var replay = JournalReplay(folder: folder, first: number, identity: identity, files: files, expecting: known)
        do {
            try unsafe replay.run(body)
            let torn = (replay.contents?.count ?? 0) - replay.end.offset
            return Salvage(lastSequence: replay.end.sequence, damage: nil, lostBytes: torn)
        } catch let damage as RetrievalError where damage == replay.damage {
            return try Salvage(lastSequence: replay.end.sequence, damage: damage, lostBytes: replay.lost())
        }
    }
}

/// Going through the files of a journal.
struct JournalReplay {
    let folder: String
    let first: Int
    let identity: UInt64
    let files: any FileLayer
    /// By number, from `first` on.
    private let expected: [Int: Journal.KnownFile]

    /// The file that is read, or was last.
    private(set) var number: Int
    private(set) var contents: MappedBytes?
    private(set) var salt: UInt64 = 0
    /// The end of the last record.
    private(set) var end = JournalPlace(offset: 0, sequence: 0, hash: 0)
    /// The places from the last that is known to be durable to the end.
    private var places: [JournalPlace] = []
    /// The complete files before.
    private(set) var known: [Journal.KnownFile] = []
    /// Why no more records could be read.
    private(set) var damage: RetrievalError?

    /// The end of what is known to be durable.
    var durable: JournalPlace { places.first ?? end }

    init(
        folder: String,
        first: Int,
        identity: UInt64,
        files: any FileLayer,
        expecting known: [Journal.KnownFile]
    ) {
        (self.folder, self.first, self.identity, self.files) = (folder, first, identity, files)
        number = first
        expected = Dictionary(known.filter { $0.number >= first }.map { ($0.number, $0) }) { $1 }
    }

    private func path(_ number: Int) -> String { Journal.path(in: folder, number) }

    private mutating func damaged(_ what: String) -> RetrievalError {
        let error = RetrievalError(
            code: .damagedFile,
            message: "\(what); put it back from a backup, or let `repair` keep what can be read"
        )
        damage = error
        return error
    }

    private mutating func header(_ number: Int) throws -> JournalHeader {
        let path = path(number)
        let bytes = try files.read(path, upTo: JournalHeader.size)
        do {
            return try unsafe bytes.withBytes {
                try unsafe JournalHeader($0, path: path, identity: identity, number: number)
            }
        } catch let error as RetrievalError {
            throw damaged(error.message)
        }
    }

    mutating func run(_ body: (UInt64, UnsafeRawBufferPointer) throws -> Void) throws {
        let numbers = try Journal.numbers(in: folder, files)
        let last = max(numbers.last ?? 0, expected.keys.max() ?? 0, first)
        let present = Set(numbers)
        guard present.contains(first) else { throw damaged("\(path(first)), where the journal begins, is missing") }
        var header = try header(first)
        end = header.end
        while true {
            var next: Result<JournalHeader, any Error>?
            if number < last {
                // Known before this file is read, as it says how much counts; thrown after, so that all is salvaged.
                next = Result { [number] in
                    guard present.contains(number + 1) else { throw damaged("\(path(number + 1)) is missing") }
                    return try self.header(number + 1)
                }
            }
            let following = try? next?.get()
            try unsafe readFile(header, followedBy: following, body)
            guard let next else { return }
            header = try next.get()
            known.append(Journal.KnownFile(number: number, bytes: end.offset, hash: end.hash))
            number += 1
        }
    }

    /// Reads one file, to where the next one says or to its end.
    private mutating func readFile(
        _ header: JournalHeader,
        followedBy next: JournalHeader?,
        _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let path = path(number)
        let contents = try files.read(path, upTo: next?.previousLength ?? .max)
        defer { withExtendedLifetime(contents) {} }
        guard number == first || header.firstSequence == end.sequence + 1 else {
            throw damaged("\(path) begins with record \(header.firstSequence), not \(end.sequence + 1)")
        }
        (self.contents, salt, end) = (contents, header.hash, header.end)
        places = [end]
        var expected = expected[number]
        try meet(&expected)
        while let record = unsafe JournalRecord(
            contents.bytes,
            at: end.offset,
            sequences: end.sequence + 1...end.sequence + 1,
            salt: salt
        ),
            let payload = unsafe record.payload(contents.bytes, at: end.offset),
            let durable = places.firstIndex(where: { $0.offset == record.durable })
        {
            if durable > 0 { places.removeFirst(durable) }
            end = end.after(record)
            places.append(end)
            try meet(&expected)
            try unsafe body(record.sequence, payload)
        }
        if let expected {
            throw damaged(
                "\(path) has a damaged record at offset \(end.offset), where \(expected.bytes) bytes are known"
            )
        }
        if let next {
            guard end.offset == next.previousLength, end.hash == next.previousHash else {
                throw damaged(
                    "\(path) has a damaged record at offset \(end.offset), where \(next.previousLength) bytes count"
                )
            }
        } else if let later = unsafe Self.later(
            in: contents.bytes,
            after: end,
            salt: salt,
            where: { $0.durable > end.offset }
        ) {
            throw damaged("\(path) has a damaged record at offset \(end.offset), which was synced before \(later)")
        }
    }

    /// Where the file is as long as it is known to have been, it must be what it was; and that is durable.
    private mutating func meet(_ expected: inout Journal.KnownFile?) throws {
        guard let known = expected, known.bytes == end.offset else { return }
        guard known.hash == end.hash else {
            throw damaged("\(path(number)) doesn't have the contents that were written")
        }
        places = [end]
        expected = nil
    }
}

extension JournalReplay {
    /// How many bytes are left out where damage ended the reading.
    func lost() throws -> Int {
        try Journal.numbers(in: folder, files).filter { $0 >= number }.reduce(0) { sum, other in
            let length = try files.read(path(other)).count
            return sum + max(0, length - (other == number ? end.offset : JournalHeader.size))
        }
    }

    /// Where after a damaged record the header of another is that `isWanted`; whole or not, it was written once.
    static func later(
        in bytes: UnsafeRawBufferPointer,
        after place: JournalPlace,
        salt: UInt64,
        where isWanted: (JournalRecord) -> Bool
    ) -> Int? {
        let most = UInt64(max(0, bytes.count - place.offset) / JournalRecord.size)
        let sequences = place.sequence + 1...place.sequence + 1 + most
        return stride(from: place.offset + 8, to: bytes.count, by: 8).first { offset in
            unsafe JournalRecord(bytes, at: offset, sequences: sequences, salt: salt).map(isWanted) ?? false
        }
    }
}
