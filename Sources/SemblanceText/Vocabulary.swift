internal import CSemblanceText

/// Tokens with their ids while a vocabulary is put together.
@safe
struct TokenList: ~Copyable {
    var raw = unsafe semblance_token_list()

    var count: Int { unsafe raw.count }

    mutating func append(_ token: String, id: Int32) {
        var token = token
        token.withUTF8 { unsafe semblance_token_list_append(&raw, $0.baseAddress, $0.count, id) }
    }

    /// Token number `index`.
    subscript(index: Int) -> String {
        let start = index == 0 ? 0 : unsafe raw.ends[index - 1]
        let count = unsafe raw.ends[index] - start
        guard count > 0 else { return "" }
        return unsafe String(decoding: UnsafeBufferPointer(start: raw.bytes + start, count: count), as: UTF8.self)
    }

    func id(_ index: Int) -> Int32 { unsafe raw.ids[index] }

    deinit {
        var raw = unsafe raw
        unsafe semblance_token_list_free(&raw)
    }
}

/// Tokens and ids, both ways.
///
/// Tokens are compared byte by byte: `String`'s own comparison takes canonically equivalent ones for equal, which
/// vocabularies hold apart.
/// Immutable once made, so any thread may read it: that is why it is Sendable.
@safe
final class Vocabulary: @unchecked Sendable {
    let raw: OpaquePointer

    /// Ids are below this: an embedding table of more rows is taken for a broken file.
    static let idLimit: Int32 = 1 << 24

    init(_ list: borrowing TokenList, of file: String) throws(TextError) {
        var conflict = (0, 0)
        let created = unsafe withUnsafeMutablePointer(to: &conflict) { pointer in
            unsafe pointer.withMemoryRebound(to: Int.self, capacity: 2) { conflict in
                unsafe withUnsafePointer(to: list.raw) { unsafe semblance_vocabulary_create($0, conflict) }
            }
        }
        guard let created = unsafe created else {
            throw TextError(
                .invalidVocabulary,
                "\(file): the tokens “\(list[conflict.0])” and “\(list[conflict.1])” both have id \(list.id(conflict.1))"
            )
        }
        unsafe raw = created
    }

    deinit { unsafe semblance_vocabulary_destroy(raw) }

    /// How many tokens there are.
    var count: Int { unsafe semblance_vocabulary_count(raw) }

    /// Whether each byte has a token of the letter that stands for it.
    var spellsBytes: Bool { unsafe semblance_byte_pairs_is_complete(raw) }

    /// One more than the greatest id.
    var limit: Int32 { unsafe semblance_vocabulary_limit(raw) }

    func id(for token: String) -> Int32? {
        var token = token
        let id = token.withUTF8 { unsafe semblance_vocabulary_id(raw, $0.baseAddress, $0.count) }
        return id < 0 ? nil : id
    }

    func token(for id: Int32) -> String? {
        var count = 0
        guard let bytes = unsafe semblance_vocabulary_token(raw, id, &count) else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// The median length in scalars of these tokens and of `more`, rounded down.
    func medianLength(with more: [String]) -> Int {
        let lengths = more.map { Int32($0.unicodeScalars.count) }
        return unsafe lengths.withUnsafeBufferPointer { lengths in
            Int(unsafe semblance_vocabulary_median_length(raw, lengths.baseAddress, lengths.count))
        }
    }
}
