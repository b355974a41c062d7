/// The clearest suspected false negatives of many, by the distance between candidate and positive.
struct SuspectList {
    /// Texts by number, and their similarities to the anchor.
    struct Entry {
        let anchor: Int32
        let positive: Int32
        let candidate: Int32
        let score: Float
        let positiveScore: Float

        var distance: Float { score - positiveScore }
    }

    /// How many are kept.
    private static let limit = 100
    private var entries: [Entry] = []
    /// Nothing nearer than this can be among the clearest any more.
    private var floor = -Float.infinity

    /// The clearest, clearest first.
    var clearest: [Entry] { Array(entries.sorted { $0.distance > $1.distance }.prefix(Self.limit)) }

    mutating func add(_ entry: Entry) {
        guard entry.distance > floor else { return }
        entries.append(entry)
        if entries.count >= 8 * Self.limit {
            entries = clearest
            floor = entries.last?.distance ?? floor
        }
    }
}
