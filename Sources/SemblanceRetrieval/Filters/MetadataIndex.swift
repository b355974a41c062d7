/// Which slots have which metadata: makes of a filter the set of slots that match.
///
/// Each field has its values in order with the slots of each (a compressed set for a string, pairs for numbers and
/// dates), so that equality is one bisection and a range one run. A value type: a copy costs O(fields) and stands still
/// while the other changes; blocks of values are shared until they change.
package struct MetadataIndex: Sendable {
    fileprivate struct Field: Sendable {
        /// The slots that have the field.
        var present = NumberSet()
        /// Values that stand alone.
        var single = ValueIndex()
        /// Values in lists.
        var elements = ValueIndex()
    }

    private var fields: [String: Field] = [:]
    /// All slots, also those without metadata.
    package private(set) var numbers = NumberSet()
    /// Above every slot that was ever there.
    private var limit = 0

    /// No slots.
    package init() {}

    /// How many slots there are.
    package var count: Int { numbers.count }

    /// Adds a slot with its metadata, which `validate` has checked.
    ///
    /// - Precondition: the slot isn't there.
    /// - Complexity: O(log values) comparisons and a move of up to 6 KiB for each value.
    package mutating func insert(number: UInt32, _ metadata: Metadata) {
        let isNew = numbers.insert(number)
        precondition(isNew, "slot \(number) has metadata already; remove them first")
        limit = max(limit, Int(number) + 1)
        for (name, value) in metadata.fields { fields[name, default: Field()].insert(number, value) }
    }

    /// Takes a slot out.
    ///
    /// - Parameter metadata: what it was added with.
    /// - Precondition: the slot is there.
    /// - Complexity: as for ``insert(number:_:)``.
    package mutating func remove(number: UInt32, _ metadata: Metadata) {
        let isThere = numbers.remove(number)
        precondition(isThere, "slot \(number) has no metadata")
        for (name, value) in metadata.fields {
            fields[name]?.remove(number, value)
            if fields[name]?.present.isEmpty == true { fields[name] = nil }
        }
    }

    /// The slots whose metadata the filter matches.
    ///
    /// - Complexity: a bisection for each comparison; O(slots) for each range, at about a nanosecond a slot; O(slots / 64)
    ///   words for each `and`, `or` and `not`.
    package func evaluate(_ filter: Filter) -> NumberSet { evaluate(filter.node) }

    /// At most so many slots match; exactly so many, if the filter is a single comparison.
    ///
    /// - Complexity: a bisection for each comparison, and a step for 256 to 512 values of a range.
    package func estimate(_ filter: Filter) -> Int { bounds(filter.node).upperBound }

    private func evaluate(_ node: Filter.Node) -> NumberSet {
        var result = NumberSet()
        switch node {
        case .compare(let field, .contains, let value):
            if let key = MetadataKey(value) { fields[field]?.elements.add(key, below: limit, to: &result) }
        case .compare(let field, .equal, let value):
            if let key = MetadataKey(value) { fields[field]?.single.add(key, below: limit, to: &result) }
        case .within(let field, let values):
            for key in Set(values.compactMap(MetadataKey.init)) {
                fields[field]?.single.add(key, below: limit, to: &result)
            }
        case .compare, .between:
            if let (field, range) = node.range {
                return fields[field]?.single.numbers(of: range, below: limit) ?? result
            }
        case .exists(let field): return fields[field]?.present ?? result
        case .any(let nodes): for node in nodes { result.formUnion(evaluate(node)) }
        case .not(let node): return numbers.subtracting(evaluate(node))
        case .all(let nodes): return evaluateAll(nodes)
        }
        return result
    }

    /// The slots of all nodes: of the node with the fewest, less what the others don't have.
    private func evaluateAll(_ nodes: [Filter.Node]) -> NumberSet {
        let byCount = nodes.map { (node: $0, most: bounds($0).upperBound) }.sorted { $0.most < $1.most }
        var result: NumberSet?
        for (node, most) in byCount {
            if most == 0 || result?.isEmpty == true { return NumberSet() }
            if case .not(let excluded) = node {
                result = (result ?? numbers).subtracting(evaluate(excluded))
            } else {
                let matching = evaluate(node)
                result = result?.intersection(matching) ?? matching
            }
        }
        return result ?? numbers
    }

    /// How many slots match, at least and at most.
    private func bounds(_ node: Filter.Node) -> ClosedRange<Int> {
        let all = count
        switch node {
        case .compare(let field, .contains, let value):
            let exact = MetadataKey(value).flatMap { fields[field]?.elements.count(of: $0) } ?? 0
            return exact...exact
        case .compare(let field, .equal, let value):
            let exact = MetadataKey(value).flatMap { fields[field]?.single.count(of: $0) } ?? 0
            return exact...exact
        case .within(let field, let values):
            let keys = Set(values.compactMap(MetadataKey.init))
            let exact = keys.reduce(0) { $0 + (fields[field]?.single.count(of: $1) ?? 0) }
            return exact...exact
        case .compare, .between:
            let exact = node.range.flatMap { fields[$0.field]?.single.count(of: $0.range) } ?? 0
            return exact...exact
        case .exists(let field):
            let exact = fields[field]?.present.count ?? 0
            return exact...exact
        case .all(let nodes):
            let parts = nodes.map(bounds)
            let missing = parts.reduce(0) { $0 + all - $1.lowerBound }
            return max(0, all - missing)...parts.reduce(all) { min($0, $1.upperBound) }
        case .any(let nodes):
            let parts = nodes.map(bounds)
            return parts.reduce(0) { max($0, $1.lowerBound) }...min(all, parts.reduce(0) { $0 + $1.upperBound })
        case .not(let node):
            let inner = bounds(node)
            return all - inner.upperBound...all - inner.lowerBound
        }
    }
}

extension MetadataIndex.Field {
    fileprivate mutating func insert(_ number: UInt32, _ value: MetadataValue) {
        present.insert(number)
        if case .list(let values) = value {
            for key in values.lazy.compactMap(MetadataKey.init) { elements.insert(key, number) }
        } else if let key = MetadataKey(value) {
            single.insert(key, number)
        }
    }

    fileprivate mutating func remove(_ number: UInt32, _ value: MetadataValue) {
        present.remove(number)
        if case .list(let values) = value {
            for key in values.lazy.compactMap(MetadataKey.init) { elements.remove(key, number) }
        } else if let key = MetadataKey(value) {
            single.remove(key, number)
        }
    }
}

extension Filter.Node {
    /// The field and the run of values of a comparison with an order.
    fileprivate var range: (field: String, range: KeyRange)? {
        let found: (field: String, range: KeyRange?)
        switch self {
        case .compare(let field, let comparison, let value):
            guard let key = MetadataKey(value) else { return nil }
            switch comparison {
            case .less: found = (field, KeyRange(from: nil, to: (key, false)))
            case .lessOrEqual: found = (field, KeyRange(from: nil, to: (key, true)))
            case .greater: found = (field, KeyRange(from: (key, false), to: nil))
            case .greaterOrEqual: found = (field, KeyRange(from: (key, true), to: nil))
            case .equal, .contains: return nil
            }
        case .between(let field, let low, let high):
            guard let low = MetadataKey(low), let high = MetadataKey(high) else { return nil }
            found = (field, KeyRange(from: (low, true), to: (high, true)))
        default: return nil
        }
        return found.range.map { (found.field, $0) }
    }
}
