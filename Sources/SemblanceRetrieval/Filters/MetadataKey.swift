/// A single value as comparisons see it: dates and the texts of dates are one kind.
enum MetadataKey: Hashable, Sendable {
    case string(String)
    case number(Double)
    case boolean(Bool)
    case date(Milliseconds)

    /// nil for a list and for what metadata can't hold.
    init?(_ value: MetadataValue) {
        switch value {
        case .string(let text):
            if let date = Milliseconds(reading: text) { self = .date(date) } else { self = .string(text) }
        case .number(let number):
            guard number.isFinite else { return nil }
            self = .number(number)
        case .boolean(let boolean): self = .boolean(boolean)
        case .date(let date):
            guard let date = Milliseconds(date) else { return nil }
            self = .date(date)
        case .list: return nil
        }
    }

    /// Whether both are of one kind that has an order, and this one is less.
    func isLess(than other: MetadataKey) -> Bool {
        switch (self, other) {
        case (.string(let left), .string(let right)): left < right
        case (.number(let left), .number(let right)): left < right
        case (.date(let left), .date(let right)): left < right
        default: false
        }
    }

    /// Whether there is an order of its kind.
    var hasOrder: Bool { if case .boolean = self { false } else { true } }
}
