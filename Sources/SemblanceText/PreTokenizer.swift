internal import CSemblanceText

/// How a text is cut into words: steps, each over the words of the one before it.
struct PreTokenizer {
    enum Step {
        case classes(semblance_word_class)
        /// Words lie between this scalar.
        case delimiter(Unicode.Scalar)
        /// A mark takes the place of blanks, and each word begins with one.
        case metaspace(mark: Unicode.Scalar, prefix: semblance_prefix, splits: Bool)
        /// Words are bytes, cut as GPT-2 does.
        case byteLevel(prefix: Bool, splits: Bool)
    }

    var steps: [Step]
    /// As the file has it.
    var source: String

    /// BERT's.
    static let bert = PreTokenizer(
        steps: [.classes(SEMBLANCE_CLASSES_BERT)],
        source: #"{ "type": "BertPreTokenizer" }"#
    )

    /// Whether it matters if a word begins the text.
    var asksForTextsBeginning: Bool {
        steps.contains { if case .metaspace(_, SEMBLANCE_PREFIX_FIRST, _) = $0 { true } else { false } }
    }

    /// Whether the words the model gets are bytes, which its vocabulary writes as letters.
    var makesBytes: Bool {
        if case .byteLevel? = steps.last { true } else { false }
    }
}

// MARK: - Reading

extension PreTokenizer {
    /// The pre-tokenizer of a `tokenizer.json`; none makes a word of the whole text.
    init(_ value: JSONValue?) throws(TextError) {
        source = value?.source ?? "null"
        steps = try value.map(Self.steps) ?? []
        for (number, step) in steps.enumerated() {
            guard let value else { break }
            if case .byteLevel = step, number + 1 < steps.count {
                throw value.unsupported("ByteLevel, and not as the last step")
            }
            if case .metaspace(_, SEMBLANCE_PREFIX_FIRST, _) = step, number > 0 {
                throw value.unsupported("Metaspace with the prepend_scheme first, and not as the first step")
            }
        }
    }

    private static func steps(_ value: JSONValue) throws(TextError) -> [Step] {
        switch try value.required("type").string() {
        case "Sequence":
            var steps: [Step] = []
            for part in try value.required("pretokenizers").array() { steps += try Self.steps(part) }
            return steps
        case "BertPreTokenizer": return [.classes(SEMBLANCE_CLASSES_BERT)]
        case "WhitespaceSplit": return [.classes(SEMBLANCE_CLASSES_WHITE_SPACE)]
        case "Whitespace": return [.classes(SEMBLANCE_CLASSES_WORDS)]
        case "Punctuation": return [.classes(try punctuation(value))]
        case "Digits":
            let alone = try value.required("individual_digits").bool()
            return [.classes(alone ? SEMBLANCE_CLASSES_DIGITS : SEMBLANCE_CLASSES_DIGIT_RUNS)]
        case "CharDelimiterSplit": return [.delimiter(try value.required("delimiter").scalar())]
        case "Metaspace": return [try metaspace(value)]
        case "ByteLevel":
            let prefix = try value.required("add_prefix_space").bool()
            return [.byteLevel(prefix: prefix, splits: try value.optional("use_regex")?.bool() ?? true)]
        case let type: throw value.unsupported(type)
        }
    }

    private static func punctuation(_ value: JSONValue) throws(TextError) -> semblance_word_class {
        let behavior = try value.optional("behavior")
        switch try behavior?.string() ?? "Isolated" {
        case "Isolated": return SEMBLANCE_CLASSES_PUNCTUATION
        case "Removed": return SEMBLANCE_CLASSES_PUNCTUATION_DROPPED
        case "Contiguous": return SEMBLANCE_CLASSES_PUNCTUATION_RUNS
        case let other: throw (behavior ?? value).unsupported(other)
        }
    }

    private static func metaspace(_ value: JSONValue) throws(TextError) -> Step {
        let mark = try value.required("replacement").scalar()
        let scheme = try value.optional("prepend_scheme")
        let old = try value.optional("add_prefix_space")?.bool()
        let prefix: semblance_prefix
        switch try scheme?.string() ?? (old == false ? "never" : "always") {
        case "always": prefix = SEMBLANCE_PREFIX_ALWAYS
        case "first": prefix = SEMBLANCE_PREFIX_FIRST
        case "never": prefix = SEMBLANCE_PREFIX_NEVER
        case let other: throw (scheme ?? value).unsupported(other)
        }
        guard old != false || prefix == SEMBLANCE_PREFIX_NEVER else {
            throw TextError(
                .malformedFile,
                "\(value.document.file): \(value.path): add_prefix_space is false, and prepend_scheme isn't never"
            )
        }
        return .metaspace(mark: mark, prefix: prefix, splits: try value.optional("split")?.bool() ?? true)
    }
}

// MARK: - Making

extension PreTokenizer {
    /// The C side, whoever gets it owns it; nil if there are too many steps.
    func make() -> OpaquePointer? {
        let made: OpaquePointer = unsafe semblance_splitter_create()
        for step in steps {
            let fits =
                switch step {
                case .classes(let classes): unsafe semblance_splitter_add_classes(made, classes, 0)
                case .delimiter(let scalar):
                    unsafe semblance_splitter_add_classes(made, SEMBLANCE_CLASSES_DELIMITER, scalar.value)
                case .metaspace(let mark, let prefix, let splits):
                    unsafe semblance_splitter_add_metaspace(made, mark.value, prefix, splits)
                case .byteLevel(let prefix, let splits):
                    unsafe semblance_splitter_add_byte_level(made, prefix, splits)
                }
            guard !fits else { continue }
            unsafe semblance_splitter_destroy(made)
            return nil
        }
        return unsafe made
    }
}
