// One consistent state of an index: parts, of which each has its vectors and the bits of those that are live. A value:
// a copy is a snapshot that searches use while the next state is made.

internal import CSemblanceFAISS
internal import SemblanceNumerics

/// Which slots of a part hold vectors that were not removed or replaced.
struct LiveSlots: Sendable {
    /// How many slots there are.
    private(set) var slots: Int
    /// How many of them are live.
    private(set) var count: Int
    /// A bit for each slot; `nil` while all are live.
    private(set) var bits: [UInt8]?

    init(slots: Int) { (self.slots, count, bits) = (slots, slots, nil) }

    /// - Parameter bits: as many as slots need; those beyond the last slot are 0.
    init(slots: Int, bits: [UInt8]) {
        let count = unsafe bits.withUnsafeBufferPointer { bits in
            unsafe bits.baseAddress.map { unsafe semblance_bits_count($0, slots) } ?? 0
        }
        (self.slots, self.count, self.bits) = (slots, count, count == slots ? nil : bits)
    }

    subscript(slot: Int) -> Bool { bits.map { $0[slot / 8] >> UInt8(slot % 8) & 1 == 1 } ?? true }

    mutating func append(_ fresh: Int) {
        let (first, end) = (slots, slots + fresh)
        if var bits {
            self.bits = nil
            bits.append(contentsOf: repeatElement(0, count: (end + 7) / 8 - bits.count))
            for slot in first..<end { bits[slot / 8] |= 1 << UInt8(slot % 8) }
            self.bits = bits
        }
        slots = end
        count += fresh
    }

    /// The slots that are live here and not any more in a later state.
    func lost(in later: LiveSlots) -> [Int32] {
        guard let now = later.bits, later.count != count || bits == nil else { return [] }
        return (0..<slots).compactMap { slot in
            self[slot] && now[slot / 8] >> UInt8(slot % 8) & 1 == 0 ? Int32(slot) : nil
        }
    }

    /// Returns whether the slot was live.
    mutating func remove(_ slot: Int) -> Bool {
        guard self[slot] else { return false }
        if bits == nil {
            var all = [UInt8](repeating: 0xff, count: (slots + 7) / 8)
            if slots % 8 > 0 { all[all.count - 1] = 1 << UInt8(slots % 8) - 1 }
            bits = all
        }
        bits?[slot / 8] &= ~(1 << UInt8(slot % 8))
        count -= 1
        return true
    }
}

/// Some of the vectors of an index.
struct Part: Sendable {
    enum Rows: Sendable {
        case sealed(Segment, payloads: Payloads?)
        case tail(Tail)
    }

    /// One of a kind in its index; also the number of its files.
    fileprivate(set) var number: Int
    let rows: Rows
    var live: LiveSlots
    /// The journal's file that has the first change of a tail.
    var journal = 0
    /// Whether a tail takes no more rows.
    var isClosed = false
    /// The files of what is sealed, where the index has any.
    var files: SegmentFiles?

    /// Whether it is a graph that took the vectors of others, and not what its vectors and ids alone make.
    var isGrown = false

    var isTail: Bool { if case .tail = rows { true } else { false } }

    /// What is sealed.
    var segment: Segment? { if case .sealed(let segment, _) = rows { segment } else { nil } }

    /// Whether it is a graph that takes new vectors for little more than these take alone.
    var canGrow: Bool { segment?.canGrow ?? false }

    /// Whether it is as if built of its vectors and ids alone.
    var isCompact: Bool { !isTail && !isGrown && live.bits == nil }

    /// Where the vectors lie; nowhere for a foreign segment that only has codes.
    var source: semblance_rows {
        switch rows {
        case .sealed(let segment, _): unsafe segment.rows
        case .tail(let tail): unsafe semblance_rows(base: tail.rows, index: nil)
        }
    }

    /// The ids by slot; not to be used without this part.
    var ids: UnsafeBufferPointer<Int64> {
        switch rows {
        case .sealed(let segment, _): unsafe segment.ids
        case .tail(let tail): unsafe UnsafeBufferPointer(start: tail.ids, count: live.slots)
        }
    }

    /// The live slot of each id, −1 where there is none.
    func slots(of ids: [Int64]) -> [Int32] {
        switch rows {
        case .sealed(let segment, _):
            segment.slots(of: ids).map { $0 >= 0 && live[Int($0)] ? $0 : -1 }
        case .tail(let tail):
            ids.map { id in
                tail.slot(of: id, below: live.slots).map { live[$0] ? Int32($0) : -1 } ?? -1
            }
        }
    }

    /// The vector in a slot: as it is compared.
    func vector(_ slot: Int) throws -> [Float] {
        switch rows {
        case .sealed(let segment, _): try segment.vector(Int32(slot))
        case .tail(let tail): tail.vector(slot)
        }
    }

    var hasPayloads: Bool {
        switch rows {
        case .sealed(_, let payloads): payloads != nil
        case .tail(let tail): tail.hasPayloads
        }
    }

    func payload(_ slot: Int) throws -> [UInt8] {
        switch rows {
        case .sealed(_, let payloads): try payloads?[slot] ?? []
        case .tail(let tail): tail.payload(slot)
        }
    }
}

struct IndexState: Sendable {
    /// Sealed ones, then tails, the oldest first. All changes go to the last one as long as it is a tail with room.
    var parts: [Part] = []

    var count: Int { parts.reduce(0) { $0 + $1.live.count } }

    /// Vectors that wait to be sealed.
    var unsealedRows: Int { parts.reduce(0) { $0 + ($1.isTail ? $1.live.slots : 0) } }

    /// How many parts are sealed.
    var sealedParts: Int { parts.reduce(0) { $0 + ($1.isTail ? 0 : 1) } }

    /// How many of them are graphs that can grow.
    var graphs: Int { parts.reduce(0) { $0 + ($1.canGrow ? 1 : 0) } }

    /// Where an id's vector is.
    func place(of id: Int64) -> (part: Part, slot: Int)? {
        for part in parts.reversed() {
            let slot = part.slots(of: [id])[0]
            if slot >= 0 { return (part, Int(slot)) }
        }
        return nil
    }

    /// - Throws: ``RetrievalError`` with code `.duplicateID`.
    func validate(_ change: Change) throws {
        let ids = change.ids
        var repeated = ids.count
        try unsafe reporting { unsafe semblance_ids_first_repeated(ids, ids.count, &repeated, $0) }
        guard repeated == ids.count else {
            throw RetrievalError(code: .duplicateID, message: "the id \(ids[repeated]) is given twice")
        }
        guard change.refusesTakenIDs else { return }
        for part in parts {
            guard let row = part.slots(of: ids).firstIndex(where: { $0 >= 0 }) else { continue }
            if change.removed.contains(ids[row]) { continue }
            throw RetrievalError(
                code: .duplicateID,
                message: "the id \(ids[row]) is in the index already; `upsert` replaces its vector"
            )
        }
    }

    /// Whether the last part has room for so many rows more.
    func hasRoom(for rows: Int) -> Bool {
        guard let last = parts.last, case .tail(let tail) = last.rows else { return rows == 0 }
        return rows == 0 || !last.isClosed && last.live.slots + rows <= tail.capacity
    }

    /// Ends the last tail: what comes goes to this one.
    mutating func beginTail(_ tail: Tail, number: Int, journal: Int) {
        closeTails()
        parts.append(Part(number: number, rows: .tail(tail), live: LiveSlots(slots: 0), journal: journal))
    }

    /// No tail takes rows any more.
    mutating func closeTails() {
        for index in parts.indices where parts[index].isTail { parts[index].isClosed = true }
    }

    /// Gives the tails numbers behind those of all segments.
    mutating func renumberTails() {
        var last = parts.reduce(0) { $1.isTail ? $0 : max($0, $1.number) }
        for index in parts.indices where parts[index].isTail {
            last += 1
            parts[index].number = last
        }
    }

    /// Puts a sealed part before the tails.
    mutating func insert(_ part: Part) {
        parts.insert(part, at: parts.firstIndex(where: \.isTail) ?? parts.count)
    }

    /// Makes a change that was validated and that there is room for.
    ///
    /// - Parameter range: the parts in which vectors may be replaced; all where it is `nil`.
    /// - Returns: how many vectors were there and are not any more, or were replaced.
    mutating func apply(_ change: Change, removingFrom range: Range<Int>? = nil) -> Int {
        let gone = remove(change.removed, from: range) + remove(change.ids, from: range)
        guard !change.ids.isEmpty, case .tail(let tail) = parts[parts.count - 1].rows else { return gone }
        tail.write(change, at: parts[parts.count - 1].live.slots)
        parts[parts.count - 1].live.append(change.ids.count)
        return gone
    }

    /// Keeps each id in the part with the highest number alone.
    mutating func keepOnce() {
        var seen = Set<Int64>()
        for index in parts.indices.sorted(by: { parts[$0].number > parts[$1].number }) {
            for slot in 0..<parts[index].live.slots where parts[index].live[slot] {
                if seen.insert(unsafe parts[index].ids[slot]).inserted { continue }
                _ = parts[index].live.remove(slot)
            }
        }
    }

    /// The live ones among some ids.
    func live(_ ids: [Int64]) -> [Int64] {
        parts.flatMap { part in
            part.live.count == 0 ? [] : zip(ids, part.slots(of: ids)).compactMap { $1 >= 0 ? $0 : nil }
        }
    }

    /// Takes ids out; returns how many were there.
    mutating func remove(_ ids: [Int64], from range: Range<Int>? = nil) -> Int {
        guard !ids.isEmpty else { return 0 }
        var removed = 0
        for index in range ?? parts.indices where parts[index].live.count > 0 {
            for slot in parts[index].slots(of: ids) where slot >= 0 {
                if parts[index].live.remove(Int(slot)) { removed += 1 }
            }
        }
        return removed
    }
}
