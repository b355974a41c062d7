internal import CSemblanceText

/// What is done to a text before it is cut into words: steps, each over what the one before it left.
struct Normalizer {
    enum Step {
        case bert(BertNormalizer)
        case form(semblance_form)
        case lowercase
        case stripAccents
        case strip(left: Bool, right: Bool)
        case prepend(String)
        case replace(Replacement)
        /// A table of sentencepiece in base64, and where in the file it stands.
        case charsmap(String, path: String)
    }

    var steps: [Step]
    /// As the file has it.
    var source: String

    init(_ bert: BertNormalizer) {
        steps = [.bert(bert)]
        source = bert.json
    }

    /// Puts lower case first; false where it is a step already.
    mutating func lowerFirst() -> Bool {
        if steps.contains(where: { if case .lowercase = $0 { true } else { false } }) { return false }
        let rest = steps.isEmpty ? "" : ", \(source)"
        source = #"{ "type": "Sequence", "normalizers": [{ "type": "Lowercase" }\#(rest)] }"#
        steps.insert(.lowercase, at: 0)
        return true
    }

    /// Whether what a text begins with is never dropped without something in its place.
    var keepsTextsBeginning: Bool {
        steps.allSatisfy { step in
            switch step {
            case .form, .lowercase, .prepend: true
            case .replace(let replacement): !replacement.content.isEmpty
            case .bert, .stripAccents, .strip, .charsmap: false
            }
        }
    }
}

/// BERT's normaliser; see `CSemblanceText` for what each step does.
struct BertNormalizer {
    var cleanText = true
    var handleChineseCharacters = true
    /// nil follows `lowercase`.
    var stripAccents: Bool?
    var lowercase = true

    var options: UInt32 {
        var options = 0
        if cleanText { options |= SEMBLANCE_CLEAN }
        if handleChineseCharacters { options |= SEMBLANCE_IDEOGRAPHS }
        if stripAccents ?? lowercase { options |= SEMBLANCE_STRIP_ACCENTS }
        if lowercase { options |= SEMBLANCE_LOWERCASE }
        return UInt32(options)
    }

    fileprivate var json: String {
        """
        {
            "type": "BertNormalizer",
            "clean_text": \(cleanText),
            "handle_chinese_chars": \(handleChineseCharacters),
            "strip_accents": \(stripAccents.map(String.init) ?? "null"),
            "lowercase": \(lowercase)
          }
        """
    }
}

/// Something that is replaced wherever it stands.
struct Replacement {
    /// What is replaced: this, once or in a row.
    var pattern: String
    var repeats = semblance_repeats(least: 1, most: 1, space: false)
    /// What stands there then.
    var content: String
}

// MARK: - Reading

extension Normalizer {
    /// The normaliser of a `tokenizer.json`; none leaves texts as they are.
    init(_ value: JSONValue?) throws(TextError) {
        source = value?.source ?? "null"
        steps = try value.map(Self.steps) ?? []
    }

    private static func steps(_ value: JSONValue) throws(TextError) -> [Step] {
        switch try value.required("type").string() {
        case "Sequence":
            var steps: [Step] = []
            for part in try value.required("normalizers").array() { steps += try Self.steps(part) }
            return steps
        case "BertNormalizer": return [.bert(try BertNormalizer(value))]
        case "NFC": return [.form(SEMBLANCE_NFC)]
        case "NFD": return [.form(SEMBLANCE_NFD)]
        case "NFKC": return [.form(SEMBLANCE_NFKC)]
        case "NFKD": return [.form(SEMBLANCE_NFKD)]
        case "Lowercase": return [.lowercase]
        case "StripAccents": return [.stripAccents]
        case "Strip":
            let (left, right) = try (value.required("strip_left").bool(), value.required("strip_right").bool())
            return [.strip(left: left, right: right)]
        case "Prepend": return [.prepend(try value.required("prepend").string())]
        case "Replace": return [.replace(try Replacement(value))]
        case "Precompiled":
            let map = try value.required("precompiled_charsmap")
            return [.charsmap(try map.string(), path: map.path)]
        case let type: throw value.unsupported(type)
        }
    }
}

extension BertNormalizer {
    fileprivate init(_ value: JSONValue) throws(TextError) {
        cleanText = try value.optional("clean_text")?.bool() ?? true
        handleChineseCharacters = try value.optional("handle_chinese_chars")?.bool() ?? true
        stripAccents = try value.optional("strip_accents")?.bool()
        lowercase = try value.optional("lowercase")?.bool() ?? true
    }
}

extension Replacement {
    fileprivate init(_ value: JSONValue) throws(TextError) {
        content = try value.required("content").string()
        let place = try value.required("pattern")
        if let text = try place.optional("String") {
            pattern = try text.string()
            guard !pattern.isEmpty else { throw text.unsupported("empty") }
            return
        }
        let expression = try place.required("Regex")
        guard let (unit, space, least) = Self.parse(try expression.string()) else {
            throw expression.unsupported(
                "“\(try expression.string())”: of regular expressions one letter or \\s, + or {n,}"
            )
        }
        pattern = unit
        repeats = semblance_repeats(least: least, most: .max, space: space)
    }

    /// A letter or `\s`, then `+` or `{n,}`: all the expressions that models use.
    private static func parse(_ expression: String) -> (unit: String, space: Bool, least: Int)? {
        var rest = Substring(expression).unicodeScalars
        guard let unit = rest.popFirst() else { return nil }
        let space = unit == "\\" && rest.first == "s"
        if space { rest.removeFirst() }
        guard space || !".^$*+?()[]{}|\\".unicodeScalars.contains(unit) else { return nil }
        if rest.elementsEqual("+".unicodeScalars) { return (String(unit), space, 1) }
        guard rest.popFirst() == "{", rest.popLast() == "}", rest.popLast() == ",",
            let least = Int(String(rest)), (1...1_000_000).contains(least)
        else { return nil }
        return (String(unit), space, least)
    }
}

// MARK: - Making

extension Normalizer {
    /// The C side; whoever gets it owns it.
    func make(of file: String) throws(TextError) -> OpaquePointer {
        let made: OpaquePointer = unsafe semblance_normalizer_create()
        for step in steps {
            switch step {
            case .bert(let bert): unsafe semblance_normalizer_add_bert(made, bert.options)
            case .lowercase: unsafe semblance_normalizer_add_bert(made, UInt32(SEMBLANCE_LOWERCASE))
            case .form(let form): unsafe semblance_normalizer_add_form(made, form)
            case .stripAccents: unsafe semblance_normalizer_add_strip_accents(made)
            case .strip(let left, let right): unsafe semblance_normalizer_add_strip(made, left, right)
            case .prepend(var text):
                text.withUTF8 { unsafe semblance_normalizer_add_prepend(made, $0.baseAddress, $0.count) }
            case .replace(var replacement):
                let repeats = replacement.repeats
                var content = replacement.content
                replacement.pattern.withUTF8 { pattern in
                    content.withUTF8 { content in
                        unsafe semblance_normalizer_add_replace(
                            made,
                            pattern.baseAddress,
                            pattern.count,
                            repeats,
                            content.baseAddress,
                            content.count
                        )
                    }
                }
            case .charsmap(var base64, let path):
                let sound = base64.withUTF8 {
                    unsafe semblance_normalizer_add_charsmap(made, $0.baseAddress, $0.count)
                }
                guard !sound else { continue }
                unsafe semblance_normalizer_destroy(made)
                throw TextError(.malformedFile, "\(file): \(path) is no table of sentencepiece in base64")
            }
        }
        return unsafe made
    }
}
