// Inverted lists over some texts, in one block of bytes that is the same in memory and in a file.

internal import CSemblanceText
internal import Foundation
internal import SemblanceNumerics

/// The words of some texts, each under a number; never changes, so any number of tasks may search it.
///
/// It knows nothing of other texts: what scores depend on beside it, a ``LexicalIndex`` brings together.
@safe package final class LexicalSegment: @unchecked Sendable {
    /// The bytes: a header, then the arrays; Docs/Lexical.md has the layout.
    package let bytes: UnsafeRawBufferPointer
    /// C's view of the bytes.
    let view: UnsafePointer<semblance_lexical_segment>
    private let owner: any Sendable & AnyObject

    /// Opens bytes that stay as they are while `owner` lives, such as a mapped file, without copying them.
    ///
    /// - Throws: ``LexicalError`` with code `.damagedSegment`, unless every byte is as it was written.
    /// - Complexity: O(bytes), at the speed of memory.
    package convenience init(bytes: UnsafeRawBufferPointer, keptBy owner: any Sendable & AnyObject) throws(LexicalError)
    {
        func check(_ sound: Bool, _ fault: @autoclosure () -> String) throws(LexicalError) {
            guard !sound else { return }
            throw LexicalError(
                .damagedSegment,
                "\(bytes.count) bytes are no segment of a lexical index: \(fault()); restore the file or build the "
                    + "index anew"
            )
        }
        try check(bytes.count >= Self.headerSize, "there is no header")
        try check(UInt(bitPattern: bytes.baseAddress) % 8 == 0, "they don't begin at a multiple of 8")
        let checksum = unsafe UInt64(littleEndian: bytes.load(fromByteOffset: Self.checksumOffset, as: UInt64.self))
        try check(unsafe checksum == Self.checksum(of: bytes), "the header has another checksum")
        let fault = unsafe semblance_lexical_segment_check(bytes.baseAddress, bytes.count)
        try unsafe check(fault == nil, fault.map { unsafe String(cString: $0) } ?? "")
        unsafe self.init(sound: bytes, keptBy: owner)
    }

    private init(sound bytes: UnsafeRawBufferPointer, keptBy owner: any Sendable & AnyObject) {
        guard let start = bytes.baseAddress else { preconditionFailure("a segment has a header") }
        let view = UnsafeMutablePointer<semblance_lexical_segment>.allocate(capacity: 1)
        unsafe view.initialize(to: semblance_lexical_segment_view(start))
        unsafe self.view = UnsafePointer(view)
        unsafe self.bytes = bytes
        self.owner = owner
    }

    /// Takes over bytes from C that hold a segment but for its checksum.
    private convenience init(made start: UnsafeMutableRawPointer, count: Int) {
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
        let checksum = unsafe Self.checksum(of: bytes)
        unsafe start.storeBytes(of: checksum.littleEndian, toByteOffset: Self.checksumOffset, as: UInt64.self)
        let memory = unsafe MappedBytes(bytes) { unsafe free(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
        unsafe self.init(sound: bytes, keptBy: memory)
    }

    private static let headerSize = 64
    private static let checksumOffset = 8

    private static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        unsafe XXH64.hash(of: UnsafeRawBufferPointer(rebasing: bytes[(checksumOffset + 8)...]))
    }

    /// Reads texts, whose numbers ascend.
    package convenience init(
        _ texts: some Collection<(number: UInt32, text: String)>,
        language: LexicalConfiguration.Language
    ) {
        let counts = LexicalCounts(language), numbers = texts.map(\.number)
        precondition(zip(numbers, numbers.dropFirst()).allSatisfy(<), "the numbers of a segment's texts don't ascend")
        for entry in texts { counts.add(entry.text) }
        var size = 0
        let bytes = unsafe semblance_lexical_segment_create(counts.handle, numbers, &size)
        unsafe self.init(made: bytes, count: size)
    }

    /// Joins what is left of the texts of some parts, without looking at them again.
    ///
    /// - Throws: ``LexicalError`` with code `.repeatedNumber` where two parts have one number.
    /// - Complexity: O(postings), and O(n log n) for n texts where numbers of the parts interleave.
    package convenience init(
        merging parts: [LexicalPart],
        language: LexicalConfiguration.Language
    ) throws(LexicalError) {
        var size = 0
        let bytes = unsafe withExtendedLifetime(parts) {
            unsafe semblance_lexical_segment_merge(
                parts.map { unsafe $0.pointers },
                parts.count,
                language == .english,
                &size
            )
        }
        guard let bytes = unsafe bytes else {
            throw LexicalError(
                .repeatedNumber,
                "two of \(parts.count) parts of an index hold one number: build it anew"
            )
        }
        unsafe self.init(made: bytes, count: size)
    }

    deinit { unsafe view.deallocate() }

    /// How many texts there are.
    package var count: Int { unsafe Int(view.pointee.texts) }

    /// What was known of the texts' language.
    package var language: LexicalConfiguration.Language { unsafe view.pointee.english ? .english : .none }

    /// log₄ of what it costs to merge it: a step for each text and each of its terms.
    var magnitude: Int {
        let steps = unsafe count + Int(view.pointee.postings)
        return (Int.bitWidth - steps.leadingZeroBitCount) / 2
    }

    /// How many terms there are.
    var terms: Int { unsafe Int(view.pointee.terms) }

    /// How many terms a slot's text has, repeated ones counted.
    func length(of slot: Int) -> UInt64 { unsafe UInt64(view.pointee.lengths[slot]) }

    /// The place of a number's text.
    package func slot(of number: UInt32) -> Int? {
        let slot = unsafe semblance_lexical_segment_find(view, number)
        return slot < 0 ? nil : Int(slot)
    }

    /// The number of a slot's text.
    package func number(of slot: Int) -> UInt32 { unsafe view.pointee.numbers[slot] }

    /// How many bytes a segment says that it has.
    fileprivate static func size(of bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count >= headerSize else { return bytes.count }
        return unsafe Int(clamping: UInt64(littleEndian: bytes.load(fromByteOffset: 16, as: UInt64.self)))
    }
}

/// A segment in a file, with a stamp for each of its texts that tells which version of the text its words are of: so that
/// it is of use, or found not to be, whatever became of the texts since.
///
/// The file is one of blocks: the segment, then the stamps by slot, little-endian.
@safe package struct LexicalSegmentFile: Sendable {
    /// The segment, mapped.
    package let segment: LexicalSegment
    private let file: BlockFile

    /// Writes a segment into a new file, which is gone again if that fails.
    ///
    /// - Throws: ``FileError``.
    @discardableResult
    package static func write(
        _ segment: LexicalSegment,
        stamps: [UInt64],
        to path: String,
        files: any FileLayer
    ) throws -> BlockFileIdentity {
        precondition(stamps.count == segment.count, "\(stamps.count) stamps for \(segment.count) texts")
        let file = try BlockFileWriter(path, files: files)
        do {
            try unsafe file.write(segment.bytes)
            try unsafe LittleEndian.encoded(stamps).withUnsafeBytes { try unsafe file.write($0) }
            return try file.finish()
        } catch {
            file.discard()
            throw error
        }
    }

    /// Opens a file and checks every byte of it.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile`, ``FileError``, or ``LexicalError``.
    package init(contentsOf path: String, expecting identity: BlockFileIdentity? = nil, files: any FileLayer) throws {
        file = try BlockFile.open(path, expecting: identity, files: files)
        try file.verifyAll()
        let size = unsafe min(file.count, LexicalSegment.size(of: file.bytes))
        segment = try unsafe LexicalSegment(bytes: UnsafeRawBufferPointer(rebasing: file.bytes[..<size]), keptBy: file)
        guard file.count - size == segment.count * 8 else {
            throw RetrievalError(
                code: .damagedFile,
                message: "\(path) has \(segment.count) texts and \((file.count - size) / 8) stamps; remove it"
            )
        }
    }

    /// The stamp of a slot's text.
    package func stamp(of slot: Int) -> UInt64 {
        unsafe LittleEndian.word(file.bytes, at: file.count - (segment.count - slot) * 8)
    }
}

/// The terms of some texts, counted by one thread.
@safe final class LexicalCounts {
    let handle: OpaquePointer

    init(_ language: LexicalConfiguration.Language) {
        unsafe handle = semblance_lexical_counts_create(language == .english)
    }

    deinit { unsafe semblance_lexical_counts_destroy(handle) }

    func add(_ text: String) {
        var text = text
        text.withUTF8 { unsafe semblance_lexical_counts_add(handle, $0.baseAddress, $0.count) }
    }

    /// Whether a slot of a segment was made from the counts' text number `text`.
    func match(_ text: Int, slot: Int, of segment: LexicalSegment) -> Bool {
        unsafe semblance_lexical_segment_matches(segment.view, UInt32(slot), handle, text)
    }
}
