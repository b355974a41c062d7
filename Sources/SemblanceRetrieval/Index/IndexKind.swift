internal import Foundation

/// A graph in which each vector links to near ones (Malkov and Yashunin, arXiv:1603.09320).
public struct HNSWConfiguration: Hashable, Sendable, Codable {
    /// Links of a vector on the upper levels; twice as many on the lowest.
    ///
    /// The default is 32.
    public var links = 32
    /// Candidates kept while a vector's links are looked for.
    ///
    /// The default is 48.
    public var buildEffort = 48
    /// Candidates kept in a search that doesn't say how many.
    ///
    /// The default is 64.
    public var effort = 64

    /// The defaults.
    public init() {}
}

/// Lists of vectors around centroids, of which a search probes the nearest ones.
public struct IVFConfiguration: Hashable, Sendable, Codable {
    /// How many lists; `nil`, the default, is 4·√n of the n vectors it learns from.
    public var lists: Int?
    /// Lists probed in a search that doesn't say how many.
    ///
    /// The default is 16.
    public var probes = 16

    /// The defaults.
    public init() {}
}

/// Codes that are scanned instead of the vectors; the best ones by code are compared again by their vectors.
public struct CodesConfiguration: Hashable, Sendable, Codable {
    /// What a code is made of.
    public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
        /// 8 bits a component.
        case int8
        /// 4 bits a component.
        case int4
        /// A byte for each of ``CodesConfiguration/bytes`` stretches of the vector (Jégou et al., TPAMI 2011).
        case product
        /// A bit a component: its sign.
        case binary
    }

    /// What a code is made of.
    public var code: Code
    /// Bytes of a ``Code/product`` code; they divide the dimension.
    ///
    /// The default is 32.
    public var bytes = 32
    /// So many times the hits asked for are compared by their vectors.
    ///
    /// The default is 4, and 20 for ``Code/binary`` codes.
    public var oversampling: Int

    /// The defaults for a code.
    public init(_ code: Code) {
        self.code = code
        oversampling = code == .binary ? 20 : 4
    }
}

/// How an index finds vectors.
///
/// In words, as commands and manifests have it: `automatic`, `exact`, `hnsw`, `ivf`, `int8`, `int4`, `product`,
/// `binary`, all but the first two also with settings (`hnsw:links=16,build-effort=80,effort=100`,
/// `ivf:lists=256,probes=8`, `product:bytes=48,oversampling=8`), or a factory string of FAISS (`IVF256,PQ16x4`).
public enum IndexKind: Hashable, Sendable {
    /// ``exact`` up to 20,000 vectors, then ``hnsw(_:)``.
    case automatic
    /// Compares with every vector.
    case exact
    /// Walks a graph.
    case hnsw(HNSWConfiguration)
    /// Probes lists.
    case ivf(IVFConfiguration)
    /// Scans codes, then compares the best ones.
    case codes(CodesConfiguration)
    /// Whatever FAISS makes of this string, see its wiki, "The index factory".
    case factory(String)

    /// Walks a graph with the default settings.
    public static var hnsw: IndexKind { .hnsw(HNSWConfiguration()) }
    /// Probes lists with the default settings.
    public static var ivf: IndexKind { .ivf(IVFConfiguration()) }

    /// A kind in words.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidKind` for a setting that isn't known or a value out of range.
    ///   A factory string is not looked into: FAISS does so when the index is made.
    public init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let settings = parts.count > 1 ? parts[1] : nil
        switch parts[0] {
        case "automatic" where settings == nil: self = .automatic
        case "exact" where settings == nil: self = .exact
        case "hnsw":
            var configuration = HNSWConfiguration()
            try Self.apply(settings, to: text) { name, value in
                switch name {
                case "links": configuration.links = value
                case "build-effort": configuration.buildEffort = value
                case "effort": configuration.effort = value
                default: return false
                }
                return true
            }
            self = .hnsw(configuration)
        case "ivf":
            var configuration = IVFConfiguration()
            try Self.apply(settings, to: text) { name, value in
                switch name {
                case "lists": configuration.lists = value
                case "probes": configuration.probes = value
                default: return false
                }
                return true
            }
            self = .ivf(configuration)
        case let name where CodesConfiguration.Code(rawValue: name) != nil:
            var configuration = CodesConfiguration(CodesConfiguration.Code(rawValue: name) ?? .int8)
            try Self.apply(settings, to: text) { name, value in
                switch name {
                case "bytes" where configuration.code == .product: configuration.bytes = value
                case "oversampling": configuration.oversampling = value
                default: return false
                }
                return true
            }
            self = .codes(configuration)
        default: self = .factory(text)
        }
        try validate()
    }

    private static func apply(_ settings: String?, to text: String, _ set: (String, Int) -> Bool) throws {
        guard let settings else { return }
        for setting in settings.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = setting.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let value = Int(sides[1]), set(String(sides[0]), value) else {
                throw RetrievalError(
                    code: .invalidKind,
                    message: "'\(setting)' in '\(text)' is no setting; there are links, build-effort and effort for "
                        + "hnsw, lists and probes for ivf, oversampling for int8, int4, binary and product, bytes for "
                        + "product, each with a whole number"
                )
            }
        }
    }

    func validate() throws {
        func demand(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            if range.contains(value) { return }
            throw RetrievalError(
                code: .invalidKind,
                message: "\(name) of an index is \(value); it must be from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        switch self {
        case .automatic, .exact: break
        case .hnsw(let configuration):
            try demand("links", configuration.links, 2...512)
            try demand("build-effort", configuration.buildEffort, 1...100_000)
            try demand("effort", configuration.effort, 1...1_000_000)
        case .ivf(let configuration):
            if let lists = configuration.lists { try demand("lists", lists, 1...10_000_000) }
            try demand("probes", configuration.probes, 1...10_000_000)
        case .codes(let configuration):
            try demand("bytes", configuration.bytes, 1...65_536)
            try demand("oversampling", configuration.oversampling, 1...10_000)
        case .factory(let string):
            if string.isEmpty { throw RetrievalError(code: .invalidKind, message: "the kind of an index is empty") }
        }
    }
}

extension IndexKind: CustomStringConvertible {
    /// The kind in words; ``init(parsing:)`` reads it.
    public var description: String {
        func words(_ name: String, _ settings: [(String, Int, default: Int)]) -> String {
            let changed = settings.filter { $0.1 != $0.default }.map { "\($0.0)=\($0.1)" }
            return changed.isEmpty ? name : "\(name):\(changed.joined(separator: ","))"
        }
        switch self {
        case .automatic: return "automatic"
        case .exact: return "exact"
        case .hnsw(let configuration):
            let usual = HNSWConfiguration()
            return words(
                "hnsw",
                [
                    ("links", configuration.links, usual.links),
                    ("build-effort", configuration.buildEffort, usual.buildEffort),
                    ("effort", configuration.effort, usual.effort),
                ]
            )
        case .ivf(let configuration):
            return words(
                "ivf",
                [("lists", configuration.lists ?? 0, 0), ("probes", configuration.probes, IVFConfiguration().probes)]
            )
        case .codes(let configuration):
            let usual = CodesConfiguration(configuration.code)
            return words(
                configuration.code.rawValue,
                [
                    ("bytes", configuration.bytes, usual.bytes),
                    ("oversampling", configuration.oversampling, usual.oversampling),
                ]
            )
        case .factory(let string): return string
        }
    }
}

extension IndexKind: Codable {
    /// Reads the kind in words.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the kind in words.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
