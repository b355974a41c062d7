// Training pairs with their texts as numbers, so that a step compares and gathers integers.

internal import SemblanceText

/// Training pairs, each distinct text held once.
struct TrainingSet: Sendable {
    /// Distinct anchors and distinct documents share one numbering.
    let texts: [String]
    /// A row's texts by number.
    let rows: [ContrastiveBatch.Row]
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
        var rows: [ContrastiveBatch.Row] = []
        rows.reserveCapacity(pairs.count)
        var (hasNegatives, hasGroups) = (false, false)
        for (index, pair) in pairs.enumerated() {
            guard !pair.positives.isEmpty else {
                throw TrainingError(
                    code: .invalidData,
                    message: "training pair \(index + 1) (anchor \(pair.anchor.prefix(60).debugDescription)) "
                        + "has no positive: give it one or leave it out"
                )
            }
            var row = ContrastiveBatch.Row(anchor: interner.intern(pair.anchor), positives: [], group: -1)
            for positive in pair.positives {
                let number = interner.intern(positive)
                if !row.positives.contains(number) { row.positives.append(number) }
            }
            for negative in pair.negatives {
                let number = interner.intern(negative)
                if !row.positives.contains(number) { row.negatives.append(number) }
            }
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

    /// What negatives are chosen from: the corpus, or where none was given the positives; each text once.
    var miningCorpus: [Int32] {
        var seen = [Bool](repeating: false, count: texts.count)
        return (corpus.isEmpty ? rows.flatMap(\.positives) : corpus).filter { text in
            defer { seen[Int(text)] = true }
            return !seen[Int(text)]
        }
    }
}
