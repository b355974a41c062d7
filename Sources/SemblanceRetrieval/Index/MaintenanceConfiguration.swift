/// How an index is kept in shape while it changes.
///
/// New vectors are searched one by one; when there are ``sealingCount`` of them they are sealed: built into a segment of
/// the index' kind, in the background. Segments of like size are merged four at a time, so that there are few; one with
/// many removed vectors is built anew. Searches go first: where they keep all cores busy, changes wait for the background.
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
    }

    /// Sealed parts that a search may well go through one after the other.
    private static let fewParts = 4
    /// A part of which so much is removed is built anew even where changes wait for that.
    private static let wornOut = 0.5

    /// The parts, by their places, that should be built into one next; `nil` where all is well.
    ///
    /// Worn-out segments first; then closed tails, or, where there are many segments, some of these; at last segments with
    /// more removed vectors than ``removedShare``.
    ///
    /// - Parameter isPressed: changes wait; what isn't urgent is left.
    func next(_ parts: [Size], bytesOfVector: Int, isPressed: Bool) -> [Int]? {
        let sealed = parts.indices.filter { !parts[$0].isTail }
        let share = max(Self.wornOut, removedShare)
        if let worn = worn(beyond: share, among: sealed, of: parts, bytesOfVector) { return worn }
        let closed = parts.indices.filter { parts[$0].isTail && parts[$0].isClosed }
        let alike = alike(among: sealed, of: parts, bytesOfVector)
        if let alike, closed.isEmpty || sealed.count >= Self.fewParts { return alike }
        if !closed.isEmpty { return closed }
        return isPressed ? nil : worn(beyond: removedShare, among: sealed, of: parts, bytesOfVector)
    }

    private func fits(_ places: [Int], of parts: [Size], _ bytesOfVector: Int) -> Bool {
        guard let mergeLimit else { return true }
        return places.reduce(0) { $0 + parts[$1].live } * bytesOfVector <= mergeLimit
    }

    /// A segment with too much removed, and what is small beside it.
    private func worn(beyond share: Double, among sealed: [Int], of parts: [Size], _ bytesOfVector: Int) -> [Int]? {
        let worn = sealed.first {
            Double(parts[$0].slots - parts[$0].live) > share * Double(parts[$0].slots)
                && fits([$0], of: parts, bytesOfVector)
        }
        guard let worn else { return nil }
        let all = sealed.filter { $0 == worn || parts[$0].live <= parts[worn].live / 4 }
        return fits(all, of: parts, bytesOfVector) ? all : [worn]
    }

    /// Four segments of like size, and all smaller ones.
    private func alike(among sealed: [Int], of parts: [Size], _ bytesOfVector: Int) -> [Int]? {
        func tier(_ place: Int) -> Int {
            var (tier, size) = (0, sealingCount)
            while parts[place].live > size { (tier, size) = (tier + 1, size * 4) }
            return tier
        }
        let tiers = Dictionary(grouping: sealed, by: tier).sorted { $0.key < $1.key }
        for (tier, places) in tiers.reversed() where places.count >= 4 {
            let all = tiers.filter { $0.key <= tier }.flatMap(\.value).sorted()
            if fits(all, of: parts, bytesOfVector) { return all }
            if fits(places, of: parts, bytesOfVector) { return places }
        }
        return nil
    }
}
