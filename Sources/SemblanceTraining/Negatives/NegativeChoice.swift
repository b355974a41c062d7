internal import SemblanceNumerics

/// Chooses a row's negatives among what the sources offer: rank range, limits, pick, mixture.
struct NegativeChoice {
    private let configuration: MiningConfiguration
    private let perRow: Int
    private let seed: UInt64
    /// The share of hard negatives, where the pick is balanced.
    private let competence: Double
    private let candidates: NegativeCandidates

    init(
        _ configuration: MiningConfiguration,
        perRow: Int,
        seed: UInt64,
        competence: Double,
        candidates: NegativeCandidates
    ) {
        self.configuration = configuration
        self.perRow = perRow
        self.seed = seed
        self.competence = competence
        self.candidates = candidates
    }

    /// The negatives of a row; what happened on the way is added to `report`.
    func negatives(of row: Int, _ report: inout MiningReport) -> HardNegativeMiner.Negatives {
        var taken = Taken()
        var random = RandomStream(seed: seed, stream: 1 << 41 | UInt64(row))
        var wanted = perRow
        if configuration.pick == .balanced {
            // Rounded at random, so that over all rows the share is the competence.
            wanted = Int(Double(perRow) * competence + Double.random(in: 0..<1, using: &random))
        }
        var inRange = Set<Int32>()
        switch configuration.mixture {
        case .inTurn:
            for source in candidates.sources where taken.count < wanted {
                taken.take(from: offered(source, row, &inRange, &report)[...], until: wanted)
            }
        case .even:
            var queues = candidates.sources.map { offered($0, row, &inRange, &report)[...] }
            while taken.count < wanted, queues.contains(where: { !$0.isEmpty }) {
                for index in queues.indices {
                    queues[index] = taken.take(from: queues[index], until: min(taken.count + 1, wanted))
                }
            }
        }
        if configuration.pick == .balanced {
            // As many draws again as there are negatives, should some fall on one text.
            for _ in 0..<2 * perRow where taken.count < perRow {
                guard let soft = candidates.soft(row: row, &random) else { break }
                taken.take(soft)
            }
        }
        if taken.count < perRow {
            if inRange.count < perRow { report.shortOfCandidates += 1 } else { report.shortByLimits += 1 }
        }
        return taken.negatives
    }

    /// What a source offers within the rank range and the limits, in the order of the pick.
    private func offered(
        _ source: NegativeCandidates.Source,
        _ row: Int,
        _ inRange: inout Set<Int32>,
        _ report: inout MiningReport
    ) -> [NegativeCandidates.Candidate] {
        let ranked = candidates.ranked(source, row: row)
        // Negatives that the data names are taken as they are: somebody chose them.
        if source.kind == .rows {
            inRange.formUnion(ranked.map(\.text))
            return ranked
        }
        let positive = source.space.positiveScores[row]
        // Random documents have no rank.
        let considered =
            source.kind == .random
            ? ranked[...] : ranked.prefix(configuration.rankTo).dropFirst(configuration.rankFrom)
        inRange.formUnion(considered.map(\.text))
        report.suspectedFalseNegatives += considered.count { configuration.isSuspect($0.score, positive: positive) }
        var allowed = considered.filter { configuration.allows($0.score, positive: positive) }
        var random = RandomStream(seed: seed, stream: UInt64(row))
        switch configuration.pick {
        case .top, .balanced: break
        case .random: allowed.shuffle(using: &random)
        case .topAndRandom: allowed[min(1, allowed.count)...].shuffle(using: &random)
        }
        return allowed
    }

    /// Negatives taken so far, each text once.
    private struct Taken {
        private(set) var negatives = HardNegativeMiner.Negatives()
        var count: Int { negatives.texts.count }

        /// Takes a candidate whose text is not there yet.
        mutating func take(_ candidate: NegativeCandidates.Candidate) {
            guard !negatives.texts.contains(candidate.text) else { return }
            negatives.texts.append(candidate.text)
            negatives.scores.append(candidate.score)
        }

        /// Takes candidates until there are `limit`; the rest comes back.
        @discardableResult
        mutating func take(
            from queue: ArraySlice<NegativeCandidates.Candidate>,
            until limit: Int
        ) -> ArraySlice<NegativeCandidates.Candidate> {
            var queue = queue
            while count < limit, let next = queue.popFirst() { take(next) }
            return queue
        }
    }
}
