import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct RankFusionTests {
    private func hits(_ scores: KeyValuePairs<Int64, Float>) -> [Hit] {
        scores.map { Hit(id: $0.key, score: $0.value) }
    }

    @Test func `reciprocal ranks add up`() throws {
        let (dense, lexical) = (hits([7: 0.9, 3: 0.8, 5: 0.7]), hits([5: 12, 7: 3, 9: 1]))
        let expected: [(Int64, Double)] = [
            (7, 1 / 61.0 + 1 / 62), (5, 1 / 63.0 + 1 / 61), (3, 1 / 62.0), (9, 1 / 63.0),
        ]
        let found = try RankFusion().fuse([dense, lexical])
        #expect(found == expected.map { Hit(id: $0.0, score: Float($0.1)) })
        #expect(try RankFusion().fuse([dense, lexical], count: 2) == Array(found.prefix(2)))
        let weighted = try RankFusion(.reciprocalRank, weights: [1, 3]).fuse([dense, lexical])
        #expect(weighted.map(\.id) == [5, 7, 9, 3])
        #expect(weighted[0].score == Float(1 / 63.0 + 3 / 61.0))
        #expect(weighted != found)
    }

    @Test func `scores are scaled to one in each list`() throws {
        let (dense, lexical) = (hits([7: 0.9, 3: 0.8, 5: 0.7]), hits([5: 12, 7: 2, 9: 2]))
        let found = try RankFusion(.weightedSum, weights: [2, 1]).fuse([dense, lexical])
        #expect(found.map(\.id) == [7, 3, 5, 9])
        for (hit, score) in zip(found, [2, 1, 1, 0]) { #expect(abs(hit.score - Float(score)) < 1e-5) }
        #expect(try RankFusion(.weightedSum).fuse([hits([4: 3, 2: 3])]) == hits([2: 1, 4: 1]))
        #expect(try RankFusion(.weightedSum).fuse([hits([4: 3])]) == hits([4: 1]))
    }

    @Test func `the scale of a list's scores makes no difference`() throws {
        var random = RandomStream(seed: 3)
        for method in RankFusion.Method.allCases {
            let lists = (0..<3).map { _ in
                (0..<50).map { _ in
                    Hit(id: .random(in: 0..<60, using: &random), score: .random(in: 0..<1, using: &random))
                }
                .sorted { $0.score > $1.score }
            }
            let scaled = lists.map { $0.map { Hit(id: $0.id, score: $0.score * 1024) } }
            let found = try RankFusion(method).fuse(lists)
            #expect(try RankFusion(method).fuse(scaled) == found)
            #expect(found == found.sorted { ($1.score, $0.id) < ($0.score, $1.id) })
            #expect(Set(found.map(\.id)).count == found.count)
            #expect(Set(found.map(\.id)) == Set(lists.joined().map(\.id)))
        }
    }

    @Test func `odd lists are taken as they come`() throws {
        for method in RankFusion.Method.allCases {
            #expect(try RankFusion(method).fuse([]) == [])
            #expect(try RankFusion(method).fuse([[], []]) == [])
            #expect(try RankFusion(method).fuse([hits([1: 1])], count: -3) == [])
        }
        // Twice in a list counts once.
        #expect(try RankFusion().fuse([hits([1: 9, 1: 8, 2: 7])]) == hits([1: 1 / 61, 2: 1 / 62]))
        let odd = hits([1: .infinity, 2: 5, 3: .nan, 4: -.infinity])
        #expect(try RankFusion(.weightedSum).fuse([odd]) == hits([1: 1, 2: 0, 3: 0, 4: 0]))
        #expect(try RankFusion(.weightedSum).fuse([hits([1: .nan])]) == hits([1: 1]))
    }

    @Test(arguments: [[1, .nan], [1, -1], [1], [1, 1, 1], [1, .infinity]] as [[Double]])
    func `weights that are none are refused`(weights: [Double]) {
        let error = #expect(throws: RetrievalError.self) {
            try RankFusion(.weightedSum, weights: weights).fuse([[], []])
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `a k that is none is refused`() {
        for k in [-1, .nan, .infinity] {
            var fusion = RankFusion()
            fusion.k = k
            #expect(throws: RetrievalError.self) { try fusion.fuse([]) }
        }
    }
}

@Suite struct MaximalMarginalRelevanceTests {
    /// The definition, in double precision.
    private func reference(_ count: Int, _ scores: [Float], _ vectors: Matrix, _ lambda: Double) -> [Int] {
        var picked: [Int] = []
        while picked.count < min(count, scores.count) {
            var best: (place: Int, value: Double)?
            for place in scores.indices where !picked.contains(place) {
                let nearest = picked.map { other in
                    zip(vectors[row: place], vectors[row: other]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                }
                let value =
                    nearest.max().map { lambda * Double(scores[place]) - (1 - lambda) * $0 } ?? Double(scores[place])
                if value > best?.value ?? -.infinity { best = (place, value) }
            }
            guard let best else { break }
            picked.append(best.place)
        }
        return picked
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `what is picked is what the definition picks`(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let (n, d) = (Int.random(in: 0..<40, using: &random), Int.random(in: 1..<70, using: &random))
        let vectors = random.normal(rows: n, columns: d, deviation: 0.3)
        let scores = (0..<n).map { _ in Float.random(in: -1..<1, using: &random) }
        let lambda = [0, 0.3, 0.5, 0.9, 1][Int(seed % 5)]
        let count = Int.random(in: 0..<50, using: &random)
        let found = try MaximalMarginalRelevance(lambda: lambda).pick(count, scores: scores, vectors: vectors)
        #expect(found == reference(count, scores, vectors, lambda))
        #expect(Set(found).count == min(count, n))
        if lambda == 1 { #expect(found == Array(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(count))) }
    }

    @Test func `a copy of what is picked comes last`() throws {
        let vectors = Matrix(rows: 4, columns: 2, elements: [1, 0, 1, 0, 0, 1, 0.8, 0.6])
        let scores: [Float] = [0.9, 0.9, 0.5, 0.75]
        #expect(try MaximalMarginalRelevance().pick(4, scores: scores, vectors: vectors) == [0, 2, 3, 1])
        #expect(try MaximalMarginalRelevance(lambda: 1).pick(4, scores: scores, vectors: vectors) == [0, 1, 3, 2])
        #expect(try MaximalMarginalRelevance(lambda: 0.9).pick(2, scores: scores, vectors: vectors) == [0, 1])
    }

    @Test func `odd numbers are taken as they come, bad arguments refused`() throws {
        let vectors = Matrix(rows: 3, columns: 1, elements: [.nan, 1, 1])
        let found = try MaximalMarginalRelevance().pick(9, scores: [.nan, 0, .nan], vectors: vectors)
        #expect(found[0] == 1 && Set(found) == [0, 1, 2])
        for lambda in [-0.1, 1.1, .nan] {
            #expect(throws: RetrievalError.self) {
                try MaximalMarginalRelevance(lambda: lambda).pick(1, scores: [0, 0, 0], vectors: vectors)
            }
        }
        #expect(throws: RetrievalError.self) { try MaximalMarginalRelevance().pick(1, scores: [0], vectors: vectors) }
        #expect(try MaximalMarginalRelevance().pick(-1, scores: [0, 0, 0], vectors: vectors) == [])
    }
}
