// The bytes of a journal: little-endian 64-bit words and payloads, everything at a multiple of 8.

internal import SemblanceNumerics

/// A place between two records of one file.
struct JournalPlace: Hashable, Sendable {
    /// How many bytes of the file are before it.
    var offset: Int
    /// The sequence of the record before it, in this file or an earlier one.
    var sequence: UInt64
    /// What the file's header and all records before it hash to.
    var hash: UInt64

    /// The place after one more record.
    func after(_ record: JournalRecord) -> JournalPlace {
        JournalPlace(
            offset: offset + record.size,
            sequence: record.sequence,
            hash: LittleEndian.hash(of: [hash, record.hash])
        )
    }
}

/// How a file of a journal begins.
struct JournalHeader: Hashable, Sendable {
    /// "SEMBJRNL"
    static let magic: UInt64 = 0x4c4e_524a_424d_4553
    static let version: UInt64 = 1
    static let size = 64

    /// Which index the journal is of.
    var identity: UInt64
    var number: Int
    /// The sequence of the first record that this file has or will have.
    var firstSequence: UInt64
    /// How much of the file before counts, and its hash there; 0 where this is the first file.
    var previousLength: Int
    var previousHash: UInt64

    private var words: [UInt64] {
        [
            Self.magic, Self.version, identity, UInt64(number), firstSequence, UInt64(previousLength), previousHash,
        ]
    }

    /// The header's own hash, which every record of the file is salted with.
    var hash: UInt64 { LittleEndian.hash(of: words) }

    /// The bytes that are written.
    var encoded: [UInt64] { LittleEndian.encoded(words + [hash]) }

    /// The place before the first record.
    var end: JournalPlace { JournalPlace(offset: Self.size, sequence: firstSequence - 1, hash: hash) }

    init(identity: UInt64, number: Int, firstSequence: UInt64, after previous: JournalPlace?) {
        self.identity = identity
        self.number = number
        self.firstSequence = firstSequence
        previousLength = previous?.offset ?? 0
        previousHash = previous?.hash ?? 0
    }

    /// What the bytes at the beginning of a file say.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile` where they aren't a header of this format, index and
    ///   number.
    init(_ bytes: UnsafeRawBufferPointer, path: String, identity: UInt64, number: Int) throws {
        func damaged(_ what: String) -> RetrievalError {
            RetrievalError(code: .damagedFile, message: "\(path) \(what)")
        }
        guard bytes.count >= Self.size else {
            throw damaged("has \(bytes.count) bytes, fewer than the header of a journal")
        }
        let words = (0..<8).map { unsafe LittleEndian.word(bytes, at: $0 * 8) }
        guard words[0] == Self.magic else { throw damaged("is no file of a journal") }
        guard LittleEndian.hash(of: Array(words[..<7])) == words[7] else {
            throw damaged("has a damaged header (offset 0)")
        }
        guard words[1] == Self.version else {
            throw damaged("is of format \(words[1]); this version reads format \(Self.version)")
        }
        guard words[2] == identity else {
            throw damaged("belongs to another index (\(words[2]), not \(identity)); put the right file back")
        }
        guard words[3] == UInt64(number) else {
            throw damaged("has the contents of file \(words[3]) of the journal; put the right file back")
        }
        guard words[4] > 0, words[4] < 1 << 62, let length = Int(exactly: words[5]) else {
            throw damaged("has an impossible header")
        }
        (self.identity, self.number, firstSequence) = (words[2], number, words[4])
        (previousLength, previousHash) = (length, words[6])
    }
}

/// What stands before a record's payload.
struct JournalRecord: Hashable, Sendable {
    static let size = 40

    /// The bytes of the payload.
    var length: Int
    var sequence: UInt64
    /// How much of the file was known to be durable when the record was written.
    var durable: Int
    var payloadHash: UInt64
    /// The hash of the other fields and of the file's header.
    var hash: UInt64

    /// The bytes of header, payload and padding.
    var size: Int { (Self.size + length + 7) & ~7 }

    private static func words(_ length: Int, _ sequence: UInt64, _ durable: Int, _ payloadHash: UInt64) -> [UInt64] {
        [UInt64(length), sequence, UInt64(durable), payloadHash]
    }

    /// The bytes that are written.
    var encoded: [UInt64] { LittleEndian.encoded(Self.words(length, sequence, durable, payloadHash) + [hash]) }

    init(length: Int, sequence: UInt64, durable: Int, payloadHash: UInt64, salt: UInt64) {
        (self.length, self.sequence, self.durable, self.payloadHash) = (length, sequence, durable, payloadHash)
        hash = LittleEndian.hash(of: [salt] + Self.words(length, sequence, durable, payloadHash))
    }

    /// The record that begins at `offset`, if what is there has its hash and fits; the payload isn't looked at.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int, sequences: ClosedRange<UInt64>, salt: UInt64) {
        let left = bytes.count - offset - Self.size
        guard left >= 0 else { return nil }
        // First what rules most places out, as a search tries them all.
        let sequence = unsafe LittleEndian.word(bytes, at: offset + 8)
        guard sequences.contains(sequence), let length = unsafe Int(exactly: LittleEndian.word(bytes, at: offset)),
            length <= left, let durable = unsafe Int(exactly: LittleEndian.word(bytes, at: offset + 16)),
            durable <= offset
        else { return nil }
        unsafe self.init(
            length: length,
            sequence: sequence,
            durable: durable,
            payloadHash: LittleEndian.word(bytes, at: offset + 24),
            salt: salt
        )
        guard unsafe hash == LittleEndian.word(bytes, at: offset + 32), offset + size <= bytes.count else { return nil }
    }

    /// The payload of the record at `offset`, if it has its hash and zeros after it.
    func payload(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UnsafeRawBufferPointer? {
        let start = offset + Self.size
        let payload = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
        guard unsafe XXH64.hash(of: payload) == payloadHash,
            unsafe bytes[start + length..<offset + size].allSatisfy({ $0 == 0 })
        else { return nil }
        return unsafe payload
    }
}

/// Words as they are in files.
enum LittleEndian {
    /// The word at `offset`, which must be within.
    static func word(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Words whose memory is what a file holds.
    static func encoded(_ words: [UInt64]) -> [UInt64] { words.map(\.littleEndian) }

    /// The hash of words as a file holds them.
    static func hash(of words: [UInt64]) -> UInt64 {
        unsafe encoded(words).withUnsafeBytes { unsafe XXH64.hash(of: $0) }
    }
}
