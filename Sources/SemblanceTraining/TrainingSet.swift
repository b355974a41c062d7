// Training pairs with their texts as numbers, so that a step compares and gathers integers.

internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceText

/// Training pairs, each distinct text held once.
struct TrainingSet: Sendable {
    /// Distinct anchors and distinct documents share one numbering.
    let texts: [String]
    /// A row's texts by number.
    let rows: [ContrastiveRow]
    /// Whether any row came with negatives of its own, and with a group.
    let hasNegatives: Bool
    let hasGroups: Bool
    /// The groups by number.
    let groups: [String]
    /// Further texts that negatives may be mined from, by number; empty where the positives are the corpus.
    let corpus: [Int32]

    /// Numbers the texts of `pairs`.
    ///
    /// A negative that equals one of its row's positives contradicts it and is left out.
    ///
    /// - Throws: ``TrainingError`` where there is no pair, or a pair without a positive.
    init(_ pairs: [TrainingPair], corpus: [String] = []) throws {
        guard !pairs.isEmpty else {
            throw TrainingError(code: .invalidData, message: "there are no training pairs: at least 1 is needed")
        }
        let interner = TextInterner()
        let groups = TextInterner()
        let tasks = TextInterner()
        var rows: [ContrastiveRow] = []
        rows.reserveCapacity(pairs.count)
        var (hasNegatives, hasGroups) = (false, false)
        for (index, pair) in pairs.enumerated() {
            guard !pair.positives.isEmpty else {
                throw TrainingError.pair(index, anchor: pair.anchor, " has no positive: give it one or leave it out")
            }
            var row = ContrastiveRow(anchor: interner.intern(pair.anchor), positives: [], group: -1)
            let scores = try Scores(pair, at: index)
            for (place, positive) in pair.positives.enumerated() {
                let number = interner.intern(positive)
                if row.positives.contains(number) { continue }
                row.positives.append(number)
                if let scores = scores.positives { row.positiveScores.append(scores[place]) }
            }
            for (place, negative) in pair.negatives.enumerated() {
                let number = interner.intern(negative)
                if row.positives.contains(number) { continue }
                row.negatives.append(number)
                if let scores = scores.negatives { row.negativeScores.append(scores[place]) }
            }
            row.score = pair.score ?? .nan
            row.weight = pair.weight ?? 1
            row.task = pair.task.map { tasks.intern($0) } ?? -1
            if let group = pair.group {
                row.group = groups.intern(group)
                hasGroups = true
            }
            if !row.negatives.isEmpty { hasNegatives = true }
            rows.append(row)
        }
        var corpusNumbers: [Int32] = []
        corpusNumbers.reserveCapacity(corpus.count)
        for text in corpus { corpusNumbers.append(interner.intern(text)) }
        self.corpus = corpusNumbers
        texts = interner.texts
        self.groups = groups.texts
        self.rows = rows
        self.hasNegatives = hasNegatives
        self.hasGroups = hasGroups
    }

    /// The tokens of the texts in one role: the anchors, or all others.
    func tokens(of role: Role, by embedder: Embedder, workers: Workers) -> TokenStore {
        let used =
            switch role {
            case .query: rows.map(\.anchor)
            case .document: rows.flatMap { $0.positives + $0.negatives } + corpus
            }
        return TokenStore(texts, used: used, embedder: embedder, role: role, workers: workers)
    }

    /// What negatives are chosen from: the corpus, or where none was given the positives; each text once.
    var miningCorpus: [Int32] {
        var seen = [Bool](repeating: false, count: texts.count)
        return (corpus.isEmpty ? rows.flatMap(\.positives) : corpus).filter { text in
            defer { seen[Int(text)] = true }
            return !seen[Int(text)]
        }
    }
}

/// A pair's scores, checked.
private struct Scores {
    let positives: [Float]?
    let negatives: [Float]?

    init(_ pair: TrainingPair, at index: Int) throws {
        func check(_ name: String, _ values: [Float]?, count: Int?) throws {
            guard let values else { return }
            if let count, values.count != count {
                throw TrainingError.pair(
                    index,
                    anchor: pair.anchor,
                    " has \(values.count) \(name) for \(count) texts: give each one, or none"
                )
            }
            if let wrong = values.first(where: { !$0.isFinite }) {
                throw TrainingError.pair(index, anchor: pair.anchor, ": \(name) is \(wrong), not a number")
            }
        }
        try check("positive_scores", pair.positiveScores, count: pair.positives.count)
        try check("negative_scores", pair.negativeScores, count: pair.negatives.count)
        try check("score", pair.score.map { [$0] }, count: nil)
        try check("weight", pair.weight.map { [$0] }, count: nil)
        if let weight = pair.weight, weight < 0 {
            throw TrainingError(
                code: .invalidData,
                message: "training pair \(index + 1) has the weight \(weight): it must be at least 0"
            )
        }
        positives = pair.positiveScores
        negatives = pair.negativeScores
    }
}
