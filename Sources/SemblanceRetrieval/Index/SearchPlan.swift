internal import CSemblanceFAISS

/// How a search goes through an index: what ``VectorIndex/explain(count:effort:where:)`` shows.
public struct SearchPlan: Hashable, Sendable, Codable, CustomStringConvertible {
    /// How the vectors of one part are gone through.
    public enum Strategy: Hashable, Sendable, Codable {
        /// None may be found.
        case nothing
        /// Every vector is compared.
        case all
        /// Only those that may be found are compared, one by one.
        case allowed
        /// A walk, or the probing of lists, with so much effort.
        case structure(effort: Int)
        /// Codes are scanned, and so many vectors compared again.
        case codes(candidates: Int)
    }

    /// One part of the index.
    public struct Step: Hashable, Sendable, Codable {
        /// What it is: `tail`, `exact`, `graph`, `lists` or `codes`.
        public var structure: String
        /// How many vectors it has, removed ones too.
        public var vectors: Int
        /// How many of them may be found.
        public var allowed: Int
        /// How it is gone through.
        public var strategy: Strategy
        /// Vectors that will be compared, as far as can be told before.
        public var estimatedComparisons: Int
    }

    /// The parts, in the order of the index.
    public var steps: [Step] = []

    /// A line for each part.
    public var description: String {
        steps.map { step in
            let how =
                switch step.strategy {
                case .nothing: "nothing to find"
                case .all: "compares all"
                case .allowed: "compares the \(step.allowed) allowed ones"
                case .structure(let effort): "effort \(effort)"
                case .codes(let candidates): "scans codes, compares \(candidates) vectors"
                }
            return "\(step.structure) of \(step.vectors), \(step.allowed) allowed: \(how), "
                + "about \(step.estimatedComparisons) comparisons"
        }.joined(separator: "\n")
    }
}

extension SearchPlan.Step {
    // Measured on 100,000 vectors of 384 components: walks of effort 16 to 64 among 50 to 10 % of them, and the comparison
    // of 500 to 20,000 of them one by one, which takes 37 ns each.

    /// Vectors that a walk meets for each unit of its effort.
    private static let comparisonsPerEffort = 16.0
    /// A vector met on a walk costs as much as so many that are known before: 60 ns.
    private static let costOfMeeting = 1.6
    /// A vector read where it happens to lie costs as much as so many read one after the other.
    private static let scatter = 2

    /// Candidates that a walk through one graph of several keeps beside its share of the effort: with too few it would
    /// often end before it is where the nearest are.
    private static let leastCandidates = 8

    /// The plan for one part: by the number of vectors that may be found.
    ///
    /// - Parameters:
    ///   - allowed: how many of its vectors may be found.
    ///   - all: how many of all parts'.
    init(_ part: Part, allowed: Int, of all: Int, count: Int, effort: Int?, kind: IndexKind) {
        vectors = part.live.slots
        self.allowed = allowed
        structure = part.structure
        (strategy, estimatedComparisons) = (.nothing, 0)
        if allowed > 0 { choose(part, of: all, count: count, effort: effort, kind: kind) }
    }

    private mutating func choose(_ part: Part, of all: Int, count: Int, effort: Int?, kind: IndexKind) {
        guard case .sealed(let segment, _) = part.rows, segment.structure != SEMBLANCE_INDEX_EXACT else {
            if allowed * Self.scatter < vectors { return compareAllowed() }
            (strategy, estimatedComparisons) = (.all, vectors)
            return
        }
        // Where only codes are left there is nothing to compare one by one.
        let hasVectors = unsafe segment.rows.base != nil || segment.rows.index != nil
        let share = Double(allowed) / Double(vectors)
        let usual = max(1, effort ?? segment.usualEffort)
        switch segment.structure {
        case SEMBLANCE_INDEX_HNSW:
            // The walk itself goes on until so many allowed ones are found. Of the nearest of all, a part is likely to
            // have its share.
            let own = Int((Double(usual) * Double(allowed) / Double(all)).rounded(.up)) + Self.leastCandidates
            let candidates = max(min(usual, own), count)
            let comparisons = min(Double(vectors), Double(candidates) / share * Self.comparisonsPerEffort)
            if hasVectors, Double(allowed) <= comparisons * Self.costOfMeeting { return compareAllowed() }
            (strategy, estimatedComparisons) = (.structure(effort: candidates), Int(comparisons))
        case SEMBLANCE_INDEX_IVF:
            let scaled = min(segment.lists, Int((Double(usual) / share).rounded(.up)))
            let comparisons = vectors * scaled / max(segment.lists, 1)
            if hasVectors, allowed * Self.scatter <= comparisons { return compareAllowed() }
            (strategy, estimatedComparisons) = (.structure(effort: scaled), comparisons)
        default:
            let candidates = min(allowed, min(count, vectors) * kind.oversampling(in: segment))
            if hasVectors, allowed <= max(1024, candidates) { return compareAllowed() }
            (strategy, estimatedComparisons) = (.codes(candidates: candidates), candidates)
        }
    }

    private mutating func compareAllowed() { (strategy, estimatedComparisons) = (.allowed, allowed) }
}

extension Part {
    fileprivate var structure: String {
        guard case .sealed(let segment, _) = rows else { return "tail" }
        return switch segment.structure {
        case SEMBLANCE_INDEX_EXACT: "exact"
        case SEMBLANCE_INDEX_HNSW: "graph"
        case SEMBLANCE_INDEX_IVF: "lists"
        default: "codes"
        }
    }
}
