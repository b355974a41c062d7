// A change as the journal keeps it: words of 64 bits, then the vectors, then the payloads; little-endian.

internal import Foundation
internal import SemblanceNumerics

/// What one record of the journal says.
enum ChangeRecord {
    case change(Change)
    /// A segment that was added as a whole, with files of its own: its ids replace those that were there.
    case segment(IndexManifest.SegmentEntry, removed: [Int64])

    private enum Tag: UInt64 {
        case change = 1
        case segment = 2
    }

    /// Calls `body` with the bytes, piece by piece; what is large is not copied.
    func withBytes<Result>(_ body: ([UnsafeRawBufferPointer]) throws -> Result) throws -> Result {
        switch self {
        case .change(let change): try unsafe Self.withBytes(of: change, body)
        case .segment(let entry, let removed): try unsafe Self.withBytes(of: entry, removed: removed, body)
        }
    }

    /// The bytes beside vectors and payloads, about.
    var overhead: Int {
        let words =
            switch self {
            case .change(let change): change.removed.count + change.ids.count + change.payloads.count
            case .segment(_, let removed): removed.count
            }
        return JournalRecord.size + 8 * (5 + words)
    }

    private static func withBytes<Result>(
        of change: Change,
        _ body: ([UnsafeRawBufferPointer]) throws -> Result
    ) rethrows -> Result {
        var words = [
            Tag.change.rawValue, UInt64(change.removed.count), UInt64(change.ids.count),
            UInt64(change.vectors.columns), UInt64(change.payloads.count),
        ]
        words += change.removed.map(UInt64.init(bitPattern:))
        words += change.ids.map(UInt64.init(bitPattern:))
        words += change.payloads.map { UInt64($0.count) }
        let payloads = Array(change.payloads.joined())
        return try unsafe words.map(\.littleEndian).withUnsafeBytes { words in
            try unsafe change.vectors.withPointer { rows in
                let rows = unsafe UnsafeRawBufferPointer(UnsafeBufferPointer(start: rows, count: change.vectors.count))
                return try unsafe payloads.withUnsafeBytes { try unsafe body([words, rows, $0]) }
            }
        }
    }

    private static func withBytes<Result>(
        of entry: IndexManifest.SegmentEntry,
        removed: [Int64],
        _ body: ([UnsafeRawBufferPointer]) throws -> Result
    ) throws -> Result {
        let words = [Tag.segment.rawValue, UInt64(removed.count)] + removed.map(UInt64.init(bitPattern:))
        let json = try JSONEncoder().encode(entry)
        return try unsafe words.map(\.littleEndian).withUnsafeBytes { words in
            try unsafe json.withUnsafeBytes { try unsafe body([words, $0]) }
        }
    }

    /// - Throws: ``RetrievalError`` with code `.damagedFile` for bytes that are no record of an index of this dimension.
    init(reading bytes: UnsafeRawBufferPointer, dimension: Int) throws {
        var reader = unsafe WordReader(bytes)
        switch Tag(rawValue: try reader.word()) {
        case .change:
            let (removed, ids) = try (reader.count(of: 8), reader.count(of: 8))
            let (columns, payloads) = try (reader.word(), reader.count(of: 8))
            guard columns == dimension, payloads == 0 || payloads == ids else { throw reader.damaged }
            let removedIDs = try reader.words(removed).map(Int64.init(bitPattern:))
            let putIDs = try reader.words(ids).map(Int64.init(bitPattern:))
            let sizes = try reader.words(payloads)
            let rows = try unsafe reader.bytes(ids, of: dimension * 4)
            var vectors = Matrix(uninitializedRows: ids, columns: dimension)
            unsafe vectors.withMutablePointer {
                unsafe UnsafeMutableRawBufferPointer(start: $0, count: rows.count).copyMemory(from: rows)
            }
            self = .change(
                Change(
                    removed: removedIDs,
                    ids: putIDs,
                    vectors: vectors,
                    payloads: try sizes.map { try unsafe Array(reader.bytes(Int(clamping: $0), of: 1)) }
                )
            )
        case .segment:
            let removed = try reader.words(reader.count(of: 8)).map(Int64.init(bitPattern:))
            do {
                let entry = try JSONDecoder().decode(
                    IndexManifest.SegmentEntry.self,
                    from: unsafe Data(reader.bytes(reader.left, of: 1))
                )
                self = .segment(entry, removed: removed)
            } catch { throw reader.damaged }
        case nil: throw reader.damaged
        }
    }
}

/// Reads words and bytes, and no more than there are.
@safe private struct WordReader {
    private var rest: UnsafeRawBufferPointer
    init(_ bytes: UnsafeRawBufferPointer) { unsafe rest = bytes }

    let damaged = RetrievalError(
        code: .damagedFile,
        message: "the journal has a record that is no change of this index; run `repair` to keep those before it"
    )

    var left: Int { unsafe rest.count }

    mutating func bytes(_ count: Int, of size: Int) throws -> UnsafeRawBufferPointer {
        let (total, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, count >= 0, total <= left else { throw damaged }
        defer { unsafe rest = UnsafeRawBufferPointer(rebasing: rest[total...]) }
        return unsafe UnsafeRawBufferPointer(rebasing: rest[..<total])
    }

    mutating func words(_ count: Int) throws -> [UInt64] {
        let bytes = try unsafe bytes(count, of: 8)
        return (0..<count).map {
            unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
        }
    }

    mutating func word() throws -> UInt64 { try words(1)[0] }

    /// How many things follow, each of so many bytes at least.
    mutating func count(of size: Int) throws -> Int {
        let count = try word()
        guard count <= UInt64(left / size) else { throw damaged }
        return Int(count)
    }
}
