/// Which documents a search may find, by their metadata.
///
///     .equals("language", "en") && .greaterOrEqual("year", 2020) && !.contains("tags", "draft")
///
/// A comparison is true where the document has the field and its value is of the kind compared with; **where the field
/// is missing, is of another kind, or is a list, every comparison is false** (and its `not` true). Values of one kind:
/// strings by Unicode, letter case and all; numbers; dates and the texts of dates, see ``MetadataValue``; Booleans, which
/// are equal or not but have no order. Only ``contains(_:_:)`` looks into lists, and at nothing else.
///
/// As text, for commands: ``init(parsing:)`` reads what ``description`` writes. In JSON, small arrays:
/// `["and", ["=", "language", "en"], [">=", "year", 2020], ["not", ["contains", "tags", "draft"]]]`.
public struct Filter: Hashable, Sendable {
    /// What is compared how.
    package indirect enum Node: Hashable, Sendable {
        case compare(String, Comparison, MetadataValue)
        case within(String, [MetadataValue])
        case between(String, MetadataValue, MetadataValue)
        case exists(String)
        case all([Node])
        case any([Node])
        case not(Node)
    }

    /// Comparisons with one value, by their sign.
    package enum Comparison: String, Hashable, Sendable, CaseIterable {
        case equal = "="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case contains
    }

    package let node: Node

    init(_ node: Node) { self.node = node }

    private static func compare(_ field: String, _ comparison: Comparison, _ value: MetadataValue) -> Filter {
        Filter(.compare(field, comparison, value.normalized))
    }

    /// The field has this value.
    public static func equals(_ field: String, _ value: MetadataValue) -> Filter { compare(field, .equal, value) }

    /// The field has one of these values.
    public static func `in`(_ field: String, _ values: [MetadataValue]) -> Filter {
        Filter(.within(field, values.map(\.normalized)))
    }

    /// The field's value is less.
    public static func less(_ field: String, _ value: MetadataValue) -> Filter { compare(field, .less, value) }

    /// The field's value is less or equal.
    public static func lessOrEqual(_ field: String, _ value: MetadataValue) -> Filter {
        compare(field, .lessOrEqual, value)
    }

    /// The field's value is greater.
    public static func greater(_ field: String, _ value: MetadataValue) -> Filter { compare(field, .greater, value) }

    /// The field's value is greater or equal.
    public static func greaterOrEqual(_ field: String, _ value: MetadataValue) -> Filter {
        compare(field, .greaterOrEqual, value)
    }

    /// The field's value is from `low` to `high`, both included.
    public static func between(_ field: String, _ low: MetadataValue, _ high: MetadataValue) -> Filter {
        Filter(.between(field, low.normalized, high.normalized))
    }

    /// The field is a list with this value in it.
    public static func contains(_ field: String, _ value: MetadataValue) -> Filter { compare(field, .contains, value) }

    /// The document has the field.
    public static func exists(_ field: String) -> Filter { Filter(.exists(field)) }

    /// All filters are true; of none, every document.
    public static func and(_ filters: [Filter]) -> Filter {
        let nodes = filters.flatMap { if case .all(let nodes) = $0.node { nodes } else { [$0.node] } }
        return Filter(nodes.count == 1 ? nodes[0] : .all(nodes))
    }

    /// One of the filters is true; of none, no document.
    public static func or(_ filters: [Filter]) -> Filter {
        let nodes = filters.flatMap { if case .any(let nodes) = $0.node { nodes } else { [$0.node] } }
        return Filter(nodes.count == 1 ? nodes[0] : .any(nodes))
    }

    /// The filter is false.
    public static func not(_ filter: Filter) -> Filter { Filter(.not(filter.node)) }

    /// Both filters are true.
    public static func && (left: Filter, right: Filter) -> Filter { and([left, right]) }

    /// One of the filters is true.
    public static func || (left: Filter, right: Filter) -> Filter { or([left, right]) }

    /// The filter is false.
    public static prefix func ! (filter: Filter) -> Filter { not(filter) }
}

extension Filter {
    /// Whether a document with this metadata may be found: what a filter means.
    public func matches(_ metadata: Metadata) -> Bool { node.matches(metadata) }
}

extension Filter.Node {
    fileprivate func matches(_ metadata: Metadata) -> Bool {
        switch self {
        case .compare(let field, .contains, let value):
            guard case .list(let values)? = metadata[field], let wanted = MetadataKey(value) else { return false }
            return values.contains { MetadataKey($0) == wanted }
        case .compare(let field, let comparison, let value):
            guard let found = metadata[field].flatMap(MetadataKey.init), let wanted = MetadataKey(value) else {
                return false
            }
            return switch comparison {
            case .equal, .contains: found == wanted
            case .less: found.isLess(than: wanted)
            case .lessOrEqual: found.isLess(than: wanted) || found == wanted && found.hasOrder
            case .greater: wanted.isLess(than: found)
            case .greaterOrEqual: wanted.isLess(than: found) || found == wanted && found.hasOrder
            }
        case .within(let field, let values):
            guard let found = metadata[field].flatMap(MetadataKey.init) else { return false }
            return values.contains { MetadataKey($0) == found }
        case .between(let field, let low, let high):
            return Self.compare(field, .greaterOrEqual, low).matches(metadata)
                && Self.compare(field, .lessOrEqual, high).matches(metadata)
        case .exists(let field): return metadata[field] != nil
        case .all(let nodes): return nodes.allSatisfy { $0.matches(metadata) }
        case .any(let nodes): return nodes.contains { $0.matches(metadata) }
        case .not(let node): return !node.matches(metadata)
        }
    }
}

extension Filter {
    /// How deep filters may stand in each other.
    package static let depthLimit = 64
    /// How many comparisons and values a filter may have.
    package static let sizeLimit = 100_000

    /// Checks that the filter can be asked: values that metadata can hold, no lists, no order of Booleans, at most 64
    /// filters deep and of 100,000 values.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidFilter`, naming the field.
    public func validate() throws(RetrievalError) {
        var size = 0
        try node.validate(depth: 1, &size)
    }
}

extension Filter.Node {
    fileprivate func validate(depth: Int, _ size: inout Int) throws(RetrievalError) {
        func refuse(_ problem: String) -> RetrievalError { RetrievalError(code: .invalidFilter, message: problem) }
        guard depth <= Filter.depthLimit else {
            throw refuse("the filter is more than \(Filter.depthLimit) filters deep; write it flatter")
        }
        func check(_ field: String, _ values: [MetadataValue], ordered: Bool = false) throws(RetrievalError) {
            size += 1 + values.count
            guard size <= Filter.sizeLimit else {
                throw refuse("the filter has more than \(Filter.sizeLimit) comparisons and values")
            }
            if let problem = Metadata.problem(ofName: field) {
                throw refuse("a field of the filter, '\(field.prefix(60))', \(problem)")
            }
            for value in values {
                let problem =
                    if case .list = value {
                        "is a list; compare with single values, `contains` and `in` are there for lists"
                    } else if ordered, case .boolean = value {
                        "is a Boolean, which has no order; ask whether they are equal"
                    } else {
                        value.problemOfSingle
                    }
                if let problem {
                    throw refuse("what the filter compares the field '\(field.prefix(60))' with \(problem)")
                }
            }
        }
        switch self {
        case .compare(let field, let comparison, let value):
            try check(field, [value], ordered: comparison != .equal && comparison != .contains)
        case .within(let field, let values): try check(field, values)
        case .between(let field, let low, let high): try check(field, [low, high], ordered: true)
        case .exists(let field): try check(field, [])
        case .all(let nodes), .any(let nodes):
            for node in nodes { try node.validate(depth: depth + 1, &size) }
        case .not(let node): try node.validate(depth: depth + 1, &size)
        }
    }
}
