internal import CSemblanceFAISS
internal import Synchronization

/// The ids that a search may find.
///
/// Made once, it can be used for any number of searches.
public struct IDFilter: Hashable, Sendable {
    /// In order, none twice.
    let ids: [Int64]
    /// An id is found where it is among ``ids`` once so many of its lowest bits are dropped.
    let shift: Int
    /// Which slots of segments they are, once it was looked up.
    fileprivate let known = KnownSlots()

    /// Some ids; those that aren't in the index are no error.
    ///
    /// - Complexity: O(n log n).
    public init(_ ids: some Sequence<Int64>) {
        let unsorted = Array(ids)
        self.ids = unsafe [Int64](unsafeUninitializedCapacity: unsorted.count) { sorted, count in
            guard let first = sorted.baseAddress else { return }
            unsafe first.initialize(from: unsorted, count: unsorted.count)
            count = unsafe semblance_ids_sort(first, unsorted.count)
        }
        shift = 0
    }

    /// All ids whose upper bits are one of the numbers.
    package init(numbers: NumberSet, shift: Int) {
        ids = numbers.numbers.map(Int64.init)
        self.shift = shift
    }

    /// How many there are.
    public var count: Int { ids.count }
}

/// Slots of segments that a filter marked before. It is no part of the filter's value: all are equal.
private final class KnownSlots: Hashable, Sendable {
    /// By ``Segment/serial``.
    private let marks = Mutex<[Int: AllowedSlots]>([:])
    /// More segments than an index usually has.
    private static let limit = 64

    func slots(of segment: Segment, mark: () -> AllowedSlots) -> AllowedSlots {
        if let known = marks.withLock({ $0[segment.serial] }) { return known }
        let slots = mark()
        marks.withLock { marks in
            if marks.count >= Self.limit { marks = [:] }
            marks[segment.serial] = slots
        }
        return slots
    }

    static func == (left: KnownSlots, right: KnownSlots) -> Bool { true }
    func hash(into hasher: inout Hasher) {}
}

/// The slots of a part that a search may find.
struct AllowedSlots: Sendable {
    /// A bit for each; `nil`: all.
    let bits: [UInt8]?
    let count: Int

    /// The slots, in order.
    func slots(of part: Part) -> [Int32] {
        guard let bits else { return (0..<Int32(part.live.slots)).map { $0 } }
        return unsafe [Int32](unsafeUninitializedCapacity: count) { slots, filled in
            guard let first = slots.baseAddress else { return }
            filled = unsafe semblance_bits_slots(bits, part.live.slots, first)
        }
    }
}

extension Part {
    /// What is live and in the filter.
    func allowed(_ filter: IDFilter?) -> AllowedSlots {
        guard let filter else { return AllowedSlots(bits: live.bits, count: live.count) }
        let marked =
            switch rows {
            case .sealed(let segment, _):
                filter.known.slots(of: segment) { marks(of: filter, areOrdered: segment.isOrdered) }
            case .tail: marks(of: filter, areOrdered: false)
            }
        guard let live = live.bits, var bits = marked.bits else { return marked }
        unsafe semblance_bits_and(&bits, live, bits.count)
        return unsafe AllowedSlots(bits: bits, count: semblance_bits_count(bits, self.live.slots))
    }

    /// All slots whose ids are in a filter.
    private func marks(of filter: IDFilter, areOrdered: Bool) -> AllowedSlots {
        var bits = [UInt8](repeating: 0, count: (live.slots + 7) / 8)
        if let ids = unsafe ids.baseAddress {
            unsafe semblance_bits_mark(
                ids,
                live.slots,
                areOrdered,
                filter.ids,
                filter.ids.count,
                Int32(filter.shift),
                &bits
            )
        }
        return unsafe AllowedSlots(bits: bits, count: semblance_bits_count(bits, live.slots))
    }
}
