internal import CSemblanceKernels

/// A compressed set of 32-bit numbers: which slots of an index have something.
///
/// Numbers that share their upper 16 bits are a block: a sorted list of up to 4,096 members, else 65,536 bits. So a
/// member takes at most 2 bytes and a dense block one bit a number. A value type: copies share blocks until one of them
/// writes to it, so a snapshot costs O(blocks) and the changes after it a block each.
///
/// - Note: Source: S. Chambi, D. Lemire, O. Kaser and R. Godin, "Better bitmap performance with Roaring bitmaps", 2016.
package struct NumberSet: Sendable {
    /// Members with one upper half; never empty, ascending by `upper`.
    private struct Entry {
        let upper: UInt32
        var block: Block
    }

    private var entries: [Entry] = []

    /// The empty set.
    package init() {}

    /// The set of ascending numbers, without repetition.
    package init(sorted numbers: [UInt32]) {
        let descent = unsafe numbers.withUnsafeBufferPointer {
            unsafe $0.baseAddress.map { unsafe semblance_first_descent($0, numbers.count) } ?? 0
        }
        precondition(descent == numbers.count, "numbers \(descent) and \(descent + 1) of a sorted list don't ascend")
        unsafe numbers.withUnsafeBufferPointer { numbers in
            var first = 0
            while first < numbers.count {
                let upper = unsafe numbers[first] >> 16
                let end = unsafe Self.end(of: upper, in: numbers, from: first)
                let block = Block()
                unsafe semblance_number_block_insert_sorted(block.raw, numbers.baseAddress! + first, end - first)
                entries.append(Entry(upper: upper, block: block))
                first = end
            }
        }
    }

    /// The first place from `first` on whose number has another upper half.
    private static func end(of upper: UInt32, in numbers: UnsafeBufferPointer<UInt32>, from first: Int) -> Int {
        var low = first, high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if unsafe numbers[middle] >> 16 == upper { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// All numbers of a range.
    package init(_ range: Range<UInt32>) {
        guard let last = range.last else { return }
        for upper in range.lowerBound >> 16...last >> 16 {
            let block = Block()
            let first = upper == range.lowerBound >> 16 ? UInt16(truncatingIfNeeded: range.lowerBound) : 0
            let end = upper == last >> 16 ? UInt16(truncatingIfNeeded: last) : .max
            unsafe semblance_number_block_insert_range(block.raw, first, end)
            entries.append(Entry(upper: upper, block: block))
        }
    }

    /// The set of the bits of whole blocks: number n is bit n % 64 of word n / 64; 1,024 words a block.
    init(words: UnsafePointer<UInt64>, blocks: Int) {
        for upper in 0..<blocks {
            let block = Block()
            unsafe semblance_number_block_from_bits(block.raw, words + upper * SEMBLANCE_BLOCK_WORDS)
            if block.count > 0 { entries.append(Entry(upper: UInt32(upper), block: block)) }
        }
    }

    /// Whether there are no members.
    package var isEmpty: Bool { entries.isEmpty }

    /// How many members there are.
    ///
    /// - Complexity: O(blocks).
    package var count: Int { entries.reduce(0) { $0 + $1.block.count } }

    /// The greatest member.
    package var last: UInt32? { entries.last.flatMap { $0.block.members(upper: $0.upper).last } }

    /// Whether a number is a member.
    ///
    /// - Complexity: O(log blocks + log members of one).
    package func contains(_ number: UInt32) -> Bool {
        let upper = number >> 16
        let place = place(of: upper)
        guard place < entries.count, entries[place].upper == upper else { return false }
        return unsafe semblance_number_block_contains(entries[place].block.raw, UInt16(truncatingIfNeeded: number))
    }

    /// Adds a number; returns whether it is new.
    ///
    /// - Complexity: O(members of its block that follow it), at most 4,096, a memory move; O(1) for bits.
    @discardableResult
    package mutating func insert(_ number: UInt32) -> Bool {
        let upper = number >> 16
        let place = place(of: upper)
        if place == entries.count || entries[place].upper != upper {
            entries.insert(Entry(upper: upper, block: Block()), at: place)
        }
        makeUnique(place)
        return unsafe semblance_number_block_insert(entries[place].block.raw, UInt16(truncatingIfNeeded: number))
    }

    /// Takes a number out; returns whether it was there.
    @discardableResult
    package mutating func remove(_ number: UInt32) -> Bool {
        let upper = number >> 16
        let place = place(of: upper)
        guard place < entries.count, entries[place].upper == upper else { return false }
        makeUnique(place)
        let lower = UInt16(truncatingIfNeeded: number)
        let found = unsafe semblance_number_block_remove(entries[place].block.raw, lower)
        if entries[place].block.count == 0 { entries.remove(at: place) }
        return found
    }

    /// Adds all members of another set.
    package mutating func formUnion(_ other: NumberSet) {
        if entries.isEmpty {
            self = other
            return
        }
        var place = 0
        for entry in other.entries {
            while place < entries.count, entries[place].upper < entry.upper { place += 1 }
            if place < entries.count, entries[place].upper == entry.upper {
                if entries[place].block === entry.block { continue }
                makeUnique(place)
                unsafe semblance_number_block_unite(entries[place].block.raw, entry.block.raw)
            } else {
                entries.insert(entry, at: place)
            }
        }
    }

    /// Keeps the members that are in another set too.
    package mutating func formIntersection(_ other: NumberSet) {
        var kept: [Entry] = []
        var place = 0
        for entry in entries {
            while place < other.entries.count, other.entries[place].upper < entry.upper { place += 1 }
            guard place < other.entries.count else { break }
            let against = other.entries[place]
            guard against.upper == entry.upper else { continue }
            if against.block === entry.block {
                kept.append(entry)
                continue
            }
            // The copy is of the one with fewer members.
            let entryIsSmaller = entry.block.count <= against.block.count
            let block = (entryIsSmaller ? entry : against).block.copy()
            unsafe semblance_number_block_intersect(block.raw, (entryIsSmaller ? against : entry).block.raw)
            if block.count > 0 { kept.append(Entry(upper: entry.upper, block: block)) }
        }
        entries = kept
    }

    /// Takes out all members of another set.
    package mutating func subtract(_ other: NumberSet) {
        var place = 0
        for entry in other.entries {
            while place < entries.count, entries[place].upper < entry.upper { place += 1 }
            guard place < entries.count else { return }
            guard entries[place].upper == entry.upper else { continue }
            if entries[place].block === entry.block {
                entries.remove(at: place)
                continue
            }
            makeUnique(place)
            unsafe semblance_number_block_subtract(entries[place].block.raw, entry.block.raw)
            if entries[place].block.count == 0 { entries.remove(at: place) }
        }
    }

    /// The members of either set.
    package func union(_ other: NumberSet) -> NumberSet {
        var result = self
        result.formUnion(other)
        return result
    }

    /// The members of both sets.
    package func intersection(_ other: NumberSet) -> NumberSet {
        var result = self
        result.formIntersection(other)
        return result
    }

    /// The members that another set doesn't have.
    package func subtracting(_ other: NumberSet) -> NumberSet {
        var result = self
        result.subtract(other)
        return result
    }

    /// All members, ascending.
    package var numbers: [UInt32] {
        unsafe [UInt32](unsafeUninitializedCapacity: count) { numbers, initialized in
            for entry in entries {
                unsafe entry.block.write(upper: entry.upper, to: numbers.baseAddress! + initialized)
                initialized += entry.block.count
            }
        }
    }

    /// Sets the bits of the members below `8 · bytes.count` and leaves the others alone: member n is bit n % 8 of byte
    /// n / 8.
    package func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        for entry in entries {
            let first = Int(entry.upper) << 13
            guard first < bytes.count, let base = bytes.baseAddress else { return }
            unsafe semblance_number_block_set_bits(
                entry.block.raw,
                base.assumingMemoryBound(to: UInt8.self) + first,
                8 * (bytes.count - first)
            )
        }
    }

    /// The members below `count` as bits in whole bytes: member n is bit n % 8 of byte n / 8.
    package func bits(count: Int) -> [UInt8] {
        precondition(count >= 0, "\(count) bits were asked for")
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
        unsafe bytes.withUnsafeMutableBytes { unsafe fill($0) }
        if count % 8 != 0 { bytes[count / 8] &= UInt8(1) << (count % 8) - 1 }
        return bytes
    }

    /// Where the block of `upper` is or belongs.
    private func place(of upper: UInt32) -> Int {
        guard let last = entries.last, last.upper >= upper else { return entries.count }
        var low = 0, high = entries.count - 1
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].upper < upper { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func makeUnique(_ place: Int) {
        if !isKnownUniquelyReferenced(&entries[place].block) { entries[place].block = entries[place].block.copy() }
    }

    /// One block. Written to only while a single set holds it, read by any number of threads otherwise: that is why it
    /// is Sendable.
    @safe
    private final class Block: @unchecked Sendable {
        let raw: UnsafeMutablePointer<semblance_number_block>

        init() {
            unsafe raw = .allocate(capacity: 1)
            unsafe raw.initialize(to: semblance_number_block())
        }

        deinit {
            unsafe semblance_number_block_free(raw)
            unsafe raw.deallocate()
        }

        var count: Int { unsafe Int(raw.pointee.count) }

        func equals(_ other: Block) -> Bool { unsafe semblance_number_block_equals(raw, other.raw) }

        func copy() -> Block {
            let copy = Block()
            unsafe semblance_number_block_copy(raw, copy.raw)
            return copy
        }

        func write(upper: UInt32, to numbers: UnsafeMutablePointer<UInt32>) {
            unsafe semblance_number_block_members(raw, upper << 16, numbers)
        }

        func members(upper: UInt32) -> [UInt32] {
            unsafe [UInt32](unsafeUninitializedCapacity: count) { numbers, initialized in
                unsafe write(upper: upper, to: numbers.baseAddress!)
                initialized = count
            }
        }
    }
}

extension NumberSet: Equatable {
    /// Whether both have the same members.
    package static func == (left: NumberSet, right: NumberSet) -> Bool {
        left.entries.elementsEqual(right.entries) { left, right in
            left.upper == right.upper && (left.block === right.block || left.block.equals(right.block))
        }
    }
}

extension NumberSet: Sequence {
    /// The members, ascending; one block is unpacked at a time.
    package struct Iterator: IteratorProtocol {
        private let set: NumberSet
        private var entry = 0
        private var members: [UInt32] = []
        private var place = 0

        fileprivate init(_ set: NumberSet) { self.set = set }

        package mutating func next() -> UInt32? {
            if place == members.count {
                guard entry < set.entries.count else { return nil }
                members = set.entries[entry].block.members(upper: set.entries[entry].upper)
                entry += 1
                place = 0
            }
            place += 1
            return members[place - 1]
        }
    }

    /// The members, ascending.
    package func makeIterator() -> Iterator { Iterator(self) }

    /// The number of members.
    package var underestimatedCount: Int { count }
}

extension NumberSet: ExpressibleByArrayLiteral {
    /// The set of some numbers, in any order.
    package init(arrayLiteral numbers: UInt32...) {
        for number in numbers { insert(number) }
    }
}
