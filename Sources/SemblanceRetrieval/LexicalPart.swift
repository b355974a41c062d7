// A segment that texts were removed from: the segment stays as it is, and a bit says which.

internal import CSemblanceText

/// A segment and which of its texts were removed.
package struct LexicalPart: Sendable {
    package let segment: LexicalSegment
    var removals: LexicalRemovals?

    /// A part of which nothing was removed.
    package init(_ segment: LexicalSegment) { self.segment = segment }

    /// A part as it was persisted; `removed` has a bit for each text, none if empty.
    ///
    /// - Throws: ``LexicalError`` with code `.damagedSegment` where the bits are not this segment's.
    /// - Complexity: O(postings) if any text was removed.
    package init(_ segment: LexicalSegment, removed: [UInt64]) throws(LexicalError) {
        self.segment = segment
        guard !removed.isEmpty else { return }
        let spare = removed.count * 64 - segment.count
        guard spare >= 0, spare < 64, spare == 0 || (removed.last ?? 0) >> (64 - UInt64(spare)) == 0 else {
            throw LexicalError(
                .damagedSegment,
                "\(removed.count) words of removal bits don't belong to a segment of \(segment.count) texts; "
                    + "restore the file or build the index anew"
            )
        }
        removals = LexicalRemovals(of: segment, bits: removed)
    }

    /// A bit for each text that was removed, lowest first; empty if none was.
    package var removed: [UInt64] { removals?.words ?? [] }

    /// How many texts are left.
    package var count: Int { segment.count - (removals?.count ?? 0) }

    /// How many terms the texts have that are left, repeated ones counted.
    var length: UInt64 {
        withExtendedLifetime(self) {
            unsafe semblance_lexical_segment_length(segment.view, removals?.bits)
        }
    }

    /// The place of a number's text, unless it was removed.
    func slot(of number: UInt32) -> Int? {
        segment.slot(of: number).flatMap { removals?.contains($0) == true ? nil : $0 }
    }

    /// Removes a slot's text, which is the counts' text number `text`; copies of the part keep it.
    mutating func remove(_ slot: Int, _ counts: LexicalCounts, _ text: Int) {
        if !isKnownUniquelyReferenced(&removals) {
            removals = removals.map(LexicalRemovals.init(copying:)) ?? LexicalRemovals(of: segment)
        }
        removals?.insert(slot, of: segment, counts, text)
    }

    /// For C; good as long as the part is.
    var pointers: semblance_lexical_part {
        unsafe semblance_lexical_part(
            segment: segment.view,
            removed: removals.map { unsafe UnsafePointer($0.bits) },
            removed_postings: removals.map { unsafe UnsafePointer($0.postings) }
        )
    }
}

/// The texts removed from one segment, changed only by who holds it alone.
@safe final class LexicalRemovals: @unchecked Sendable {
    /// How many there are.
    private(set) var count = 0
    /// A bit for each text of the segment.
    let bits: UnsafeMutablePointer<UInt64>
    /// How many of them had each term.
    let postings: UnsafeMutablePointer<UInt32>
    private let wordCount: Int
    private let terms: Int

    /// None.
    init(of segment: LexicalSegment) {
        wordCount = (segment.count + 63) / 64
        terms = segment.terms
        unsafe bits = .allocate(capacity: wordCount)
        unsafe bits.initialize(repeating: 0, count: wordCount)
        unsafe postings = .allocate(capacity: terms)
        unsafe postings.initialize(repeating: 0, count: terms)
    }

    convenience init(of segment: LexicalSegment, bits: [UInt64]) {
        self.init(of: segment)
        for (place, word) in bits.enumerated() {
            unsafe self.bits[place] = word
            count += word.nonzeroBitCount
        }
        unsafe semblance_lexical_segment_count_all_removed(segment.view, self.bits, postings)
    }

    init(copying other: LexicalRemovals) {
        count = other.count
        wordCount = other.wordCount
        terms = other.terms
        unsafe bits = .allocate(capacity: wordCount)
        unsafe bits.initialize(from: other.bits, count: wordCount)
        unsafe postings = .allocate(capacity: terms)
        unsafe postings.initialize(from: other.postings, count: terms)
    }

    deinit {
        unsafe bits.deallocate()
        unsafe postings.deallocate()
    }

    var words: [UInt64] { unsafe Array(UnsafeBufferPointer(start: bits, count: wordCount)) }

    func contains(_ slot: Int) -> Bool { unsafe bits[slot / 64] >> UInt64(slot % 64) & 1 == 1 }

    /// Removes a slot's text, which is the counts' text number `text`.
    func insert(_ slot: Int, of segment: LexicalSegment, _ counts: LexicalCounts, _ text: Int) {
        count += 1
        unsafe bits[slot / 64] |= 1 << UInt64(slot % 64)
        unsafe semblance_lexical_segment_count_removed(segment.view, counts.handle, text, postings)
    }
}
