/// Texts in order, each with the numbers that have it.
///
/// Blocks of up to 512 texts, found by bisection: a change costs O(log n) comparisons and moves within one block. A value
/// type; copies share blocks.
struct OrderedTexts: Sendable {
    /// The numbers of a text; most texts of many have one number.
    private enum Numbers: Sendable {
        case one(UInt32)
        case many(NumberSet)

        var count: Int {
            switch self {
            case .one: 1
            case .many(let set): set.count
            }
        }

        func contains(_ number: UInt32) -> Bool {
            switch self {
            case .one(let single): single == number
            case .many(let set): set.contains(number)
            }
        }

        /// - Precondition: the number is new.
        mutating func insert(_ number: UInt32) {
            switch self {
            case .one(let single): self = .many([single, number])
            case .many(var set):
                self = .one(number)  // so that the set is in one place and isn't copied
                set.insert(number)
                self = .many(set)
            }
        }

        /// - Precondition: the number is there beside others.
        mutating func remove(_ number: UInt32) {
            guard case .many(var set) = self else { return }
            self = .one(number)
            set.remove(number)
            self = .many(set)
        }
    }

    private struct Entry: Sendable {
        let text: String
        var numbers: Numbers
    }

    /// Neighbouring entries, never empty, and how many numbers they have.
    private struct Block: Sendable {
        var entries: [Entry]
        var count: Int
    }

    private static let limit = 512
    private var blocks: [Block] = []

    /// Adds a number to a text; once more makes no difference.
    mutating func insert(_ text: String, _ number: UInt32) {
        guard !blocks.isEmpty else {
            blocks = [Block(entries: [Entry(text: text, numbers: .one(number))], count: 1)]
            return
        }
        let block = block(of: text)
        let place = place(of: text, in: block)
        if isAt(place, in: block, text) {
            guard !blocks[block].entries[place].numbers.contains(number) else { return }
            blocks[block].entries[place].numbers.insert(number)
        } else {
            blocks[block].entries.insert(Entry(text: text, numbers: .one(number)), at: place)
        }
        blocks[block].count += 1
        if blocks[block].entries.count > Self.limit { split(block) }
    }

    /// Takes a number from a text, if it is there.
    mutating func remove(_ text: String, _ number: UInt32) {
        guard !blocks.isEmpty else { return }
        let block = block(of: text)
        let place = place(of: text, in: block)
        guard isAt(place, in: block, text), blocks[block].entries[place].numbers.contains(number) else { return }
        blocks[block].count -= 1
        if blocks[block].entries[place].numbers.count > 1 {
            blocks[block].entries[place].numbers.remove(number)
        } else {
            blocks[block].entries.remove(at: place)
            if blocks[block].entries.isEmpty { blocks.remove(at: block) }
        }
    }

    /// How many numbers a text has.
    func count(of text: String) -> Int {
        guard let entry = entry(of: text) else { return 0 }
        return entry.numbers.count
    }

    /// Adds the numbers of a text to a set.
    func add(_ text: String, to numbers: inout NumberSet) {
        guard let entry = entry(of: text) else { return }
        Self.add(entry, to: &numbers)
    }

    /// How many numbers the texts of a range have.
    ///
    /// - Complexity: O(blocks of the range).
    func count(of range: TextRange) -> Int {
        var found = 0
        forEachRun(of: range) { block, places in
            found +=
                places.count == block.entries.count
                ? block.count : block.entries[places].reduce(0) { $0 + $1.numbers.count }
        }
        return found
    }

    /// Adds the numbers of the texts of a range to a set.
    ///
    /// - Complexity: O(texts and numbers of the range).
    func add(_ range: TextRange, to numbers: inout NumberSet) {
        forEachRun(of: range) { block, places in
            for entry in block.entries[places] { Self.add(entry, to: &numbers) }
        }
    }

    private static func add(_ entry: Entry, to numbers: inout NumberSet) {
        switch entry.numbers {
        case .one(let number): numbers.insert(number)
        case .many(let set): numbers.formUnion(set)
        }
    }

    private func entry(of text: String) -> Entry? {
        guard !blocks.isEmpty else { return nil }
        let block = block(of: text)
        let place = place(of: text, in: block)
        return isAt(place, in: block, text) ? blocks[block].entries[place] : nil
    }

    private func forEachRun(of range: TextRange, _ body: (Block, Range<Int>) -> Void) {
        guard !blocks.isEmpty else { return }
        let from = range.lower.map { block(of: $0.text) } ?? 0
        let to = range.upper.map { block(of: $0.text) } ?? blocks.count - 1
        guard from <= to else { return }
        for block in from...to {
            var low = 0, high = blocks[block].entries.count
            if block == from, let lower = range.lower {
                low = place(of: lower.text, in: block)
                if !lower.isIncluded, isAt(low, in: block, lower.text) { low += 1 }
            }
            if block == to, let upper = range.upper {
                high = place(of: upper.text, in: block)
                if upper.isIncluded, isAt(high, in: block, upper.text) { high += 1 }
            }
            if low < high { body(blocks[block], low..<high) }
        }
    }

    /// The block where a text is or belongs: the last one that doesn't begin above it.
    private func block(of text: String) -> Int {
        var low = 1, high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if text < blocks[middle].entries[0].text { high = middle } else { low = middle + 1 }
        }
        return low - 1
    }

    /// The first place in a block whose text isn't less.
    private func place(of text: String, in block: Int) -> Int {
        var low = 0, high = blocks[block].entries.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[block].entries[middle].text < text { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func isAt(_ place: Int, in block: Int, _ text: String) -> Bool {
        place < blocks[block].entries.count && blocks[block].entries[place].text == text
    }

    /// Halves a block; the last one is cut near its end, so that texts that come in order fill their blocks.
    private mutating func split(_ block: Int) {
        let kept = block == blocks.count - 1 ? Self.limit * 7 / 8 : Self.limit / 2
        let entries = Array(blocks[block].entries[kept...])
        let count = entries.reduce(0) { $0 + $1.numbers.count }
        blocks[block].entries.removeSubrange(kept...)
        blocks[block].count -= count
        blocks.insert(Block(entries: entries, count: count), at: block + 1)
    }
}

/// The texts between two bounds, or beyond one.
struct TextRange {
    struct Bound {
        let text: String
        let isIncluded: Bool
    }

    let lower: Bound?
    let upper: Bound?
}
