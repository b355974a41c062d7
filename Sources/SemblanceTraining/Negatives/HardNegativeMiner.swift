// Candidates from a source, scored by the model, filtered, picked.

internal import Foundation
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
    /// Of those: rows whose sources had too few candidates in the rank range.
    public var shortOfCandidates = 0
    /// Of those: rows that lost candidates to a limit on scores.
    public var shortByLimits = 0
    /// Candidates left out because they are too close to the positive to be trusted as negatives.
    public var suspectedFalseNegatives = 0
    /// The share of hard negatives, where the pick is balanced.
    public var competence: Double?
}

/// Chooses hard negatives for training pairs with a model as it stands.
///
/// Sources are tried in turn until a row has enough, or mixed (``MiningConfiguration/mixture``). `Embedder.fit` mines by
/// itself where the configuration says so; use a miner to look at the negatives, or to keep them with the data.
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
    ///   - guides: models that the source `guided` asks, beside those the configuration names.
    /// - Throws: ``TrainingError`` for pairs that can't be used; `CancellationError`.
    /// - Complexity: one exact search of the corpus for each distinct anchor.
    public func negatives(
        for pairs: [TrainingPair],
        with embedder: Embedder,
        from sources: [NegativeSource] = [.mined],
        corpus: [String] = [],
        guides: [Embedder] = []
    ) async throws -> (pairs: [TrainingPair], report: MiningReport) {
        try await workers.run { cancellation in
            let set = try TrainingSet(pairs, corpus: corpus)
            let guides = try guides + configuration.guides.map { try Embedder(contentsOf: URL(filePath: $0)) }
            try configuration.require(guides: guides.count, for: sources)
            let layout = MiningLayout(set, corpus: set.miningCorpus, takesNamed: sources.contains(.rows))
            func space(_ embedder: Embedder) throws -> MiningSpace {
                let model = FrozenModel(embedder)
                return try MiningSpace(set, layout, under: model, workers: workers, cancellation: cancellation)
            }
            let (negatives, report) = try mine(
                set,
                layout,
                sources: sources,
                space: space(embedder),
                guides: guides.map(space)
            )
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

    /// Negatives for every row.
    ///
    /// - Parameters:
    ///   - space: the texts under the model as it stands.
    ///   - guides: the same under each guide.
    func mine(
        _ set: TrainingSet,
        _ layout: MiningLayout,
        sources: [NegativeSource],
        space: MiningSpace,
        guides: [MiningSpace] = []
    ) throws -> (negatives: [Negatives], report: MiningReport) {
        let candidates = try NegativeCandidates(
            set,
            layout,
            sources: sources,
            ranks: configuration.rankTo,
            isBalanced: configuration.pick == .balanced,
            seed: seed,
            space: space,
            guides: guides,
            workers: workers
        )
        var report = MiningReport()
        report.rows = set.rows.count
        if configuration.pick == .balanced {
            report.competence = configuration.competence ?? candidates.competence
        }
        let choice = NegativeChoice(
            configuration,
            perRow: perRow,
            seed: seed,
            competence: report.competence ?? 1,
            candidates: candidates
        )
        let block = 256
        let blocks = (set.rows.count + block - 1) / block
        var result = [Negatives](repeating: Negatives(), count: set.rows.count)
        var reports = [MiningReport](repeating: MiningReport(), count: blocks)
        unsafe result.withUnsafeMutableBufferPointer { result in
            unsafe reports.withUnsafeMutableBufferPointer { reports in
                workers.forEach(blocks) { index in
                    for row in index * block..<min(set.rows.count, (index + 1) * block) {
                        unsafe result[row] = choice.negatives(of: row, &reports[index])
                    }
                }
            }
        }
        for part in reports {
            report.shortOfCandidates += part.shortOfCandidates
            report.shortByLimits += part.shortByLimits
            report.suspectedFalseNegatives += part.suspectedFalseNegatives
        }
        for negatives in result {
            report.negatives += negatives.texts.count
            if negatives.texts.count < perRow { report.shortRows += 1 }
        }
        return (result, report)
    }
}

extension MiningConfiguration {
    /// Throws where the sources ask guides that there are none of, or leave those out that there are.
    func require(guides count: Int, for sources: [NegativeSource]) throws {
        try TrainingError.require(
            sources.contains(.guided) == (count > 0),
            count > 0
                ? "there are guides, but no negatives are taken from them: name guided among the negatives"
                : "negatives are to come from guides, but there are none: name model folders in mining.guides"
        )
    }
}
