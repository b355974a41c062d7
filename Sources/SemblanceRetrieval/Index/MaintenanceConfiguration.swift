/// How an index is kept in shape while it changes.
///
/// New vectors are searched one by one; when there are ``sealingCount`` of them they are sealed: built into a segment of
/// the index' kind, in the background. Segments of like size are merged four at a time, so that there are few; one with
/// many removed vectors is built anew.
public struct MaintenanceConfiguration: Hashable, Sendable, Codable {
    /// So many new vectors are sealed together. An addition of as many at once is sealed before it returns.
    ///
    /// The default is 4,096.
    public var sealingCount = 4096
    /// Threads that build segments in the background. They run at low priority.
    ///
    /// The default is 1.
    public var threads = 1
    /// The largest share of removed vectors that a segment keeps.
    ///
    /// The default is 0.2.
    public var removedShare = 0.2
    /// Vectors that a background merge may hold twice for a while, in bytes; larger segments stay apart.
    ///
    /// `nil`, the default, is no limit.
    public var mergeLimit: Int?
    /// Bytes that the vectors of an ``IndexKind/automatic`` index may take in memory; codes are searched where they
    /// would take more.
    ///
    /// `nil`, the default, is no limit.
    public var memoryBudget: Int?

    /// The defaults.
    public init() {}

    func validate() throws {
        func demand(_ name: String, _ value: Any, _ holds: Bool, _ range: String) throws {
            if holds { return }
            throw RetrievalError(code: .invalidArgument, message: "\(name) is \(value); it must be \(range)")
        }
        try demand("sealingCount", sealingCount, (16...1_000_000).contains(sealingCount), "from 16 to 1000000")
        try demand("threads", threads, (1...1024).contains(threads), "from 1 to 1024")
        try demand("removedShare", removedShare, removedShare > 0 && removedShare <= 1, "above 0, at most 1")
        try demand("mergeLimit", mergeLimit ?? 0, (mergeLimit ?? 0) >= 0, "0 or more")
        try demand("memoryBudget", memoryBudget ?? 0, (memoryBudget ?? 0) >= 0, "0 or more")
    }

    /// A part as the policy sees it.
    struct Size: Hashable {
        var slots: Int
        var live: Int
        var isTail = false
        var isClosed = true
    }

    /// The parts, by their places, that should be built into one next; `nil` where all is well.
    ///
    /// Closed tails first; then segments without anything live or with too much that isn't; then four of like size.
    func next(_ parts: [Size], bytesOfVector: Int) -> [Int]? {
        let closed = parts.indices.filter { parts[$0].isTail && parts[$0].isClosed }
        if !closed.isEmpty { return closed }
        let sealed = parts.indices.filter { !parts[$0].isTail }
        func fits(_ places: [Int]) -> Bool {
            guard let mergeLimit else { return true }
            return places.reduce(0) { $0 + parts[$1].live } * bytesOfVector <= mergeLimit
        }
        if let worn = sealed.first(where: {
            Double(parts[$0].slots - parts[$0].live) > removedShare * Double(parts[$0].slots) && fits([$0])
        }) {
            // What is small goes along.
            return sealed.filter { $0 == worn || parts[$0].live <= parts[worn].live / 4 && fits([worn, $0]) }
        }
        var tiers: [Int: [Int]] = [:]
        for place in sealed {
            var (tier, size) = (0, sealingCount)
            while parts[place].live > size { (tier, size) = (tier + 1, size * 4) }
            tiers[tier, default: []].append(place)
        }
        return tiers.sorted { $0.key < $1.key }.map(\.value).first { $0.count >= 4 && fits($0) }
    }
}
