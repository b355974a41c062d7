// Inverted lists over some texts, in one block of bytes that is the same in memory and in a file.

internal import CSemblanceText
internal import Foundation

/// The words of some texts, each under a number; never changes, so any number of tasks may search it.
///
/// It knows nothing of other texts: what scores depend on beside it, a ``LexicalIndex`` brings together.
@safe package final class LexicalSegment: @unchecked Sendable {
    /// The bytes: a header, then the arrays; Docs/Lexical.md has the layout.
    package let bytes: UnsafeRawBufferPointer
    /// C's view of the bytes.
    let view: UnsafePointer<semblance_lexical_segment>
    /// What keeps the bytes of others; nil for our own.
    private let owner: (any Sendable & AnyObject)?

    /// Takes over bytes from C that hold a segment.
    private init(made bytes: UnsafeMutableRawPointer, count: Int) {
        unsafe self.bytes = UnsafeRawBufferPointer(start: bytes, count: count)
        unsafe view = Self.view(of: bytes)
        owner = nil
    }

    /// Opens bytes that stay as they are while `owner` lives, such as a mapped file, without copying them.
    ///
    /// - Throws: ``LexicalError`` with code `.damagedSegment`, unless every byte is as it was written.
    /// - Complexity: O(bytes), at the speed of memory.
    package init(bytes: UnsafeRawBufferPointer, keptBy owner: any Sendable & AnyObject) throws(LexicalError) {
        guard let start = bytes.baseAddress, UInt(bitPattern: start) % 8 == 0 else {
            throw Self.damaged(bytes.count, "they don't begin at a multiple of 8")
        }
        try unsafe Self.check(bytes)
        unsafe self.bytes = bytes
        unsafe view = Self.view(of: start)
        self.owner = owner
    }

    /// Opens a copy of bytes, wherever they lie.
    ///
    /// - Throws: ``LexicalError`` with code `.damagedSegment`, unless every byte is as it was written.
    package convenience init(copying bytes: UnsafeRawBufferPointer) throws(LexicalError) {
        guard let start = bytes.baseAddress, let copy = unsafe malloc(bytes.count) else {
            throw Self.damaged(bytes.count, "there are none, or no memory for them")
        }
        unsafe memcpy(copy, start, bytes.count)
        do {
            try unsafe Self.check(UnsafeRawBufferPointer(start: copy, count: bytes.count))
        } catch {
            unsafe free(copy)
            throw error
        }
        unsafe self.init(made: copy, count: bytes.count)
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

    deinit {
        unsafe view.deallocate()
        if owner == nil { unsafe free(UnsafeMutableRawPointer(mutating: bytes.baseAddress)) }
    }

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
    func slot(of number: UInt32) -> Int? {
        let slot = unsafe semblance_lexical_segment_find(view, number)
        return slot < 0 ? nil : Int(slot)
    }

    private static func view(of bytes: UnsafeRawPointer) -> UnsafePointer<semblance_lexical_segment> {
        let view = UnsafeMutablePointer<semblance_lexical_segment>.allocate(capacity: 1)
        unsafe view.initialize(to: semblance_lexical_segment_view(bytes))
        return unsafe UnsafePointer(view)
    }

    private static func check(_ bytes: UnsafeRawBufferPointer) throws(LexicalError) {
        guard let fault = unsafe semblance_lexical_segment_check(bytes.baseAddress, bytes.count) else { return }
        throw damaged(bytes.count, unsafe String(cString: fault))
    }

    private static func damaged(_ count: Int, _ fault: String) -> LexicalError {
        LexicalError(
            .damagedSegment,
            "\(count) bytes are no segment of a lexical index: \(fault); restore the file or build the index anew"
        )
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
