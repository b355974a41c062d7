// Candidates from a source, scored by the model, filtered, picked.

internal import CSemblanceKernels
public import SemblanceEncoders
public import SemblanceNumerics
internal import SemblanceRetrieval

/// What a round of mining found.
public struct MiningReport: Hashable, Sendable, Codable {
    /// Rows that negatives were looked for.
    public var rows = 0
    /// Negatives found, over all rows.
    public var negatives = 0
    /// Rows with fewer negatives than asked for.
    public var shortRows = 0
    /// Of those: rows whose last source had too few candidates in the rank range.
    public var shortOfCandidates = 0
    /// Of those: rows that lost candidates to a limit on scores.
    public var shortByLimits = 0
    /// Candidates left out because they are too close to the positive to be trusted as negatives.
    public var suspectedFalseNegatives = 0
}

/// Chooses hard negatives for training pairs with a model as it stands.
///
/// Sources are tried in turn until a row has enough. `Embedder.fit` mines by itself where the configuration says so; use a
/// miner to look at the negatives, or to keep them with the data.
public struct HardNegativeMiner: Sendable {
    private let configuration: MiningConfiguration
    /// Negatives wanted for each row.
    private let perRow: Int
    /// Seeds random picks.
    private let seed: UInt64
    private let workers: Workers

    /// A miner of `perRow` negatives for each pair.
    ///
    /// - Throws: ``TrainingError`` for a setting out of its range.
    public init(
        _ configuration: MiningConfiguration = MiningConfiguration(),
        perRow: Int = 4,
        seed: UInt64 = 42,
        compute: ComputeOptions = ComputeOptions()
    ) throws {
        try configuration.validate()
        try TrainingError.require(
            perRow >= 1 && perRow <= 1000,
            "negatives per row are \(perRow): 1 to 1000 can be mined"
        )
        self.init(configuration, perRow: perRow, seed: seed, workers: .shared(threads: compute.threads))
    }

    init(_ configuration: MiningConfiguration, perRow: Int, seed: UInt64, workers: Workers) {
        self.configuration = configuration
        self.perRow = perRow
        self.seed = seed
        self.workers = workers
    }

    /// Pairs with negatives and their scores in place of those they had, and what was found.
    ///
    /// - Parameters:
    ///   - embedder: the model that looks for candidates and scores them.
    ///   - sources: where candidates come from.
    ///   - corpus: texts to choose from; without it, the positives of all pairs.
    /// - Throws: ``TrainingError`` for pairs that can't be used; `CancellationError`.
    /// - Complexity: one exact search of the corpus for each distinct anchor.
    public func negatives(
        for pairs: [TrainingPair],
        with embedder: Embedder,
        from sources: [NegativeSource] = [.mined],
        corpus: [String] = []
    ) async throws -> (pairs: [TrainingPair], report: MiningReport) {
        try await workers.run { cancellation in
            let set = try TrainingSet(pairs, corpus: corpus)
            let (negatives, report) = try mine(set, sources: sources, corpus: set.miningCorpus) { texts, role in
                try embedder.embed(
                    texts.map { set.texts[Int($0)] },
                    as: role,
                    options: Embedder.Options(),
                    workers: workers,
                    cancellation: cancellation
                ).embeddings
            }
            let mined = zip(pairs, negatives).map { pair, negatives in
                var pair = pair
                pair.negatives = negatives.texts.map { set.texts[Int($0)] }
                pair.negativeScores = negatives.scores
                return pair
            }
            return (mined, report)
        }
    }

    /// A row's negatives by text number, with their scores.
    struct Negatives: Sendable {
        var texts: [Int32] = []
        var scores: [Float] = []
    }

    /// Candidates of one source, by row: places in a space.
    private typealias Candidates = (_ row: Int) -> [Int32]

    /// The vectors rows and documents have under the model, unit length.
    ///
    /// The places of documents are those of the corpus, then those of negatives that the data names beside it.
    private struct Space {
        let anchors: Matrix
        let anchorPlaces: [Int32]
        let corpus: Matrix
        let chosen: Matrix
        /// By place.
        let texts: [Int32]

        func similarity(_ anchor: Int32, _ place: Int) -> Float {
            let row = Int(anchorPlaces[Int(anchor)])
            return place < corpus.rows
                ? anchors.dot(row, corpus, place) : anchors.dot(row, chosen, place - corpus.rows)
        }
    }

    /// Negatives for every row from the first source that has them, further sources filling up.
    ///
    /// - Parameters:
    ///   - corpus: text numbers to choose from, each once.
    ///   - embed: the unit embeddings of texts by number in a role.
    func mine(
        _ set: TrainingSet,
        sources: [NegativeSource],
        corpus: [Int32],
        embed: (_ texts: [Int32], _ role: Role) throws -> Matrix
    ) throws -> (negatives: [Negatives], report: MiningReport) {
        var report = MiningReport()
        report.rows = set.rows.count
        var result = [Negatives](repeating: Negatives(), count: set.rows.count)

        // Each distinct anchor is embedded and searched once.
        var places = [Int32](repeating: -1, count: set.texts.count)
        var anchors: [Int32] = []
        for row in set.rows where places[Int(row.anchor)] < 0 {
            places[Int(row.anchor)] = Int32(anchors.count)
            anchors.append(row.anchor)
        }
        var texts = corpus
        var textPlaces = [Int32](repeating: -1, count: set.texts.count)
        for (place, text) in corpus.enumerated() { textPlaces[Int(text)] = Int32(place) }
        if sources.contains(.rows) {
            for row in set.rows {
                for text in row.negatives where textPlaces[Int(text)] < 0 {
                    textPlaces[Int(text)] = Int32(texts.count)
                    texts.append(text)
                }
            }
        }
        let chosen = Array(texts.dropFirst(corpus.count))
        let space = Space(
            anchors: UnitRows(try embed(anchors, .query), workers: workers).output,
            anchorPlaces: places,
            corpus: UnitRows(try embed(corpus, .document), workers: workers).output,
            chosen: UnitRows(try embed(chosen, .document), workers: workers).output,
            texts: texts
        )

        let relevant = relevantTexts(set)
        let positiveScores = try scoresOfPositives(set, space, embed)
        for source in sources {
            let candidates: Candidates
            switch source {
            case .rows: candidates = { set.rows[$0].negatives.map { textPlaces[Int($0)] } }
            case .mined: candidates = nearest(set, space)
            case .lexical: candidates = try sharingWords(set, anchors, corpus, places)
            case .siblings: candidates = siblings(set, textPlaces)
            }
            let isLast = source == sources.last
            fill(&result, &report, set, source, isLast: isLast, candidates, space, relevant, positiveScores)
        }
        for negatives in result {
            report.negatives += negatives.texts.count
            if negatives.texts.count < perRow { report.shortRows += 1 }
        }
        return (result, report)
    }

    /// By anchor text: the positives of all rows with that anchor.
    private func relevantTexts(_ set: TrainingSet) -> [Int32: [Int32]] {
        var result: [Int32: [Int32]] = [:]
        for row in set.rows { result[row.anchor, default: []] += row.positives }
        return result
    }

    /// By row: the similarity of the anchor to its least similar positive.
    private func scoresOfPositives(
        _ set: TrainingSet,
        _ space: Space,
        _ embed: (_ texts: [Int32], _ role: Role) throws -> Matrix
    ) throws -> [Float] {
        var places = [Int32](repeating: -1, count: set.texts.count)
        var positives: [Int32] = []
        for row in set.rows {
            for positive in row.positives where places[Int(positive)] < 0 {
                places[Int(positive)] = Int32(positives.count)
                positives.append(positive)
            }
        }
        let vectors = UnitRows(try embed(positives, .document), workers: workers).output
        return set.rows.map { row in
            row.positives.reduce(Float.infinity) {
                min($0, space.anchors.dot(Int(space.anchorPlaces[Int(row.anchor)]), vectors, Int(places[Int($1)])))
            }
        }
    }

    /// The corpus nearest to each anchor under the model; the exact search, so that mining is the same every time.
    private func nearest(_ set: TrainingSet, _ space: Space) -> Candidates {
        // A row's own positives may stand among the first ranks.
        let most = (set.rows.map(\.positives.count).max() ?? 1) + 8
        let count = min(space.corpus.rows, configuration.rankTo + most)
        let found = ExactSearch.nearest(to: space.anchors, in: space.corpus, count: count, workers: workers)
        return { row in
            let first = Int(space.anchorPlaces[Int(set.rows[row].anchor)]) * count
            return Array(found.rows[first..<first + count])
        }
    }

    private func sharingWords(
        _ set: TrainingSet,
        _ anchors: [Int32],
        _ corpus: [Int32],
        _ places: [Int32]
    ) throws -> Candidates {
        let index = try LexicalIndex(corpus.map { set.texts[Int($0)] }, workers: workers)
        let found = index.nearest(
            to: anchors.map { set.texts[Int($0)] },
            count: configuration.rankTo + 8,
            workers: workers
        )
        return { row in found[Int(places[Int(set.rows[row].anchor)])].map { Int32($0.index) } }
    }

    private func siblings(_ set: TrainingSet, _ textPlaces: [Int32]) -> Candidates {
        var members: [Int32: [Int32]] = [:]
        for row in set.rows where row.group >= 0 {
            for positive in row.positives {
                let place = textPlaces[Int(positive)]
                if place >= 0, members[row.group]?.contains(place) != true {
                    members[row.group, default: []].append(place)
                }
            }
        }
        return { row in members[set.rows[row].group] ?? [] }
    }

    /// Gives rows that lack negatives the best of their candidates, on all threads.
    private func fill(
        _ result: inout [Negatives],
        _ report: inout MiningReport,
        _ set: TrainingSet,
        _ source: NegativeSource,
        isLast: Bool,
        _ candidates: Candidates,
        _ space: Space,
        _ relevant: [Int32: [Int32]],
        _ positiveScores: [Float]
    ) {
        let block = 256
        let blocks = (set.rows.count + block - 1) / block
        var reports = [MiningReport](repeating: MiningReport(), count: blocks)
        unsafe result.withUnsafeMutableBufferPointer { result in
            unsafe reports.withUnsafeMutableBufferPointer { reports in
                workers.forEach(blocks) { index in
                    for row in index * block..<min(set.rows.count, (index + 1) * block) {
                        unsafe fill(
                            &result[row],
                            &reports[index],
                            row,
                            set.rows[row],
                            source,
                            isLast: isLast,
                            candidates,
                            space,
                            relevant[set.rows[row].anchor] ?? [],
                            positiveScores[row]
                        )
                    }
                }
            }
        }
        for part in reports {
            report.shortOfCandidates += part.shortOfCandidates
            report.shortByLimits += part.shortByLimits
            report.suspectedFalseNegatives += part.suspectedFalseNegatives
        }
    }

    /// Gives one row what it lacks.
    private func fill(
        _ negatives: inout Negatives,
        _ report: inout MiningReport,
        _ index: Int,
        _ row: ContrastiveRow,
        _ source: NegativeSource,
        isLast: Bool,
        _ candidates: Candidates,
        _ space: Space,
        _ relevant: [Int32],
        _ positiveScore: Float
    ) {
        let missing = perRow - negatives.texts.count
        guard missing > 0 else { return }
        var ranked: [(text: Int32, score: Float)] = []
        for place in candidates(index) where place >= 0 {
            let text = space.texts[Int(place)]
            if text == row.anchor || relevant.contains(text) || negatives.texts.contains(text) { continue }
            ranked.append((text, space.similarity(row.anchor, Int(place))))
        }
        // Sorting by score, then text, gives every source one order.
        ranked.sort { $0.score != $1.score ? $0.score > $1.score : $0.text < $1.text }
        // Negatives that the data names are taken as they are: somebody chose them.
        let isChosen = source == .rows
        let inRange = isChosen ? ranked[...] : ranked.prefix(configuration.rankTo).dropFirst(configuration.rankFrom)
        var allowed = inRange.filter { isChosen || configuration.allows($0.score, positive: positiveScore) }
        if isLast, inRange.count < missing {
            report.shortOfCandidates += 1
        } else if isLast, allowed.count < missing {
            report.shortByLimits += 1
        }
        if !isChosen {
            report.suspectedFalseNegatives += inRange.count {
                configuration.isSuspect($0.score, positive: positiveScore)
            }
        }
        if configuration.pick == .random, !isChosen {
            var random = RandomStream(seed: seed, stream: UInt64(index))
            allowed.shuffle(using: &random)
        }
        for (text, score) in allowed.prefix(missing) {
            negatives.texts.append(text)
            negatives.scores.append(score)
        }
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
