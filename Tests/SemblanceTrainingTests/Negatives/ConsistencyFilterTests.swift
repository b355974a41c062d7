import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceTraining
import Testing

@Suite struct ConsistencyFilterTests {
    let toy: ToyModel

    init() throws { toy = try ToyModel() }

    /// A model that has learned the toy's dictionary.
    func learned() async throws -> Embedder {
        let start = try toy.embedder(dimension: 32)
        return try await fit(toy.pairs(480), from: start, TrainingConfiguration(epochs: 20, batchSize: 48)).embedder
    }

    @Test func `exactly the planted wrong pairs are dropped`() async throws {
        let model = try await learned()
        // Each subject twice at most, so that every positive is the best of its anchor.
        var pairs = (0..<12).map { index in
            TrainingPair(
                anchor: "\(ToyModel.words[2 * index]) \(ToyModel.words[2 * index + 1]) q\(index)",
                positive: "\(ToyModel.words[24 + 2 * index]) \(ToyModel.words[25 + 2 * index]) d\(index)"
            )
        }
        let (all, clean) = try await ConsistencyFilter(top: 1).consistent(pairs, under: model)
        #expect(all == pairs && clean.droppedRows == 0 && clean.droppedPositives == 0)
        let wrong: Set<Int> = [2, 5, 9]
        for index in wrong { pairs[index].positives = [pairs[(index + 1) % 12].positives[0]] }
        let corpus = (0..<12).map { "\(ToyModel.words[24 + 2 * $0]) \(ToyModel.words[25 + 2 * $0]) d\($0)" }
        let (kept, found) = try await ConsistencyFilter(top: 1).consistent(pairs, under: model, corpus: corpus)
        #expect(kept == pairs.indices.filter { !wrong.contains($0) }.map { pairs[$0] })
        #expect(found.rows == 12 && found.droppedRows == 3)
        #expect(found.positives == 12 && found.droppedPositives == 3)
        // A model that knows nothing drops others.
        let other = try await ConsistencyFilter(top: 1).consistent(pairs, under: toy.embedder(), corpus: corpus).pairs
        #expect(other != kept)
    }

    @Test(arguments: [1, 2, 5, 1000])
    func `a positive stays where fewer than so many texts are nearer`(top: Int) async throws {
        let embedder = try toy.embedder()
        var pairs = toy.pairs(60)
        for index in stride(from: 0, to: 60, by: 4) {
            pairs[index].positives.append(pairs[(index + 7) % 60].positives[0])
            pairs[index].positiveScores = [0.25, 0.75]
            pairs[index + 1].anchor = pairs[index].anchor
        }
        let corpus = ToyModel.words.map { $0 + " alone" }
        let texts = Array(Set(corpus + pairs.flatMap(\.positives)))
        let x = DoubleMatrix(try await embedder.embed(pairs.map(\.anchor), as: .query)).unitRows
        let y = DoubleMatrix(try await embedder.embed(texts, as: .document)).unitRows
        let expected = pairs.enumerated().compactMap { row, pair -> TrainingPair? in
            let known = Set(pairs.filter { $0.anchor == pair.anchor }.flatMap(\.positives))
            func score(_ text: Int) -> Double { dot(x[row: row], y[row: text]) }
            var pair = pair
            let isKept = pair.positives.map { positive in
                let own = score(texts.firstIndex(of: positive) ?? 0)
                return texts.indices.count { !known.contains(texts[$0]) && score($0) > own } < top
            }
            pair.positives = pair.positives.indices.filter { isKept[$0] }.map { pair.positives[$0] }
            pair.positiveScores = pair.positiveScores.map { scores in
                scores.indices.filter { isKept[$0] }.map { scores[$0] }
            }
            return pair.positives.isEmpty ? nil : pair
        }
        let filter = try ConsistencyFilter(top: top)
        let (kept, report) = try await filter.consistent(pairs, under: embedder, corpus: corpus)
        #expect(kept == expected)
        #expect(report.rows == 60 && report.droppedRows == 60 - kept.count && report.positives == 75)
        #expect(report.droppedPositives == 75 - kept.reduce(0) { $0 + $1.positives.count })
        if top == 1000 { #expect(kept == pairs) }
        for threads in [1, 3] {
            let again = try ConsistencyFilter(top: top, compute: ComputeOptions(threads: threads))
            #expect(try await again.consistent(pairs, under: embedder, corpus: corpus).pairs == kept)
        }
    }

    @Test func `a rank below the first is an error`() {
        let error = #expect(throws: TrainingError.self) { try ConsistencyFilter(top: 0) }
        #expect(error?.message.contains("0") == true)
    }
}
