internal import CSemblanceText

/// A parsed JSON document.
///
/// Our own because tokens are keys: Foundation's decoders merge keys that are canonically equivalent, and vocabularies
/// hold those apart. It is also quick in debug builds.
@safe
final class JSONDocument {
    let file: String
    fileprivate let source: [UInt8]
    fileprivate var raw = unsafe semblance_json()

    init(_ source: [UInt8], of file: String) throws(TextError) {
        self.source = source
        self.file = file
        let wrong = unsafe source.withUnsafeBufferPointer {
            unsafe semblance_json_parse($0.baseAddress, $0.count, &raw)
        }
        guard wrong < 0 else {
            let line = source.prefix(Int(wrong)).count { $0 == UInt8(ascii: "\n") } + 1
            throw TextError(.malformedFile, "\(file): broken JSON at byte \(wrong), in line \(line)")
        }
    }

    deinit { unsafe semblance_json_free(&raw) }

    var root: JSONValue { JSONValue(document: self, index: 0, path: "") }
}

/// A value in a document, and the path that led to it, for messages.
struct JSONValue {
    let document: JSONDocument
    fileprivate let index: Int
    let path: String

    private var node: semblance_json_node { unsafe document.raw.nodes[index] }

    var isArray: Bool { node.kind == SEMBLANCE_JSON_ARRAY.rawValue }

    var isNull: Bool { node.kind == SEMBLANCE_JSON_NULL.rawValue }

    /// The text of the value as the file has it.
    var source: String { String(decoding: document.source[Int(node.begin)..<Int(node.end)], as: UTF8.self) }

    private func decoded() -> String {
        let node = node
        return unsafe String(unsafeUninitializedCapacity: Int(node.end - node.begin)) { buffer in
            unsafe document.source.withUnsafeBufferPointer { source in
                unsafe withUnsafePointer(to: node) {
                    unsafe semblance_json_string(source.baseAddress, $0, buffer.baseAddress)
                }
            }
        }
    }

    private func wrong(_ wanted: String) -> TextError {
        let place = path.isEmpty ? "the root" : path
        return TextError(.malformedFile, "\(document.file): \(place) is \(source.prefix(40)), not \(wanted)")
    }

    /// What stands here isn't supported yet.
    func unsupported(_ what: String) -> TextError {
        TextError(.unsupported, "\(document.file): \(path) is \(what), which isn't supported yet")
    }

    func string() throws(TextError) -> String {
        guard node.kind == SEMBLANCE_JSON_STRING.rawValue else { throw wrong("a string") }
        return decoded()
    }

    func bool() throws(TextError) -> Bool {
        switch node.kind {
        case SEMBLANCE_JSON_TRUE.rawValue: return true
        case SEMBLANCE_JSON_FALSE.rawValue: return false
        default: throw wrong("true or false")
        }
    }

    /// A whole number in a range.
    func integer(in range: ClosedRange<Int>) throws(TextError) -> Int {
        guard node.kind == SEMBLANCE_JSON_NUMBER.rawValue, let value = Int(source), range.contains(value) else {
            throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func double() throws(TextError) -> Double {
        guard node.kind == SEMBLANCE_JSON_NUMBER.rawValue else { throw wrong("a number") }
        let value = unsafe document.source.withUnsafeBufferPointer { source in
            unsafe withUnsafePointer(to: node) { unsafe semblance_json_double(source.baseAddress, $0) }
        }
        guard value.isFinite else { throw wrong("a number of 64 bits") }
        return value
    }

    /// The one Unicode scalar of a string.
    func scalar() throws(TextError) -> Unicode.Scalar {
        let scalars = try string().unicodeScalars
        guard let scalar = scalars.first, scalars.count == 1 else { throw wrong("one Unicode scalar") }
        return scalar
    }

    func id() throws(TextError) -> Int32 { Int32(try integer(in: 0...Int(Vocabulary.idLimit) - 1)) }

    /// The values of an array.
    func array() throws(TextError) -> [JSONValue] {
        guard node.kind == SEMBLANCE_JSON_ARRAY.rawValue else { throw wrong("an array") }
        var values: [JSONValue] = []
        var next = index + 1
        while next < Int(node.next) {
            let value = JSONValue(document: document, index: next, path: "\(path)[\(values.count)]")
            values.append(value)
            next = Int(value.node.next)
        }
        return values
    }

    /// The keys and values of an object.
    func members() throws(TextError) -> [(key: String, value: JSONValue)] {
        guard node.kind == SEMBLANCE_JSON_OBJECT.rawValue else { throw wrong("an object") }
        var members: [(key: String, value: JSONValue)] = []
        var next = index + 1
        while next < Int(node.next) {
            let key = JSONValue(document: document, index: next, path: path).decoded()
            let value = JSONValue(document: document, index: next + 1, path: path.isEmpty ? key : "\(path).\(key)")
            members.append((key, value))
            next = Int(value.node.next)
        }
        return members
    }

    /// A member of an object; nil if it is missing or null.
    func optional(_ key: String) throws(TextError) -> JSONValue? {
        guard let found = try members().last(where: { $0.key == key })?.value, !found.isNull else { return nil }
        return found
    }

    /// A member of an object.
    func required(_ key: String) throws(TextError) -> JSONValue {
        guard let found = try optional(key) else {
            throw TextError(.malformedFile, "\(document.file): \(path.isEmpty ? "" : path + ".")\(key) is missing")
        }
        return found
    }

    /// Appends an object of ids to a list of tokens.
    func appendVocabulary(to list: inout TokenList) throws(TextError) {
        guard node.kind == SEMBLANCE_JSON_OBJECT.rawValue else { throw wrong("an object of tokens and ids") }
        let found = unsafe document.source.withUnsafeBufferPointer { source in
            unsafe withUnsafePointer(to: document.raw) {
                unsafe semblance_json_vocabulary(source.baseAddress, $0, index, Vocabulary.idLimit, &list.raw)
            }
        }
        guard found >= 0 else { return }
        let token = JSONValue(document: document, index: Int(found), path: path).decoded()
        throw JSONValue(document: document, index: Int(found) + 1, path: "\(path).\(token)")
            .wrong("an id from 0 to \(Vocabulary.idLimit - 1)")
    }

    private func count() throws(TextError) -> Int {
        guard isArray else { throw wrong("an array") }
        return unsafe withUnsafePointer(to: document.raw) { unsafe semblance_json_count($0, index) }
    }

    /// The value at a node of the document, for messages.
    private func at(_ node: Int64) -> JSONValue { JSONValue(document: document, index: Int(node), path: path) }

    /// Appends an array of tokens with scores to a list, their ids being their places; returns the scores.
    func appendScores(to list: inout TokenList) throws(TextError) -> [Double] {
        let count = try count()
        var found: Int64 = -1
        let scores = unsafe [Double](unsafeUninitializedCapacity: count) { scores, initialized in
            unsafe scores.initialize(repeating: 0)
            found = unsafe document.source.withUnsafeBufferPointer { source in
                unsafe withUnsafePointer(to: document.raw) {
                    unsafe semblance_json_scores(source.baseAddress, $0, index, &list.raw, scores.baseAddress)
                }
            }
            initialized = count
        }
        guard found < 0 else { throw at(found).wrong("a token and its score") }
        return scores
    }

    /// The pairs of tokens that are merged, in the order in which they were learned.
    func merges(_ vocabulary: Vocabulary) throws(TextError) -> [semblance_merge] {
        let count = try count()
        var found: Int64 = -1
        let merges = unsafe [semblance_merge](unsafeUninitializedCapacity: count) { merges, initialized in
            unsafe merges.initialize(repeating: semblance_merge())
            found = unsafe document.source.withUnsafeBufferPointer { source in
                unsafe withUnsafePointer(to: document.raw) {
                    unsafe semblance_json_merges(source.baseAddress, $0, index, vocabulary.raw, merges.baseAddress)
                }
            }
            initialized = count
        }
        guard found < 0 else { throw at(found).wrong("two tokens of the vocabulary that make a third") }
        return merges
    }
}
