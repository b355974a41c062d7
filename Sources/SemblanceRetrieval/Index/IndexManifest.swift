internal import Foundation
internal import SemblanceNumerics

/// The files of one sealed part.
struct SegmentFiles: Codable, Hashable, Sendable {
    /// FAISS' file; FAISS reads it as it is.
    var index: BlockFileIdentity
    /// The ids by slot.
    var ids: BlockFileIdentity
    /// The vectors by slot, where FAISS compresses them.
    var vectors: BlockFileIdentity?
    var payloads: BlockFileIdentity?

    /// The files of segment `number` and what they must be.
    func named(_ number: Int) -> [(name: String, identity: BlockFileIdentity)] {
        var files = [(Self.name(number, .index), index), (Self.name(number, .ids), ids)]
        if let vectors { files.append((Self.name(number, .vectors), vectors)) }
        if let payloads { files.append((Self.name(number, .payloads), payloads)) }
        return files
    }

    enum Role: String, CaseIterable {
        case index = "faiss"
        case ids
        case vectors
        case payloads
    }

    static let prefix = "segment-"

    static func name(_ number: Int, _ role: Role) -> String {
        let digits = String(number)
        return prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + "." + role.rawValue
    }
}

/// What `index.json` says: a state of the index, from which the journal goes on.
struct IndexManifest: Codable, Hashable, Sendable {
    struct SegmentEntry: Codable, Hashable, Sendable {
        var number: Int
        var count: Int
        var files: SegmentFiles
        /// Whether the file of live slots has bits for it; else all are live.
        var hasDead = false
        /// ``Part/isGrown``, where it is.
        var isGrown: Bool?
    }

    static let name = "index.json"
    /// The same again: for a repair where the manifest itself is damaged.
    static let copyName = "index.copy.json"
    static let currentFormat = 2

    var format = Self.currentFormat
    /// Of the index; its journal carries it too.
    var identity: UInt64
    /// Of this manifest; grows.
    var generation = 0
    var dimension: Int
    var metric: Metric
    var kind: IndexKind
    var hasPayloads: Bool
    /// What the owner says of the index, such as the model's fingerprint.
    var attributes: [String: String] = [:]
    /// The last change that the segments and their live slots know of.
    var sequence: UInt64 = 0
    /// The first file of the journal that has changes the segments lack.
    var journal = 1
    /// The journal's files when the index was closed.
    var known: [Journal.KnownFile] = []
    var segments: [SegmentEntry] = []
    /// The live slots of the segments that have dead ones, one after the other.
    var live: BlockFileIdentity?

    static let livePrefix = "live-"

    var liveName: String { "\(Self.livePrefix)\(generation).bits" }

    /// The names of all files that it needs, but the journal's.
    var fileNames: Set<String> {
        Set(segments.flatMap { entry in entry.files.named(entry.number).map(\.name) } + (live == nil ? [] : [liveName]))
    }

    /// The manifest with a hash of its own.
    private struct Sealed: Codable {
        var index: IndexManifest
        var hash: String
    }

    private static func data(of value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// The bytes of the file.
    func encoded() throws -> Data {
        try Self.data(of: Sealed(index: self, hash: XXH64.hash(of: Self.data(of: self)).hexadecimal))
    }

    /// - Throws: ``RetrievalError`` with code `.damagedFile`.
    init(reading data: Data, at path: String) throws {
        func damaged(_ what: String) -> RetrievalError {
            RetrievalError(code: .damagedFile, message: "\(path) \(what)")
        }
        let sealed: Sealed
        do {
            sealed = try JSONDecoder().decode(Sealed.self, from: data)
        } catch {
            struct Versioned: Decodable {
                struct Index: Decodable { var format: Int }
                var index: Index
            }
            if let old = try? JSONDecoder().decode(Versioned.self, from: data), old.index.format != Self.currentFormat {
                throw damaged("has format \(old.index.format); this version reads \(Self.currentFormat): build it anew")
            }
            throw damaged("is no manifest of an index: \(error)")
        }
        guard try XXH64.hash(of: Self.data(of: sealed.index)).hexadecimal == sealed.hash,
            sealed.index.format == Self.currentFormat, sealed.index.isPossible
        else { throw damaged("doesn't have the contents that were written") }
        self = sealed.index
    }

    /// Whether its numbers are some that can be reckoned with.
    private var isPossible: Bool {
        (1...VectorIndex.largestDimension).contains(dimension)
            && segments.allSatisfy { (0...Int(Int32.max)).contains($0.count) && Self.numbers.contains($0.number) }
            && Set(segments.map(\.number)).count == segments.count
            && Self.numbers.contains(generation) && Self.numbers.contains(journal) && sequence < 1 << 62
            && known.allSatisfy { Self.numbers.contains($0.number) }
    }

    private static let numbers = 0...1 << 53

    init(identity: UInt64, dimension: Int, metric: Metric, kind: IndexKind, hasPayloads: Bool) {
        self.identity = identity
        self.dimension = dimension
        self.metric = metric
        self.kind = kind
        self.hasPayloads = hasPayloads
    }
}

extension UInt64 {
    fileprivate var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
