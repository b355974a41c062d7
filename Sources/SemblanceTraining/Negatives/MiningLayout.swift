/// Which texts a round of mining embeds, and where in its matrices each is.
struct MiningLayout: Sendable {
    /// Distinct anchors, and by text number where they are.
    let anchors: [Int32]
    let anchorPlaces: [Int32]
    /// Distinct positives, and by text number where they are.
    let positives: [Int32]
    let positivePlaces: [Int32]
    /// What negatives are chosen from, and behind it those that the data names beside it; by text number where they are.
    let corpus: [Int32]
    let named: [Int32]
    let places: [Int32]
    /// By anchor text: the positives of all rows with that anchor.
    let relevant: [Int32: [Int32]]

    /// - Parameters:
    ///   - corpus: text numbers to choose from, each once.
    ///   - takesNamed: whether the negatives that the data names count.
    init(_ set: TrainingSet, corpus: [Int32], takesNamed: Bool) {
        (anchors, anchorPlaces) = Self.distinct(set.rows.lazy.map(\.anchor), set.texts.count)
        (positives, positivePlaces) = Self.distinct(set.rows.lazy.flatMap(\.positives), set.texts.count)
        let documents = corpus + (takesNamed ? set.rows.flatMap(\.negatives) : [])
        let (texts, places) = Self.distinct(documents, set.texts.count)
        self.corpus = corpus
        self.places = places
        named = Array(texts.dropFirst(corpus.count))
        var relevant: [Int32: [Int32]] = [:]
        for row in set.rows { relevant[row.anchor, default: []] += row.positives }
        self.relevant = relevant
    }

    /// The text at a place of ``corpus`` and ``named``.
    func text(at place: Int32) -> Int32 {
        Int(place) < corpus.count ? corpus[Int(place)] : named[Int(place) - corpus.count]
    }

    private static func distinct(
        _ texts: some Sequence<Int32>,
        _ count: Int
    ) -> (texts: [Int32], places: [Int32]) {
        var places = [Int32](repeating: -1, count: count)
        var distinct: [Int32] = []
        for text in texts where places[Int(text)] < 0 {
            places[Int(text)] = Int32(distinct.count)
            distinct.append(text)
        }
        return (distinct, places)
    }
}
