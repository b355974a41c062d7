extension Filter: Codable {
    /// Reads the arrays of JSON.
    ///
    /// - Throws: `DecodingError`, also for what ``validate()`` refuses.
    public init(from decoder: any Decoder) throws {
        self = try Self.read(decoder)
        do {
            try validate()
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.message))
        }
    }

    /// Writes small arrays: `["=", "language", "en"]`.
    public func encode(to encoder: any Encoder) throws { try Form(filter: self).encode(to: encoder) }

    /// A filter inside another one.
    private struct Form: Codable {
        let filter: Filter

        init(filter: Filter) { self.filter = filter }

        init(from decoder: any Decoder) throws { filter = try Filter.read(decoder) }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            func encode(_ sign: String, _ nodes: [Node]) throws {
                try container.encode(sign)
                for node in nodes { try container.encode(Form(filter: Filter(node))) }
            }
            switch filter.node {
            case .compare(let field, let comparison, let value):
                try container.encode(comparison.rawValue)
                try container.encode(field)
                try container.encode(value)
            case .within(let field, let values):
                try container.encode("in")
                try container.encode(field)
                try container.encode(values)
            case .between(let field, let low, let high):
                try container.encode("between")
                try container.encode(field)
                try container.encode(low)
                try container.encode(high)
            case .exists(let field):
                try container.encode("exists")
                try container.encode(field)
            case .all(let nodes): try encode("and", nodes)
            case .any(let nodes): try encode("or", nodes)
            case .not(let node): try encode("not", [node])
            }
        }
    }

    private static func read(_ decoder: any Decoder) throws -> Filter {
        var container = try decoder.unkeyedContainer()
        func refuse(_ problem: String) -> DecodingError {
            .dataCorruptedError(in: container, debugDescription: problem)
        }
        guard decoder.codingPath.count <= 4 * depthLimit else {
            throw refuse("the filter is more than \(depthLimit) filters deep")
        }
        func filters() throws -> [Filter] {
            var filters: [Filter] = []
            while !container.isAtEnd { filters.append(try container.decode(Form.self).filter) }
            return filters
        }
        let sign = try container.decode(String.self)
        let filter: Filter
        switch sign {
        case "and": filter = and(try filters())
        case "or": filter = or(try filters())
        case "not": filter = not(try container.decode(Form.self).filter)
        default:
            let field = try container.decode(String.self)
            if let comparison = Comparison(rawValue: sign) {
                filter = Filter(.compare(field, comparison, try container.decode(MetadataValue.self)))
            } else if sign == "in" {
                filter = Filter(.within(field, try container.decode([MetadataValue].self)))
            } else if sign == "between" {
                filter = between(
                    field,
                    try container.decode(MetadataValue.self),
                    try container.decode(MetadataValue.self)
                )
            } else if sign == "exists" {
                filter = exists(field)
            } else {
                throw refuse(
                    "'\(sign.prefix(20))' is no comparison; there are = < <= > >= contains in between exists and or not"
                )
            }
        }
        guard container.isAtEnd else { throw refuse("more values follow than '\(sign)' takes") }
        return filter
    }
}
