public import Foundation

extension Tokenizer {
    /// Writes a `tokenizer.json` that Hugging Face's `tokenizers` opens; both give the same ids.
    ///
    /// The file is replaced in one step: whoever reads it sees the old one or the new one.
    ///
    /// - Throws: ``TextError`` that names the file.
    public func write(to file: URL) throws {
        do {
            try Data(json().utf8).write(to: file, options: .atomic)
        } catch {
            throw TextError(.unwritableFile, "\(file.path): \(error.localizedDescription)")
        }
    }

    func json() -> String {
        let added = definition.added.sorted { $0.id < $1.id }.map { token in
            """
                {
                  "id": \(token.id),
                  "content": \(quoted(token.content)),
                  "single_word": \(token.singleWord),
                  "lstrip": \(token.stripsLeft),
                  "rstrip": \(token.stripsRight),
                  "normalized": \(token.normalized),
                  "special": \(token.special)
                }
            """
        }
        var pieces = ""
        for id in 0..<vocabulary.limit {
            guard let token = vocabulary.token(for: id) else { continue }
            pieces += "\(pieces.isEmpty ? "" : ",")\n      \(quoted(token)): \(id)"
        }
        return """
            {
              "version": "1.0",
              "truncation": \(definition.truncation?.source ?? "null"),
              "padding": \(definition.padding),
              "added_tokens": [
            \(added.joined(separator: ",\n"))
              ],
              "normalizer": \(definition.normalizer?.json ?? "null"),
              "pre_tokenizer": { "type": "BertPreTokenizer" },
              "post_processor": \(definition.template.source),
              "decoder": \(definition.decoder),
              "model": {
                "type": "WordPiece",
                "unk_token": \(quoted(definition.unknownToken)),
                "continuing_subword_prefix": \(quoted(definition.continuingPrefix)),
                "max_input_chars_per_word": \(definition.maximumWordLength),
                "vocab": {\(pieces)
                }
              }
            }

            """
    }
}

extension BertNormalizer {
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

extension TokenizerDefinition {
    /// The decoder that puts pieces together again.
    static func decoderSource(_ prefix: String) -> String {
        "{ \"type\": \"WordPiece\", \"prefix\": \(quoted(prefix)), \"cleanup\": true }"
    }
}

extension Template {
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

/// A JSON string.
private func quoted(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
        return "\"\(text)\""
    }
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        case "\0"..<" ":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
