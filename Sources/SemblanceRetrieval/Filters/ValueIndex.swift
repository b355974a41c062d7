/// Which numbers have which of a field's values.
struct ValueIndex: Sendable {
    private var texts = OrderedTexts()
    private var numbers = OrderedPairs()
    private var dates = OrderedPairs()
    private var (no, yes) = (NumberSet(), NumberSet())

    init() {}

    mutating func insert(_ key: MetadataKey, _ number: UInt32) {
        switch key {
        case .string(let text): texts.insert(text, number)
        case .number(let value): numbers.insert(Self.ordered(value), number)
        case .date(let date): dates.insert(Self.ordered(date), number)
        case .boolean(true): yes.insert(number)
        case .boolean(false): no.insert(number)
        }
    }

    mutating func remove(_ key: MetadataKey, _ number: UInt32) {
        switch key {
        case .string(let text): texts.remove(text, number)
        case .number(let value): numbers.remove(Self.ordered(value), number)
        case .date(let date): dates.remove(Self.ordered(date), number)
        case .boolean(true): yes.remove(number)
        case .boolean(false): no.remove(number)
        }
    }

    func count(of key: MetadataKey) -> Int {
        switch key {
        case .string(let text): texts.count(of: text)
        case .number(let value): numbers.count(of: Self.ordered(value)...Self.ordered(value))
        case .date(let date): dates.count(of: Self.ordered(date)...Self.ordered(date))
        case .boolean(true): yes.count
        case .boolean(false): no.count
        }
    }

    /// Adds the numbers with this value, all of them below `limit`, to a set.
    func add(_ key: MetadataKey, below limit: Int, to set: inout NumberSet) {
        switch key {
        case .string(let text): texts.add(text, to: &set)
        case .number(let value):
            numbers.add(Self.ordered(value)...Self.ordered(value), below: limit, to: &set)
        case .date(let date): dates.add(Self.ordered(date)...Self.ordered(date), below: limit, to: &set)
        case .boolean(true): set.formUnion(yes)
        case .boolean(false): set.formUnion(no)
        }
    }

    func count(of range: KeyRange) -> Int {
        switch range {
        case .texts(let range): texts.count(of: range)
        case .numbers(let keys): numbers.count(of: keys)
        case .dates(let keys): dates.count(of: keys)
        }
    }

    func numbers(of range: KeyRange, below limit: Int) -> NumberSet {
        var set = NumberSet()
        switch range {
        case .texts(let range): texts.add(range, to: &set)
        case .numbers(let keys): numbers.add(keys, below: limit, to: &set)
        case .dates(let keys): dates.add(keys, below: limit, to: &set)
        }
        return set
    }

    /// Bits that are ordered as the numbers are; both zeros are one.
    fileprivate static func ordered(_ value: Double) -> UInt64 {
        let bits = (value == 0 ? 0 : value).bitPattern
        return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    }

    fileprivate static func ordered(_ date: Milliseconds) -> UInt64 { UInt64(bitPattern: date.count) ^ 1 << 63 }
}

/// The values that a comparison with an order is true for.
enum KeyRange {
    case texts(TextRange)
    case numbers(ClosedRange<UInt64>)
    case dates(ClosedRange<UInt64>)

    /// nil if there are none: bounds of two kinds or of one without an order, or the wrong way round.
    init?(from lower: (key: MetadataKey, isIncluded: Bool)?, to upper: (key: MetadataKey, isIncluded: Bool)?) {
        func ordered(_ key: MetadataKey) -> UInt64? {
            switch key {
            case .number(let value): ValueIndex.ordered(value)
            case .date(let date): ValueIndex.ordered(date)
            case .string, .boolean: nil
            }
        }
        func closed() -> ClosedRange<UInt64>? {
            // Neither 0 nor .max is the bits of a finite number or of one of our dates.
            let low = lower.flatMap { bound in ordered(bound.key).map { $0 + (bound.isIncluded ? 0 : 1) } } ?? 0
            let high = upper.flatMap { bound in ordered(bound.key).map { $0 - (bound.isIncluded ? 0 : 1) } } ?? .max
            return low <= high ? low...high : nil
        }
        func text(_ bound: (key: MetadataKey, isIncluded: Bool)?) -> TextRange.Bound? {
            guard case (.string(let text), let isIncluded)? = bound else { return nil }
            return TextRange.Bound(text: text, isIncluded: isIncluded)
        }
        switch (lower?.key, upper?.key) {
        case (.number?, .number?), (.number?, nil), (nil, .number?):
            guard let keys = closed() else { return nil }
            self = .numbers(keys)
        case (.date?, .date?), (.date?, nil), (nil, .date?):
            guard let keys = closed() else { return nil }
            self = .dates(keys)
        case (.string(let low)?, .string(let high)?) where high < low: return nil
        case (.string?, .string?), (.string?, nil), (nil, .string?):
            self = .texts(TextRange(lower: text(lower), upper: text(upper)))
        default: return nil
        }
    }
}
