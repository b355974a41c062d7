internal import CSemblanceFAISS

/// The ids that a search may find.
///
/// Made once, it can be used for any number of searches.
public struct IDFilter: Hashable, Sendable {
    /// In order, none twice.
    let ids: [Int64]
    /// An id is found where it is among ``ids`` once so many of its lowest bits are dropped.
    let shift: Int

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

/// The slots of a part that a search may find.
struct AllowedSlots {
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
        var bits = [UInt8](repeating: 0, count: (live.slots + 7) / 8)
        if let ids = unsafe ids.baseAddress {
            unsafe semblance_bits_mark(
                ids,
                live.slots,
                isOrdered,
                filter.ids,
                filter.ids.count,
                Int32(filter.shift),
                &bits
            )
        }
        if let live = live.bits { unsafe semblance_bits_and(&bits, live, bits.count) }
        return unsafe AllowedSlots(bits: bits, count: semblance_bits_count(bits, live.slots))
    }

    /// Whether ids ascend by slot.
    private var isOrdered: Bool { if case .sealed(let segment, _) = rows { segment.isOrdered } else { false } }
}
