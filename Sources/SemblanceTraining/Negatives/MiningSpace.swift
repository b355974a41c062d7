internal import CSemblanceKernels
internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// The vectors that the texts of a ``MiningLayout`` have under one model, unit length, and what follows from them.
struct MiningSpace: Sendable {
    private let layout: MiningLayout
    private let anchors: Matrix
    private let positives: Matrix
    private let corpus: Matrix
    private let named: Matrix
    /// By row: the similarity of the anchor to its least similar positive.
    let positiveScores: [Float]
    private let workers: Workers

    /// - Parameter embed: the embeddings of texts by number in a role.
    init(
        _ set: TrainingSet,
        _ layout: MiningLayout,
        workers: Workers,
        embed: (_ texts: [Int32], _ role: Role) throws -> Matrix
    ) throws {
        func unit(_ texts: [Int32], _ role: Role) throws -> Matrix {
            UnitRows(try embed(texts, role), workers: workers).output
        }
        let anchors = try unit(layout.anchors, .query)
        let positives = try unit(layout.positives, .document)
        self.layout = layout
        self.workers = workers
        self.anchors = anchors
        self.positives = positives
        corpus = try unit(layout.corpus, .document)
        named = try unit(layout.named, .document)
        positiveScores = set.rows.map { row in
            let anchor = Int(layout.anchorPlaces[Int(row.anchor)])
            return row.positives.reduce(Float.infinity) {
                min($0, anchors.dot(anchor, positives, Int(layout.positivePlaces[Int($1)])))
            }
        }
    }

    /// Under a model that is not trained.
    init(
        _ set: TrainingSet,
        _ layout: MiningLayout,
        under model: FrozenModel,
        workers: Workers,
        cancellation: Cancellation
    ) throws {
        try self.init(set, layout, workers: workers) { texts, role in
            try set.embed(texts, with: model, as: role, workers: workers, cancellation: cancellation)
        }
    }

    /// The similarity of an anchor's text to the document at a place.
    func similarity(_ anchor: Int32, _ place: Int32) -> Float {
        let row = Int(layout.anchorPlaces[Int(anchor)])
        return Int(place) < corpus.rows
            ? anchors.dot(row, corpus, Int(place)) : anchors.dot(row, named, Int(place) - corpus.rows)
    }

    /// By place of an anchor: the `count` places of the corpus nearest to it, best first. The search is exact, so that
    /// mining is the same every time.
    func nearestToAnchors(_ count: Int) -> ExactSearch.Found {
        ExactSearch.nearest(to: anchors, in: corpus, count: count, workers: workers)
    }

    /// The same by place of a positive.
    func nearestToPositives(_ count: Int) -> ExactSearch.Found {
        ExactSearch.nearest(to: positives, in: corpus, count: count, workers: workers)
    }
}

extension Matrix {
    /// The dot product of a row with a row of another matrix.
    fileprivate func dot(_ row: Int, _ other: Matrix, _ otherRow: Int) -> Float {
        unsafe withPointer { x in
            unsafe other.withPointer { y in
                unsafe semblance_dot(x + row * columns, y + otherRow * columns, columns)
            }
        }
    }
}
