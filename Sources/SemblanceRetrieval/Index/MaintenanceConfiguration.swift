/// How an index is kept in shape while it changes.
///
/// New vectors are searched one by one; when there are ``sealingCount`` of them they are sealed, in the background: built
/// into a segment of the index' kind, or put into a graph until that has 16 times as many. Graphs go into larger ones,
/// other segments of like size are merged four at a time, so that there are few; one with many removed vectors is built
/// anew. Sealing doesn't wait for a merge. Searches go first: where they keep all cores busy, changes wait for the background.
public struct MaintenanceConfiguration: Hashable, Sendable, Codable {
    /// So many new vectors are sealed together. An addition of as many at once is sealed before it returns.
    ///
    /// As long as more than that wait, changes do, too. The default is 1,024.
    public var sealingCount = 1024
    /// Threads that build segments in the background. They run at low priority.
    ///
    /// The default is 1.
    public var threads = 1
    /// The largest share of removed vectors that a segment keeps; a half, or this share where it is larger, while changes
    /// wait.
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
        /// See ``Part/canGrow``.
        var canGrow = false
        /// Whether it is being built into another.
        var isClaimed = false

        /// Whether more than this share is removed.
        func isWorn(beyond share: Double) -> Bool { Double(slots - live) > share * Double(slots) }
    }

    /// A part of which so much is removed is built anew even where changes wait for that.
    private static let wornOut = 0.5
    /// A graph takes new vectors up to so many tails. It is copied each time: more would copy and write too much.
    private static let tailsOfGraph = 16
    /// A graph takes another one that is at least this share of it. Less would copy and write too much, more would leave
    /// too many graphs: each costs a search about as much as half of a large one.
    private static let shareOfGraph = 8

    /// The parts, by their places, that should be sealed together next; `nil` where there is nothing to seal: closed tails,
    /// and a graph that takes them, where there is one.
    func nextSealing(_ parts: [Size], bytesOfVector: Int) -> [Int]? {
        let closed = parts.indices.filter { parts[$0].isTail && parts[$0].isClosed && !parts[$0].isClaimed }
        if closed.isEmpty { return nil }
        let fresh = closed.reduce(0) { $0 + parts[$1].live }
        let growing = parts.indices.filter { place in
            let part = parts[place]
            return part.canGrow && !part.isClaimed && !part.isWorn(beyond: removedShare)
                && part.live + fresh <= Self.tailsOfGraph * sealingCount
                && fits([place] + closed, of: parts, bytesOfVector)
        }
        return (growing.max { parts[$0].live < parts[$1].live }.map { [$0] } ?? []) + closed
    }

    /// The segments, by their places, that should be built into one next; `nil` where all is well.
    ///
    /// Worn-out ones first; then a graph that is large enough to go into another, or several others of like size; at last
    /// those with more removed vectors than ``removedShare``.
    ///
    /// - Parameter isPressed: changes wait; what isn't urgent is left.
    func nextMerging(_ parts: [Size], bytesOfVector: Int, isPressed: Bool) -> [Int]? {
        let sealed = parts.indices.filter { !parts[$0].isTail && !parts[$0].isClaimed }
        return worn(beyond: max(Self.wornOut, removedShare), among: sealed, of: parts, bytesOfVector)
            ?? joined(among: sealed, of: parts, bytesOfVector)
            ?? alike(among: sealed, of: parts, bytesOfVector)
            ?? (isPressed ? nil : worn(beyond: removedShare, among: sealed, of: parts, bytesOfVector))
    }

    private func fits(_ places: [Int], of parts: [Size], _ bytesOfVector: Int) -> Bool {
        guard let mergeLimit else { return true }
        return places.reduce(0) { $0 + parts[$1].live } * bytesOfVector <= mergeLimit
    }

    /// A segment with too much removed, what is small beside it, and a graph that takes both, where there is one.
    private func worn(beyond share: Double, among sealed: [Int], of parts: [Size], _ bytesOfVector: Int) -> [Int]? {
        let worn = sealed.first { parts[$0].isWorn(beyond: share) && fits([$0], of: parts, bytesOfVector) }
        guard let worn else { return nil }
        let live = parts[worn].live
        let small = sealed.filter { $0 == worn || parts[$0].live <= live / 4 }
        let takers = sealed.filter { place in
            let part = parts[place]
            return parts[worn].canGrow && part.canGrow && !part.isWorn(beyond: removedShare) && !small.contains(place)
                && part.live <= live * Self.shareOfGraph
        }
        let taker = takers.max { parts[$0].live < parts[$1].live }
        return [(small + (taker.map { [$0] } ?? [])).sorted(), small].first { fits($0, of: parts, bytesOfVector) }
            ?? [worn]
    }

    /// A graph that takes no more tails and the next larger one, unless that is much larger; or two that could take some.
    private func joined(among sealed: [Int], of parts: [Size], _ bytesOfVector: Int) -> [Int]? {
        let graphs = sealed.filter { parts[$0].canGrow }.sorted { parts[$0].live < parts[$1].live }
        func takesTails(_ place: Int) -> Bool { parts[place].live <= (Self.tailsOfGraph - 1) * sealingCount }
        for (graph, larger) in zip(graphs, graphs.dropFirst())
        where takesTails(graph) == takesTails(larger) && fits([graph, larger], of: parts, bytesOfVector)
            && parts[larger].live <= max(parts[graph].live, sealingCount) * Self.shareOfGraph
        {
            return [graph, larger].sorted()
        }
        return nil
    }

    /// Four segments of like size that don't grow, and all smaller ones.
    private func alike(among sealed: [Int], of parts: [Size], _ bytesOfVector: Int) -> [Int]? {
        func tier(_ place: Int) -> Int {
            var (tier, size) = (0, sealingCount)
            while parts[place].live > size { (tier, size) = (tier + 1, size * 4) }
            return tier
        }
        let tiers = Dictionary(grouping: sealed.filter { !parts[$0].canGrow }, by: tier).sorted { $0.key < $1.key }
        for (tier, places) in tiers.reversed() where places.count >= 4 {
            let all = tiers.filter { $0.key <= tier }.flatMap(\.value).sorted()
            if fits(all, of: parts, bytesOfVector) { return all }
            if fits(places, of: parts, bytesOfVector) { return places }
        }
        return nil
    }
}

extension MaintenanceConfiguration.Size {
    init(_ part: Part) {
        self.init(slots: part.live.slots, live: part.live.count, isTail: part.isTail, canGrow: part.canGrow)
    }
}
