internal import SemblanceNumerics
internal import SemblanceRetrieval

/// What each source offers for each row, before anything is judged.
struct NegativeCandidates {
    /// A document that a source offers: a text and its similarity to the anchor under the model that judges it.
    struct Candidate {
        let text: Int32
        let score: Float
    }

    /// The place of a document, and its tier.
    typealias Offer = (place: Int32, tier: Int32)

    /// One source, or one of the guides.
    struct Source {
        let kind: NegativeSource
        /// The model that judges what it offers.
        let space: MiningSpace
        /// Places with the tier they are in, by row; candidates are ranked by tier, then by score.
        fileprivate let offers: (_ row: Int) -> [Offer]
    }

    let sources: [Source]
    private let set: TrainingSet
    private let layout: MiningLayout
    private let space: MiningSpace
    /// The model's own ranking, where the sources or the balance ask for it.
    private let nearest: ExactSearch.Found?
    private let ranks: Int

    init(
        _ set: TrainingSet,
        _ layout: MiningLayout,
        sources: [NegativeSource],
        ranks: Int,
        isBalanced: Bool,
        seed: UInt64,
        space: MiningSpace,
        guides: [MiningSpace],
        workers: Workers
    ) throws {
        self.set = set
        self.layout = layout
        self.space = space
        self.ranks = ranks
        // A row's own positives may stand among the first ranks.
        let most = min(layout.corpus.count, ranks + (layout.relevant.values.map(\.count).max() ?? 1) + 1)
        let own = isBalanced || sources.contains(.mined) ? space.nearestToAnchors(most) : nil
        nearest = own
        let rows = set.rows
        func ranking(_ found: ExactSearch.Found, _ place: @escaping (Int) -> Int32) -> (Int) -> [Offer] {
            { row in
                let first = Int(place(row)) * found.count
                return found.rows[first..<first + found.count].map { ($0, 0) }
            }
        }
        func placeOfAnchor(_ row: Int) -> Int32 { layout.anchorPlaces[Int(rows[row].anchor)] }
        self.sources = try sources.flatMap { source -> [Source] in
            switch source {
            case .rows:
                return [
                    Source(kind: source, space: space) { rows[$0].negatives.map { (layout.places[Int($0)], 0) } }
                ]
            case .mined:
                guard let own else { return [] }
                return [Source(kind: source, space: space, offers: ranking(own, placeOfAnchor))]
            case .guided:
                return guides.map {
                    Source(kind: source, space: $0, offers: ranking($0.nearestToAnchors(most), placeOfAnchor))
                }
            case .lexical:
                let found = try Self.sharingWords(set, layout, ranks + 8, workers)
                return [
                    Source(kind: source, space: space) { row in
                        found[Int(placeOfAnchor(row))].map { (Int32($0.index), 0) }
                    }
                ]
            case .siblings:
                let taxonomy = Taxonomy(set, places: layout.places)
                return [
                    Source(kind: source, space: space) { row in
                        taxonomy.nearest(to: rows[row].group, count: most).map { ($0.place, $0.distance) }
                    }
                ]
            case .related:
                let found = space.nearestToPositives(most)
                let first = ranking(found) { layout.positivePlaces[Int(rows[$0].positives[0])] }
                return [
                    Source(kind: source, space: space) { row in
                        first(row).enumerated().map { ($0.element.place, Int32($0.offset)) }
                    }
                ]
            case .random:
                return [
                    Source(kind: source, space: space) { row in
                        var random = RandomStream(seed: seed, stream: 1 << 40 | UInt64(row))
                        let places = 0..<Int32(layout.corpus.count)
                        return (0..<ranks).map { (.random(in: places, using: &random), Int32($0)) }
                    }
                ]
            }
        }
    }

    private static func sharingWords(
        _ set: TrainingSet,
        _ layout: MiningLayout,
        _ count: Int,
        _ workers: Workers
    ) throws -> [[LexicalHit]] {
        let index = try LexicalIndex(layout.corpus.map { set.texts[Int($0)] }, workers: workers)
        return index.nearest(to: layout.anchors.map { set.texts[Int($0)] }, count: count, workers: workers)
    }

    /// Whether a text must not be a negative of a row: it is the anchor's own, or one of its known positives.
    func isRelevant(_ text: Int32, to row: Int) -> Bool {
        let anchor = set.rows[row].anchor
        return text == anchor || layout.relevant[anchor]?.contains(text) == true
    }

    /// What a source offers for a row, ranked; each text once.
    func ranked(_ source: Source, row: Int) -> [Candidate] {
        let anchor = set.rows[row].anchor
        var ranked: [(candidate: Candidate, tier: Int32)] = []
        var seen = Set<Int32>()
        for (place, tier) in source.offers(row) where place >= 0 {
            let text = layout.text(at: place)
            if isRelevant(text, to: row) || !seen.insert(text).inserted { continue }
            ranked.append((Candidate(text: text, score: source.space.similarity(anchor, place)), tier))
        }
        // Equal scores fall by text, which gives every source one order.
        ranked.sort { a, b in
            if a.tier != b.tier { return a.tier < b.tier }
            return a.candidate.score != b.candidate.score
                ? a.candidate.score > b.candidate.score : a.candidate.text < b.candidate.text
        }
        return ranked.map(\.candidate)
    }

    /// A random text of the corpus that is no known positive and not among the model's first ranks, if one is drawn soon.
    func soft(row: Int, _ random: inout RandomStream) -> Candidate? {
        let anchor = set.rows[row].anchor
        let near = Set(nearest.map { nearestPlaces($0, row) } ?? [])
        for _ in 0..<16 {
            let place = Int32.random(in: 0..<Int32(layout.corpus.count), using: &random)
            let text = layout.text(at: place)
            if near.contains(place) || isRelevant(text, to: row) { continue }
            return Candidate(text: text, score: space.similarity(anchor, place))
        }
        return nil
    }

    private func nearestPlaces(_ found: ExactSearch.Found, _ row: Int) -> ArraySlice<Int32> {
        let first = Int(layout.anchorPlaces[Int(set.rows[row].anchor)]) * found.count
        return found.rows[first..<first + min(found.count, ranks)]
    }

    /// The share of rows whose least similar positive the model ranks before every document that is no known positive.
    var competence: Double {
        guard let nearest else { return 1 }
        let competent = set.rows.indices.count { row in
            let first = Int(layout.anchorPlaces[Int(set.rows[row].anchor)]) * nearest.count
            let rival = nearest.rows[first..<first + nearest.count].first {
                !isRelevant(layout.text(at: $0), to: row)
            }
            guard let rival else { return true }
            return space.positiveScores[row] > space.similarity(set.rows[row].anchor, rival)
        }
        return Double(competent) / Double(set.rows.count)
    }
}
