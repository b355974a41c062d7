// What the index keeps with each vector: with a document's first passage the document, with others where they are.

internal import Foundation
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// The number of a document's version in an index; none is used twice. Its passages are its lower bits.
struct PassageID: Hashable, Sendable {
    let document: UInt32
    let passage: UInt16

    static let shift = 16
    /// Passages a document may have.
    static let limit = 1 << shift

    var row: Int64 { Int64(document) << Int64(Self.shift) | Int64(passage) }

    init(document: UInt32, passage: Int) {
        self.document = document
        self.passage = UInt16(passage)
    }

    init(row: Int64) {
        document = UInt32(truncatingIfNeeded: row >> Int64(Self.shift))
        passage = UInt16(truncatingIfNeeded: row)
    }
}

/// A document as it is kept with its first passage:
///
///     u64 hash of the content · u32 passages · u32 end of the first passage · u32 bytes of id, title, text, metadata
///     then those bytes; metadata are JSON, or nothing. Little-endian.
struct DocumentRecord {
    var document: SearchDocument
    var passages: Int
    var firstPassage: Int

    private static let header = 32

    /// What tells whether a text must be embedded again.
    static func hash(of document: SearchDocument) -> UInt64 {
        var hash = XXH64()
        for part in [document.title, document.text] {
            unsafe withUnsafeBytes(of: UInt64(part.utf8.count).littleEndian) { unsafe hash.add($0) }
            var part = part
            part.withUTF8 { unsafe hash.add(UnsafeRawBufferPointer($0)) }
        }
        return hash.value
    }

    func encoded(hash: UInt64) throws -> [UInt8] {
        let metadata = document.metadata.fields.isEmpty ? Data() : try JSONEncoder().encode(document.metadata)
        let parts = [Array(document.id.utf8), Array(document.title.utf8), Array(document.text.utf8), Array(metadata)]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.header + parts.reduce(0) { $0 + $1.count })
        unsafe withUnsafeBytes(of: hash.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        for number in [passages, firstPassage] + parts.map(\.count) {
            guard let number = UInt32(exactly: number) else {
                throw SearchIndexError(
                    code: .unusableDocument,
                    message: "document \"\(document.id)\" has 4 GiB or more of text: cut it into several"
                )
            }
            unsafe withUnsafeBytes(of: number.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        for part in parts { bytes += part }
        return bytes
    }

    /// What is known of a document without reading its text.
    struct Head {
        var id: String
        var hash: UInt64
        var passages: Int
        var metadata: Metadata
    }

    static func head(of bytes: [UInt8]) throws -> Head {
        let (sizes, hash) = try sizes(of: bytes)
        let id = Self.header..<Self.header + sizes[2]
        let metadata = id.upperBound + sizes[3] + sizes[4]..<bytes.count
        return Head(
            id: String(decoding: bytes[id], as: UTF8.self),
            hash: hash,
            passages: sizes[0],
            metadata: try decode(bytes[metadata])
        )
    }

    init(reading bytes: [UInt8]) throws {
        let (sizes, _) = try Self.sizes(of: bytes)
        (passages, firstPassage) = (sizes[0], sizes[1])
        var next = Self.header
        func part(_ size: Int) -> ArraySlice<UInt8> {
            defer { next += size }
            return bytes[next..<next + size]
        }
        let (id, title, text) = (part(sizes[2]), part(sizes[3]), part(sizes[4]))
        document = SearchDocument(
            id: String(decoding: id, as: UTF8.self),
            title: String(decoding: title, as: UTF8.self),
            text: String(decoding: text, as: UTF8.self),
            metadata: try Self.decode(part(sizes[5]))
        )
    }

    init(document: SearchDocument, passages: Int, firstPassage: Int) {
        (self.document, self.passages, self.firstPassage) = (document, passages, firstPassage)
    }

    private static func decode(_ json: ArraySlice<UInt8>) throws -> Metadata {
        if json.isEmpty { return Metadata() }
        do { return try unsafe json.withUnsafeBufferPointer { try unsafe Metadata(json: $0) } } catch { throw damaged }
    }

    /// Passages, end of the first, bytes of the four parts; and the hash.
    private static func sizes(of bytes: [UInt8]) throws -> ([Int], UInt64) {
        guard bytes.count >= header else { throw damaged }
        return try unsafe bytes.withUnsafeBytes { bytes in
            let hash = unsafe UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
            let sizes = (0..<6).map {
                unsafe Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 + 4 * $0, as: UInt32.self)))
            }
            guard sizes[2...].reduce(header, +) == bytes.count, (1...PassageID.limit).contains(sizes[0]) else {
                throw damaged
            }
            return (sizes, hash)
        }
    }

    private static var damaged: RetrievalError {
        RetrievalError(code: .damagedFile, message: "a document of the index is damaged; run `repair`")
    }
}

/// Where a document's later passage is, as it is kept with it.
enum PassageRecord {
    static func encoded(_ range: Range<Int>) -> [UInt8] {
        unsafe [UInt64(range.lowerBound), UInt64(range.upperBound)].map(\.littleEndian).withUnsafeBytes {
            unsafe Array($0)
        }
    }

    static func range(reading bytes: [UInt8], in text: String) -> Range<Int> {
        guard bytes.count == 16 else { return 0..<text.utf8.count }
        return unsafe bytes.withUnsafeBytes { bytes in
            let ends = [0, 8].map {
                unsafe Int(clamping: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)))
            }
            return ends[0] <= ends[1] && ends[1] <= text.utf8.count ? ends[0]..<ends[1] : 0..<text.utf8.count
        }
    }
}
