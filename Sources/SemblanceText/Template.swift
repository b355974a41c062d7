/// The special tokens around one text.
struct Template {
    var before: [Int32] = []
    var after: [Int32] = []
    /// The post-processor as the file has it.
    var source = "null"
}

extension Template {
    /// The post-processor of a `tokenizer.json`.
    init(_ value: JSONValue) throws(TextError) {
        source = value.source
        switch try value.required("type").string() {
        case "TemplateProcessing": try read(value)
        case "BertProcessing", "RobertaProcessing":
            before = [try Self.tokenID(value.required("cls"))]
            after = [try Self.tokenID(value.required("sep"))]
        case "ByteLevel": break  // it moves offsets only
        case "Sequence":
            for part in try value.required("processors").array() {
                let outer = try Template(part)
                before = outer.before + before
                after += outer.after
            }
        case let type: throw value.unsupported(type)
        }
    }

    private mutating func read(_ value: JSONValue) throws(TextError) {
        let tokens = try value.required("special_tokens").members()
        var texts = 0
        for piece in try value.required("single").array() {
            if let special = try piece.optional("SpecialToken") {
                let name = try special.required("id")
                let key = try name.string()
                guard let token = tokens.last(where: { $0.key == key }) else {
                    throw TextError(
                        .malformedFile,
                        "\(value.document.file): \(name.path) is “\(key)”, which special_tokens lacks"
                    )
                }
                for id in try token.value.required("ids").array() {
                    if texts == 0 { before.append(try id.id()) } else { after.append(try id.id()) }
                }
            } else {
                let sequence = try piece.required("Sequence").required("id")
                texts += 1
                guard try sequence.string() == "A", texts == 1 else {
                    throw TextError(
                        .unsupported,
                        "\(value.document.file): \(sequence.path): a template for one text names it, A, once"
                    )
                }
            }
        }
        guard texts == 1 else {
            throw TextError(.unsupported, "\(value.document.file): \(value.path).single lacks the text, A")
        }
    }

    /// The id of a pair of token and id.
    private static func tokenID(_ value: JSONValue) throws(TextError) -> Int32 {
        let pair = try value.array()
        guard pair.count == 2 else {
            throw TextError(.malformedFile, "\(value.document.file): \(value.path) is no pair of a token and its id")
        }
        return try pair[1].id()
    }

    /// The post-processor that puts `[CLS]` before each text and `[SEP]` after it.
    static func bertSource(_ first: Int32, _ last: Int32) -> String {
        """
        {
            "type": "TemplateProcessing",
            "single": [
              { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
              { "Sequence": { "id": "A", "type_id": 0 } },
              { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }
            ],
            "pair": [
              { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
              { "Sequence": { "id": "A", "type_id": 0 } },
              { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
              { "Sequence": { "id": "B", "type_id": 1 } },
              { "SpecialToken": { "id": "[SEP]", "type_id": 1 } }
            ],
            "special_tokens": {
              "[CLS]": { "id": "[CLS]", "ids": [\(first)], "tokens": ["[CLS]"] },
              "[SEP]": { "id": "[SEP]", "ids": [\(last)], "tokens": ["[SEP]"] }
            }
          }
        """
    }
}
