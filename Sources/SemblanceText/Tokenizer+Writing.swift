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
        return """
            {
              "version": "1.0",
              "truncation": \(definition.truncation?.source ?? "null"),
              "padding": \(definition.padding),
              "added_tokens": [
            \(added.joined(separator: ",\n"))
              ],
              "normalizer": \(definition.normalizer.source),
              "pre_tokenizer": \(definition.preTokenizer.source),
              "post_processor": \(definition.template.source),
              "decoder": \(definition.decoder),
              "model": \(definition.model.json(vocabulary))
            }

            """
    }
}

/// A JSON string.
func quoted(_ text: String) -> String {
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
