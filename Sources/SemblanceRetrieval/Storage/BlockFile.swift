// A body at offset 0, padding to a multiple of 8, a table with the hash of each block of 64 KiB of the body, a footer:
// magic, version, length of the body, hash of the table, hash of the footer; little-endian 64-bit words.

internal import SemblanceNumerics
internal import Synchronization

/// How a block file ends.
private struct BlockFooter {
    /// "SEMBBLKS"
    static let magic: UInt64 = 0x534b_4c42_424d_4553
    static let version: UInt64 = 1
    static let size = 40

    var body: Int
    var tableHash: UInt64

    private var words: [UInt64] { [Self.magic, Self.version, UInt64(body), tableHash] }
    var hash: UInt64 { LittleEndian.hash(of: words) }
    var encoded: [UInt64] { LittleEndian.encoded(words + [hash]) }

    var blocks: Int { BlockFile.blocks(body) }
    /// Where the table begins.
    var table: Int { (body + 7) & ~7 }
    /// The length of the whole file.
    var bytes: Int { table + blocks * 8 + Self.size }
}

/// What a manifest remembers of a block file.
package struct BlockFileIdentity: Hashable, Sendable, Codable {
    /// The length of the whole file.
    package var bytes: Int
    /// The hash of its footer, which has that of its table, which has those of its blocks.
    package var hash: UInt64

    package init(bytes: Int, hash: UInt64) { (self.bytes, self.hash) = (bytes, hash) }
}

/// Writes a block file from front to back.
///
/// The file has its path from the beginning; it counts once a manifest names it. Its name is durable after the folder
/// was synced.
package final class BlockFileWriter {
    private let path: String
    private let files: any FileLayer
    private let file: any WritableFile
    private var length = 0
    private var hashes: [UInt64] = []
    /// The block that isn't full yet.
    private var rest: [UInt8] = []

    /// Creates the file, which may not be there yet.
    package init(_ path: String, files: any FileLayer) throws {
        (self.path, self.files) = (path, files)
        file = try files.create(path)
        rest.reserveCapacity(BlockFile.blockSize)
    }

    /// How many bytes of the body were written.
    package var count: Int { length }

    /// Appends to the body.
    ///
    /// - Throws: ``FileError``; only ``discard()`` is of use then.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        length += bytes.count
        var next = unsafe bytes[...]
        if !rest.isEmpty {
            unsafe take(&next, BlockFile.blockSize - rest.count)
            guard rest.count == BlockFile.blockSize else { return }
            try flush()
        }
        let whole = unsafe next.count / BlockFile.blockSize * BlockFile.blockSize
        var blocks = unsafe next.prefix(whole)
        while unsafe !blocks.isEmpty {
            let run = unsafe UnsafeRawBufferPointer(rebasing: blocks.prefix(Self.run))
            unsafe hash(run)
            try unsafe file.write(run)
            unsafe blocks = blocks.dropFirst(Self.run)
        }
        unsafe next = next.dropFirst(whole)
        unsafe take(&next, next.count)
    }

    /// What is hashed and then written while it is still in the cache.
    private static let run = 16 * BlockFile.blockSize

    private func take(_ bytes: inout Slice<UnsafeRawBufferPointer>, _ most: Int) {
        unsafe rest.append(contentsOf: bytes.prefix(most))
        unsafe bytes = bytes.dropFirst(most)
    }

    private func hash(_ bytes: UnsafeRawBufferPointer) {
        for start in stride(from: 0, to: bytes.count, by: BlockFile.blockSize) {
            let block = unsafe bytes[start..<min(start + BlockFile.blockSize, bytes.count)]
            unsafe hashes.append(XXH64.hash(of: UnsafeRawBufferPointer(rebasing: block)))
        }
    }

    private func flush() throws {
        try unsafe rest.withUnsafeBytes { block in
            unsafe hash(block)
            try unsafe file.write(block)
        }
        rest.removeAll(keepingCapacity: true)
    }

    /// Completes the file and makes its contents durable.
    ///
    /// - Returns: what to open it with.
    /// - Throws: ``FileError``; only ``discard()`` is of use then.
    package func finish() throws -> BlockFileIdentity {
        if !rest.isEmpty { try flush() }
        let table = LittleEndian.encoded(hashes)
        let footer = unsafe BlockFooter(body: length, tableHash: table.withUnsafeBytes { unsafe XXH64.hash(of: $0) })
        let padding = [UInt8](repeating: 0, count: footer.table - length)
        try unsafe padding.withUnsafeBytes { try unsafe file.write($0) }
        try unsafe table.withUnsafeBytes { try unsafe file.write($0) }
        try unsafe footer.encoded.withUnsafeBytes { try unsafe file.write($0) }
        try file.synchronise()
        return BlockFileIdentity(bytes: footer.bytes, hash: footer.hash)
    }

    /// Removes what was written.
    package func discard() { try? files.remove(path) }
}

/// An immutable file whose bytes are checked, block by block, when they are first read.
///
/// The body begins at offset 0, so rows are aligned as in memory of their own. The mapping never changes, and whether a
/// block was checked is atomic; it is therefore Sendable.
@safe package final class BlockFile: @unchecked Sendable {
    /// How many bytes one hash is for.
    package static let blockSize = 1 << 16

    private let path: String
    private let contents: MappedBytes
    private let footer: BlockFooter
    /// A bit for each block that had its hash.
    private let checked: UnsafeMutablePointer<Atomic<UInt64>>
    private let checkedWords: Int

    fileprivate static func blocks(_ count: Int) -> Int { count / blockSize + (count % blockSize == 0 ? 0 : 1) }

    /// Opens a file and checks its length, footer and table.
    ///
    /// - Parameter identity: what ``BlockFileWriter/finish()`` returned; `nil` takes any file that is whole in itself.
    /// - Throws: ``RetrievalError`` with code `.damagedFile`; ``FileError`` where it can't be read.
    package static func open(
        _ path: String,
        expecting identity: BlockFileIdentity?,
        files: any FileLayer
    ) throws -> BlockFile {
        try BlockFile(path, files.map(path), identity)
    }

    private init(_ path: String, _ contents: MappedBytes, _ identity: BlockFileIdentity?) throws {
        func damaged(_ what: String) -> RetrievalError {
            RetrievalError(code: .damagedFile, message: "\(path) \(what); put it back from a backup")
        }
        let bytes = unsafe contents.bytes
        if let identity, identity.bytes != bytes.count {
            throw damaged("has \(bytes.count) bytes, not \(identity.bytes)")
        }
        let start = bytes.count - BlockFooter.size
        guard start >= 0, unsafe LittleEndian.word(bytes, at: start) == BlockFooter.magic else {
            throw damaged("doesn't end as a file of blocks does")
        }
        let version = unsafe LittleEndian.word(bytes, at: start + 8)
        let body = unsafe LittleEndian.word(bytes, at: start + 16)
        // The body is a part of the file, so the sums below don't overflow.
        guard version == BlockFooter.version, body <= UInt64(start) else { throw damaged("has a damaged footer") }
        footer = unsafe BlockFooter(body: Int(body), tableHash: LittleEndian.word(bytes, at: start + 24))
        guard footer.bytes == bytes.count, unsafe footer.hash == LittleEndian.word(bytes, at: start + 32),
            footer.hash == identity?.hash ?? footer.hash
        else { throw damaged("has a damaged footer, or is another file than the one that was written") }
        let table = unsafe UnsafeRawBufferPointer(rebasing: bytes[footer.table..<start])
        guard unsafe XXH64.hash(of: table) == footer.tableHash,
            unsafe bytes[footer.body..<footer.table].allSatisfy({ $0 == 0 })
        else { throw damaged("has a damaged table of hashes") }
        self.path = path
        self.contents = contents
        checkedWords = footer.blocks / 64 + 1
        unsafe checked = .allocate(capacity: checkedWords)
        for word in 0..<checkedWords { unsafe (checked + word).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe checked.deinitialize(count: checkedWords)
        unsafe checked.deallocate()
    }

    /// The length of the body.
    package var count: Int { footer.body }

    /// The body; only what ``verify(_:)`` has seen may be relied upon, and only as long as this object lives.
    package var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: contents.bytes[..<footer.body])
    }

    /// Calls `body` with a part of the file that is what was written.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile` that names the block, or what `body` throws.
    package func withBytes<Result>(
        _ range: Range<Int>,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try verify(range)
        return try unsafe body(UnsafeRawBufferPointer(rebasing: contents.bytes[range]))
    }

    /// Checks the blocks that hold a range of the body and weren't checked yet.
    package func verify(_ range: Range<Int>) throws {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= footer.body,
            "bytes \(range) of a file with \(footer.body) were asked for"
        )
        guard !range.isEmpty else { return }
        for block in range.lowerBound / Self.blockSize...(range.upperBound - 1) / Self.blockSize {
            let bit: UInt64 = 1 << (block % 64)
            let word = unsafe checked + block / 64
            // What is marked never changes, so nothing needs to be ordered with it.
            if unsafe word.pointee.load(ordering: .relaxed) & bit != 0 { continue }
            try check(block)
            unsafe word.pointee.bitwiseOr(bit, ordering: .relaxed)
        }
    }

    private func check(_ block: Int) throws {
        let start = block * Self.blockSize
        let range = start..<min(start + Self.blockSize, footer.body)
        let found = unsafe XXH64.hash(of: UnsafeRawBufferPointer(rebasing: contents.bytes[range]))
        guard unsafe found == LittleEndian.word(contents.bytes, at: footer.table + block * 8) else {
            throw RetrievalError(
                code: .damagedFile,
                message:
                    "\(path): block \(block) (bytes \(range.lowerBound) to \(range.upperBound - 1)) isn't what was "
                    + "written; put the file back from a backup, or run `repair`"
            )
        }
    }

    /// Where the body isn't what was written: the bytes of each damaged block, and what is to be said of it.
    package func damage() -> [(range: Range<Int>, error: any Error)] {
        stride(from: 0, to: footer.body, by: Self.blockSize).compactMap { start in
            let range = start..<min(start + Self.blockSize, footer.body)
            do {
                try verify(range)
                return nil
            } catch { return (range, error) }
        }
    }

    /// Checks every block that wasn't checked yet.
    package func verifyAll() throws { try verify(0..<footer.body) }
}
