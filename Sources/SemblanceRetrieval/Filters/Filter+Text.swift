// Filters as text: the parser, and the description that it reads back.
//
//     filter     = conjunction { "or" conjunction }
//     conjunction = term { "and" term }
//     term       = "not" term | "(" filter ")" | "true" | "false" | field condition
//     condition  = ("=" | "!=" | "<" | "<=" | ">" | ">=" | "contains") value
//                | "in" "[" [ value { "," value } ] "]" | "between" value "and" value | "exists"
//     field      = name | string
//     value      = string | number | date | "true" | "false"

extension Filter {
    /// A filter from text, as commands take it:
    /// `language = "en" and year >= 2020 and not tags contains "draft"`.
    ///
    /// Comparisons: `=`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `in ["a", "b"]`, `between 1 and 3`, `exists`. They are
    /// joined by `and`, `or` (which binds less), `not` and parentheses. Strings stand in quotes of either kind, with the
    /// escapes `\"`, `\'`, `\\`, `\n`, `\r`, `\t` and `\u{1F600}`; dates are `2024-05-01` or
    /// `2024-05-01T12:30:00Z`; Booleans `true` and `false`. A field whose name isn't letters, digits, `_`, `.` and `-`,
    /// beginning with a letter or `_`, or which is one of these words, stands in quotes too.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidFilter`, saying at which column what was expected.
    /// - Complexity: linear in the text.
    public init(parsing text: String) throws(RetrievalError) {
        var parser = try FilterParser(text)
        self = try parser.filter(depth: 1)
        try parser.expectEnd()
        try validate()
    }
}

/// What a text is made of.
private enum Token: Equatable {
    case word(String)
    case string(String)
    case value(MetadataValue)
    case sign(String)
    case end
}

private let keywords: Set<String> = ["and", "or", "not", "in", "between", "contains", "exists", "true", "false"]

private func beginsName(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.properties.isIDStart }

private func continuesName(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "." || scalar == "-" || scalar.properties.isIDContinue
}

private struct FilterParser {
    private let scalars: [Unicode.Scalar]
    private var next = 0
    /// The token that was read last and where it begins.
    private var token = Token.end
    private var start = 0

    init(_ text: String) throws(RetrievalError) {
        scalars = Array(text.unicodeScalars)
        try advance()
    }

    // The grammar.

    mutating func filter(depth: Int) throws(RetrievalError) -> Filter {
        var filters = [try conjunction(depth: depth)]
        while try take("or") { filters.append(try conjunction(depth: depth)) }
        return filters.count == 1 ? filters[0] : .or(filters)
    }

    private mutating func conjunction(depth: Int) throws(RetrievalError) -> Filter {
        var filters = [try term(depth: depth)]
        while try take("and") { filters.append(try term(depth: depth)) }
        return filters.count == 1 ? filters[0] : .and(filters)
    }

    private mutating func term(depth: Int) throws(RetrievalError) -> Filter {
        guard depth <= Filter.depthLimit else {
            throw refuse("the filter is more than \(Filter.depthLimit) filters deep here; write it flatter", at: start)
        }
        if try take("not") { return .not(try term(depth: depth + 1)) }
        if try take(sign: "(") {
            let inner = try filter(depth: depth + 1)
            guard try take(sign: ")") else { throw expected("')', 'and' or 'or'") }
            return inner
        }
        if try take("true") { return .and([]) }
        if try take("false") { return .or([]) }
        return try condition(on: field())
    }

    private mutating func field() throws(RetrievalError) -> String {
        switch token {
        case .word(let name) where !keywords.contains(name.lowercased()):
            try advance()
            return name
        case .string(let name):
            try advance()
            return name
        default: throw expected("a field, 'not' or '('")
        }
    }

    private mutating func condition(on field: String) throws(RetrievalError) -> Filter {
        if case .sign(let sign) = token {
            if let comparison = Filter.Comparison(rawValue: sign) {
                try advance()
                return Filter(.compare(field, comparison, try value()))
            }
            if sign == "!=" {
                try advance()
                return .not(.equals(field, try value()))
            }
        }
        if try take("contains") { return .contains(field, try value()) }
        if try take("exists") { return .exists(field) }
        if try take("between") {
            let low = try value()
            guard try take("and") else { throw expected("'and'") }
            return .between(field, low, try value())
        }
        if try take("in") {
            guard try take(sign: "[") else { throw expected("'['") }
            var values: [MetadataValue] = []
            if try take(sign: "]") { return .in(field, values) }
            repeat { values.append(try value()) } while try take(sign: ",")
            guard try take(sign: "]") else { throw expected("',' or ']'") }
            return .in(field, values)
        }
        throw expected("one of = != < <= > >= contains in between exists")
    }

    private mutating func value() throws(RetrievalError) -> MetadataValue {
        let value: MetadataValue
        switch token {
        case .string(let text): value = .string(text)
        case .value(let single): value = single
        case .word(let word) where word.lowercased() == "true": value = true
        case .word(let word) where word.lowercased() == "false": value = false
        default: throw expected("a value: a string in quotes, a number, a date, true or false")
        }
        try advance()
        return value.normalized
    }

    func expectEnd() throws(RetrievalError) {
        if token != .end { throw expected("'and', 'or' or the end") }
    }

    /// Whether the token is this keyword, which is then passed.
    private mutating func take(_ keyword: String) throws(RetrievalError) -> Bool {
        guard case .word(let word) = token, word.lowercased() == keyword else { return false }
        try advance()
        return true
    }

    private mutating func take(sign: String) throws(RetrievalError) -> Bool {
        guard token == .sign(sign) else { return false }
        try advance()
        return true
    }

    // The tokens.

    private mutating func advance() throws(RetrievalError) {
        while next < scalars.count, scalars[next].properties.isWhitespace { next += 1 }
        start = next
        guard next < scalars.count else {
            token = .end
            return
        }
        let first = scalars[next]
        switch first {
        case "(", ")", "[", "]", ",":
            next += 1
            token = .sign(String(first))
        case "=", "<", ">", "!":
            next += 1
            let isDouble = next < scalars.count && scalars[next] == "="
            if isDouble { next += 1 }
            guard first != "!" || isDouble else { throw refuse("expected '!=' or 'not', found '!'", at: start) }
            token = .sign(first == "=" || !isDouble ? String(first) : "\(first)=")
        case "\"", "'": token = .string(try quoted(by: first))
        case "-", ".", "0"..."9": token = .value(try numberOrDate())
        case _ where beginsName(first):
            while next < scalars.count, continuesName(scalars[next]) { next += 1 }
            token = .word(text(from: start))
        default: throw refuse("'\(first)' has no meaning here; strings stand in quotes", at: start)
        }
    }

    private mutating func quoted(by quote: Unicode.Scalar) throws(RetrievalError) -> String {
        var text = String.UnicodeScalarView()
        next += 1
        while next < scalars.count {
            let scalar = scalars[next]
            next += 1
            if scalar == quote { return String(text) }
            text.append(scalar == "\\" ? try escaped() : scalar)
        }
        throw refuse("the string that begins here has no end; expected \(quote)", at: start)
    }

    /// The scalar after a backslash.
    private mutating func escaped() throws(RetrievalError) -> Unicode.Scalar {
        let backslash = next - 1
        let letter: Unicode.Scalar = next < scalars.count ? scalars[next] : " "
        next += 1
        switch letter {
        case "\\", "\"", "'": return letter
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u" where next < scalars.count && scalars[next] == "{":
            next += 1
            var number: UInt32 = 0
            let first = next
            while next < scalars.count, let digit = Character(scalars[next]).hexDigitValue, next - first < 8,
                scalars[next].isASCII
            {
                number = number << 4 | UInt32(digit)
                next += 1
            }
            guard next > first, next < scalars.count, scalars[next] == "}", let scalar = Unicode.Scalar(number) else {
                break
            }
            next += 1
            return scalar
        default: break
        }
        throw refuse("expected one of \\\" \\' \\\\ \\n \\r \\t \\u{1F600} for a character", at: backslash)
    }

    private mutating func numberOrDate() throws(RetrievalError) -> MetadataValue {
        func belongs(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "0"..."9", "a"..."z", "A"..."Z", ".", "+", "-", ":", "_": true
            default: false
            }
        }
        while next < scalars.count, belongs(scalars[next]) { next += 1 }
        let text = text(from: start)
        if let date = Milliseconds(reading: text) { return .date(date.date) }
        guard text.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) }), let number = Double(text),
            number.isFinite
        else { throw refuse("expected a number or a date such as 2024-05-01, found '\(text.prefix(40))'", at: start) }
        return .number(number)
    }

    private func text(from start: Int) -> String {
        String(String.UnicodeScalarView(scalars[start..<next]))
    }

    // Errors.

    private func expected(_ what: String) -> RetrievalError {
        let found = token == .end ? "the end" : "'\(text(from: start).prefix(40))'"
        return refuse("expected \(what), found \(found)", at: start)
    }

    private func refuse(_ problem: String, at place: Int) -> RetrievalError {
        let column = String(String.UnicodeScalarView(scalars[..<place])).count + 1
        return RetrievalError(code: .invalidFilter, message: "column \(column) of the filter: \(problem)")
    }
}

extension Filter: CustomStringConvertible {
    /// The filter as ``init(parsing:)`` reads it.
    public var description: String { node.text }
}

extension Filter.Node {
    fileprivate var text: String {
        switch self {
        case .compare(let field, let comparison, let value):
            "\(Self.name(field)) \(comparison.rawValue) \(Self.text(of: value))"
        case .within(let field, let values):
            "\(Self.name(field)) in [\(values.map(Self.text).joined(separator: ", "))]"
        case .between(let field, let low, let high):
            "\(Self.name(field)) between \(Self.text(of: low)) and \(Self.text(of: high))"
        case .exists(let field): "\(Self.name(field)) exists"
        case .all([]): "true"
        case .any([]): "false"
        case .all(let nodes):
            nodes.map { if case .any(let inner) = $0, !inner.isEmpty { "(\($0.text))" } else { $0.text } }
                .joined(separator: " and ")
        case .any(let nodes): nodes.map(\.text).joined(separator: " or ")
        case .not(let node):
            switch node {
            case .all(let inner) where !inner.isEmpty, .any(let inner) where !inner.isEmpty: "not (\(node.text))"
            default: "not \(node.text)"
            }
        }
    }

    private static func name(_ field: String) -> String {
        let isPlain =
            field.unicodeScalars.first.map(beginsName) == true && field.unicodeScalars.allSatisfy(continuesName)
            && !keywords.contains(field.lowercased())
        return isPlain ? field : quoted(field)
    }

    private static func text(of value: MetadataValue) -> String {
        switch value {
        case .string(let text): return quoted(text)
        case .number(let number):
            return number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
        case .boolean(let boolean): return String(boolean)
        case .date(let date): return Milliseconds(date)?.text ?? "\(date)"
        case .list(let values): return "[\(values.map(text).joined(separator: ", "))]"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.properties.generalCategory == .control:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
