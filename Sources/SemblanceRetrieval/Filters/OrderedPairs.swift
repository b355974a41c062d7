internal import CSemblanceKernels

/// Pairs of a 64-bit key and a number, in order: which numbers have which of many values.
///
/// Blocks of up to 512 pairs, 12 bytes a pair, found by bisection. A change moves memory within one block and, once
/// every 256 changes or more, the list of blocks: O(log n + 512 + n / 512 / 256). A value type; copies share blocks.
struct OrderedPairs: Sendable {
    private var blocks: [Block] = []
    /// Not above its block's pairs, and above those of the block before; the first one stands for any.
    private var separators: [semblance_pair] = []
    /// How many pairs there are.
    private(set) var count = 0

    /// Adds a pair; once more makes no difference.
    mutating func insert(_ key: UInt64, _ number: UInt32) {
        let pair = semblance_pair(key: key, number: number)
        guard !blocks.isEmpty else {
            blocks = [Block()]
            separators = [pair]
            insert(pair, at: 0)
            return
        }
        let place = place(of: pair)
        if blocks[place].count < Int(SEMBLANCE_PAIRS) {
            insert(pair, at: place)
        } else if place == blocks.count - 1, blocks[place].place(of: pair) == Int(SEMBLANCE_PAIRS) {
            // Values that only grow, as times do, fill their blocks.
            blocks.append(Block())
            separators.append(pair)
            insert(pair, at: place + 1)
        } else {
            makeUnique(place)
            let upper = Block()
            separators.insert(unsafe semblance_pair_block_split(blocks[place].raw, upper.raw), at: place + 1)
            blocks.insert(upper, at: place + 1)
            insert(pair, at: self.place(of: pair))
        }
    }

    /// Takes a pair out, if it is there.
    mutating func remove(_ key: UInt64, _ number: UInt32) {
        guard !blocks.isEmpty else { return }
        let pair = semblance_pair(key: key, number: number)
        let place = place(of: pair)
        makeUnique(place)
        guard unsafe semblance_pair_block_remove(blocks[place].raw, pair) else { return }
        count -= 1
        if blocks[place].count == 0 {
            blocks.remove(at: place)
            separators.remove(at: place)
        }
    }

    /// How many pairs have a key of this range.
    ///
    /// - Complexity: O(blocks of the range).
    func count(of keys: ClosedRange<UInt64>) -> Int {
        var found = 0
        forEachRun(of: keys) { _, places in found += places.count }
        return found
    }

    /// Adds the numbers of the pairs with a key of this range, all of them below `limit`, to a set.
    ///
    /// - Complexity: O(pairs of the range + limit / 64), or without the latter where they are few.
    func add(_ keys: ClosedRange<UInt64>, below limit: Int, to numbers: inout NumberSet) {
        let words = (limit + 65_535) / 65_536 * Int(SEMBLANCE_BLOCK_WORDS)
        guard words <= 32 * count(of: keys) else {
            forEachRun(of: keys) { block, places in
                for place in places { numbers.insert(block.number(at: place)) }
            }
            return
        }
        let bits = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
        defer { unsafe bits.deallocate() }
        unsafe bits.initialize(repeating: 0, count: words)
        forEachRun(of: keys) { block, places in
            unsafe semblance_pair_block_set_bits(block.raw, places.lowerBound, places.upperBound, bits)
        }
        numbers.formUnion(unsafe NumberSet(words: bits, blocks: words / Int(SEMBLANCE_BLOCK_WORDS)))
    }

    private func forEachRun(of keys: ClosedRange<UInt64>, _ body: (Block, Range<Int>) -> Void) {
        guard !blocks.isEmpty else { return }
        let first = semblance_pair(key: keys.lowerBound, number: 0)
        let last = semblance_pair(key: keys.upperBound, number: .max)
        let (from, to) = (place(of: first), place(of: last))
        for place in from...to {
            let block = blocks[place]
            let low = place == from ? block.place(of: first) : 0
            let high = place == to ? block.end(of: keys.upperBound) : block.count
            if low < high { body(block, low..<high) }
        }
    }

    /// The block where a pair is or belongs.
    private func place(of pair: semblance_pair) -> Int {
        unsafe max(
            1,
            separators.withUnsafeBufferPointer { unsafe semblance_pairs_up_to($0.baseAddress, $0.count, pair) }
        )
            - 1
    }

    private mutating func insert(_ pair: semblance_pair, at place: Int) {
        makeUnique(place)
        if unsafe semblance_pair_block_insert(blocks[place].raw, pair) { count += 1 }
    }

    private mutating func makeUnique(_ place: Int) {
        if !isKnownUniquelyReferenced(&blocks[place]) { blocks[place] = blocks[place].copy() }
    }

    /// One block. Written to only while a single value holds it, read by any number of threads otherwise: that is why it
    /// is Sendable.
    @safe
    private final class Block: @unchecked Sendable {
        let raw: UnsafeMutablePointer<semblance_pair_block>

        init() {
            unsafe raw = .allocate(capacity: 1)
            unsafe raw.pointee.count = 0
        }

        deinit { unsafe raw.deallocate() }

        var count: Int { unsafe Int(raw.pointee.count) }

        func copy() -> Block {
            let copy = Block()
            unsafe copy.raw.update(from: raw, count: 1)
            return copy
        }

        func place(of pair: semblance_pair) -> Int { unsafe semblance_pair_block_place(raw, pair) }

        /// The place after the last pair of this key or a lower one.
        func end(of key: UInt64) -> Int { unsafe semblance_pair_block_end(raw, key) }

        func number(at place: Int) -> UInt32 { unsafe semblance_pair_block_number(raw, place) }
    }
}
