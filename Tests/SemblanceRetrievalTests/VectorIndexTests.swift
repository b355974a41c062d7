import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

/// Kinds of every sort that FAISS makes, for 16 dimensions.
private let kinds = [
    "automatic", "exact", "hnsw", "hnsw:links=4,build-effort=10", "ivf", "ivf:lists=8,probes=2", "SQ8", "SQfp16",
    "PQ4x4", "PQ8", "LSH", "HNSW8,SQ8", "HNSW8,PQ4", "IVF8,Flat", "IVF8,SQ8", "IVF8,PQ8x4", "OPQ4,IVF4,PQ4x4",
    "PCA8,Flat", "PCA8,IVF4,Flat", "IVF8,PQ4x4,RFlat", "IVF8_HNSW4,Flat", "NSG8,Flat", "PQ4x4fs", "IVF4,PQ4x4fs",
    "int8", "int4:oversampling=8", "binary", "product:bytes=8",
]

@Suite struct VectorIndexTests {
    @Test(arguments: Metric.allCases, 0..<4 as Range<UInt64>)
    func `an exact search agrees with sorting all scores`(metric: Metric, seed: UInt64) async throws {
        var stream = RandomStream(seed: seed)
        let dimension = [1, 7, 33, 130][Int(seed)]
        let count = 1 + Int(stream.next() % 700)
        let vectors = stream.normal(rows: count, columns: dimension)
        let ids = (0..<count).map { Int64($0) * 7 - 100 }
        let index = try VectorIndex(dimension: dimension, metric: metric, kind: .exact)
        try await index.add(vectors, ids: ids)
        let queries = stream.normal(rows: 33, columns: dimension)
        let batch = try await index.nearest(to: queries, count: 20)
        for row in 0..<queries.rows {
            let expected = sortedScores(metric, queries[row: row], vectors, ids).prefix(20)
            let found = try index.nearest(to: queries[row: row], count: 20)
            #expect(found == batch[row])
            #expect(found.count == min(20, count))
            for (hit, truth) in zip(found, expected) {
                #expect(abs(Double(hit.score) - truth.score) <= 1e-5 * max(1, abs(truth.score)))
                // Two scores that round to one may change places.
                let same = reference(metric, queries[row: row], vectors[row: Int(hit.id + 100) / 7])
                #expect(abs(same - truth.score) <= 1e-5 * max(1, abs(truth.score)))
            }
        }
    }

    /// Few different vectors, far from the origin: products round more than the scores differ, and ids must decide.
    @Test(arguments: Metric.allCases, [1, 3, 40])
    func `equal scores come by id, alone and in batches`(metric: Metric, different: Int) async throws {
        var stream = RandomStream(seed: UInt64(different))
        var few = stream.normal(rows: different, columns: 24, deviation: 1e-3)
        for row in 0..<different { few[row, 0] += 50 }
        let count = 1500
        let vectors = Matrix(
            rows: count,
            columns: 24,
            elements: (0..<count).flatMap { few[row: $0 * $0 % different] }
        )
        let ids = stream.permutation(of: count).map { Int64($0) }
        let index = try VectorIndex(dimension: 24, metric: metric, kind: .exact)
        try await index.add(vectors, ids: ids)
        let queries = Matrix(rows: 40, columns: 24, elements: (0..<40).flatMap { few[row: $0 % different] })
        for wanted in [1, 10, 100, count] {
            let batch = try await index.nearest(to: queries, count: wanted)
            for row in 0..<queries.rows {
                let alone = try index.nearest(to: queries[row: row], count: wanted)
                #expect(alone == batch[row])
                #expect(alone.count == wanted)
                #expect(zip(alone, alone.dropFirst()).allSatisfy { ($0.score, $1.id) > ($1.score, $0.id) })
            }
        }
        if metric == .l2 { #expect(try index.nearest(to: few[row: 0], count: 1)[0].score == 0) }
    }

    @Test(arguments: kinds)
    func `every kind gives as many hits as there are, best first, and finds most of the nearest`(
        kind: String
    ) async throws {
        let vectors = clustered(600, 16, clusters: 20, seed: 5)
        let ids = (0..<600).map { Int64($0) * 5 + (1 << 41) }
        let metric = ["LSH", "HNSW8,PQ4"].contains(kind) ? Metric.l2 : .cosine  // FAISS has these for L2 alone
        let index = try VectorIndex(dimension: 16, metric: metric, kind: IndexKind(parsing: kind))
        #expect(try index.nearest(to: vectors[row: 0], count: 3).isEmpty)
        try await index.add(vectors, ids: ids)
        try await index.compact()
        #expect(index.count == 600)
        let queries = vectors.rows(0..<50)
        for wanted in [0, -3, 1, 10, 599, 600, 10_000] {
            let found = try await index.nearest(to: queries, count: wanted, effort: 64)
            for hits in found {
                #expect(hits.count == max(0, min(wanted, 600)))
                #expect(Set(hits.map(\.id)).count == hits.count)
                #expect(hits.allSatisfy { index.contains($0.id) })
                #expect(zip(hits, hits.dropFirst()).allSatisfy { ($0.score, $1.id) > ($1.score, $0.id) })
            }
        }
        let exact = try VectorIndex(dimension: 16, metric: metric, kind: .exact)
        try await exact.add(vectors, ids: ids)
        let truth = try await exact.nearest(to: queries, count: 10)
        let least = ["LSH": 0.2, "OPQ4,IVF4,PQ4x4": 0.3, "PCA8,Flat": 0.3, "PCA8,IVF4,Flat": 0.3][kind] ?? 0.4
        #expect(recall(try await index.nearest(to: queries, count: 10, effort: 64), truth) > least)
        #expect(index.contains(ids[7]) && !index.contains(1))
    }

    @Test func `vectors come back as they are compared`() async throws {
        let vectors = clustered(300, 16, seed: 6)
        for kind in ["exact", "hnsw", "ivf:lists=4", "SQ8"] {
            let ids = (0..<300).map { Int64($0) + 9 }
            let index = try VectorIndex(of: vectors, ids: ids, metric: .l2, kind: IndexKind(parsing: kind))
            let vector = try #require(try index.vector(of: 9 + 123))
            #expect(vector == vectors[row: 123], "\(kind)")
            #expect(index.ids == ids)
            #expect(try index.vector(of: 8) == nil)
        }
        let unit = try VectorIndex(dimension: 2)
        try await unit.add(Matrix(rows: 1, columns: 2, elements: [3, 4]), ids: [0])
        #expect(try unit.vector(of: 0) == [0.6, 0.8])
    }

    @Test func `scores are cosine, inner product and minus the squared distance`() async throws {
        for (metric, expected) in [(Metric.cosine, Float(0.96)), (.innerProduct, 24), (.l2, -2)] {
            let index = try VectorIndex(dimension: 2, metric: metric)
            try await index.add(Matrix(rows: 1, columns: 2, elements: [3, 4]), ids: [-1])
            let hit = try index.nearest(to: [4, 3], count: 1)[0]
            #expect(abs(hit.score - expected) < 1e-6 && hit.id == -1)
        }
    }

    @Test func `a vector of zeros has cosine 0 with everything`() async throws {
        for kind in [IndexKind.exact, .hnsw] {
            let vectors = Matrix(rows: 3, columns: 3, elements: [0, 0, 0, 1, 2, 3, -1, -2, -3])
            let index = try VectorIndex(of: vectors, ids: [5, 6, 7], kind: kind)
            let hits = try index.nearest(to: [1, 2, 3], count: 3)
            #expect(hits.map(\.id) == [6, 5, 7] && hits[1].score == 0)
            #expect(try index.nearest(to: [0, 0, 0], count: 3) == [5, 6, 7].map { Hit(id: $0, score: 0) })
        }
    }

    @Test func `what can't be used is refused with the row that is wrong, and nothing is added`() async throws {
        let index = try VectorIndex(dimension: 4, metric: .l2)
        try await index.add(Matrix(rows: 2, columns: 4, repeating: 1), ids: [1, 2])
        func refusal(_ vectors: Matrix, _ ids: [Int64]) async -> RetrievalError? {
            do {
                try await index.add(vectors, ids: ids)
                return nil
            } catch {
                return error as? RetrievalError
            }
        }
        for bad in [Float.nan, .infinity, -.infinity, 1e30] {
            var vectors = Matrix(rows: 3, columns: 4, repeating: 0.5)
            vectors[2, 1] = bad
            let error = await refusal(vectors, [3, 4, 5])
            #expect(error?.code == .unusableVector && error?.message.contains("vector 2") == true)
            #expect(throws: RetrievalError.self) { try index.nearest(to: vectors[row: 2], count: 1) }
        }
        let fine = Matrix(rows: 3, columns: 4, repeating: 2)
        #expect(await refusal(Matrix(rows: 3, columns: 5, repeating: 2), [3, 4, 5])?.code == .dimensionMismatch)
        #expect(await refusal(fine, [3, 4])?.code == .invalidArgument)
        for (ids, twice) in [([3, 2, 4] as [Int64], "2"), ([7, 8, 7], "7")] {
            let error = await refusal(fine, ids)
            #expect(error?.code == .duplicateID && error?.message.contains("id \(twice) ") == true)
        }
        #expect(throws: RetrievalError.self) { try index.nearest(to: [1], count: 1) }
        #expect(index.count == 2 && !index.contains(3) && !index.contains(7))
        // The negative control: it goes in when nothing is wrong.
        #expect(await refusal(fine, [3, 4, 5]) == nil)
        #expect(index.count == 5)
        #expect(await refusal(Matrix(rows: 0, columns: 4), []) == nil)
    }

    @Test func `kinds that FAISS can't make are refused with its words`() async throws {
        for kind in ["", "nonsense", "hnsw:links=1", "hnsw:speed=1", "ivf:lists=x", "IDMap,Flat", "PQ7", "IVF0,Flat"] {
            let code = try await RetrievalError.code {
                _ = try VectorIndex(dimension: 16, kind: IndexKind(parsing: kind))
            }
            #expect(code == .invalidKind, "\(kind)")
        }
        for dimension in [0, -1, 70_000] {
            #expect(throws: RetrievalError.self) { try VectorIndex(dimension: dimension) }
        }
    }

    @Test func `too few vectors to learn from are compared one by one, and learnt from when there are more`()
        async throws
    {
        for kind in ["IVF64,Flat", "ivf:lists=64", "PQ4x8", "IVF4,PQ4x8"] {
            let index = try VectorIndex(dimension: 16, kind: IndexKind(parsing: kind))
            try await index.add(clustered(20, 16, seed: 1), ids: (0..<20).map { Int64($0) })
            try await index.compact()
            #expect(index.explain(count: 10).steps.map(\.structure) == ["exact"], "\(kind)")
            #expect(try index.nearest(to: [Float](repeating: 1, count: 16), count: 30).count == 20)
            try await index.add(clustered(400, 16, seed: 2), ids: (20..<420).map { Int64($0) })
            try await index.compact()
            #expect(index.explain(count: 10).steps.map(\.structure) != ["exact"], "\(kind)")
        }
    }

    @Test func `an automatic index becomes a graph and keeps its vectors and ids`() async throws {
        let index = try VectorIndex(dimension: 8)
        let vectors = clustered(21_000, 8, seed: 8)
        for first in stride(from: 0, to: 21_000, by: 3000) {
            try await index.add(vectors.rows(first..<first + 3000), ids: (first..<first + 3000).map { Int64($0) * 3 })
        }
        #expect(index.count == 21_000 && index.kind == .automatic)
        let exact = try VectorIndex(of: vectors, ids: (0..<21_000).map { Int64($0) * 3 }, kind: .exact)
        let queries = clustered(50, 8, seed: 9)
        let truth = try await exact.nearest(to: queries, count: 10)
        #expect(try await index.nearest(to: queries, count: 10) == truth)
        try await index.compact()
        let found = try await index.nearest(to: queries, count: 10)
        #expect(recall(found, truth) > 0.95)
        // A graph it is: with little effort it misses some.
        #expect(index.explain(count: 10).steps.map(\.structure) == ["graph"])
        #expect(try await index.nearest(to: queries, count: 10, effort: 1) != truth)
        await #expect(throws: RetrievalError.self) { try await index.add(vectors.rows(0..<1), ids: [300]) }
    }

    @Test(arguments: ["exact", "hnsw", "ivf:lists=8", "SQ8"])
    func `many tasks search while one adds`(kind: String) async throws {
        let vectors = clustered(2000, 16, seed: 10)
        let ids = (0..<2000).map { Int64($0) }
        let queries = clustered(16, 16, seed: 11)
        let index = try VectorIndex(dimension: 16, kind: IndexKind(parsing: kind))
        try await index.add(vectors.rows(0..<400), ids: Array(ids[0..<400]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<30 {
                        let before = index.count
                        let hits =
                            task % 2 == 0
                            ? try await index.nearest(to: queries, count: 20)
                            : [try index.nearest(to: queries[row: round % 16], count: 20)]
                        #expect(hits.allSatisfy { $0.count == 20 && $0.allSatisfy { $0.id < 2000 } && before >= 400 })
                    }
                }
            }
            group.addTask {
                for first in stride(from: 400, to: 2000, by: 100) {
                    try await index.add(vectors.rows(first..<first + 100), ids: Array(ids[first..<first + 100]))
                }
            }
            try await group.waitForAll()
        }
        try await index.compact()
        let quiet = try VectorIndex(of: vectors, ids: ids, kind: IndexKind(parsing: kind))
        let expected = try await quiet.nearest(to: queries, count: 20)
        #expect(try await index.nearest(to: queries, count: 20) == expected)
    }

    @Test(arguments: ["exact", "hnsw", "ivf:lists=8,probes=8", "IVF8,SQ8", "SQ8", "PQ8", "binary", "HNSW8,SQ8"])
    func `a filter gives allowed hits alone, as many as there are`(kind: String) async throws {
        let vectors = clustered(4000, 16, seed: 12)
        let ids = (0..<4000).map { Int64($0) }
        let index = try VectorIndex(of: vectors, ids: ids, kind: IndexKind(parsing: kind))
        let exact = try VectorIndex(of: vectors, ids: ids, kind: .exact)
        let queries = clustered(20, 16, seed: 13)
        for share in [2, 3, 10, 100, 3999] {
            let filter = IDFilter(ids.filter { $0 % Int64(share) == 1 }.reversed() + [-7, 1, 1])
            let found = try index.nearestNow(to: queries, count: 10, effort: 64, where: filter)
            #expect(found.allSatisfy { $0.count == min(10, (4000 + share - 2) / share) })
            #expect(found.joined().allSatisfy { $0.id % Int64(share) == 1 })
            // The truth: all of them, in order, without the others.
            let truth = try await exact.nearest(to: queries, count: 4000).map { hits in
                Array(hits.filter { $0.id % Int64(share) == 1 }.prefix(10))
            }
            #expect(try exact.nearestNow(to: queries, count: 10, where: filter) == truth)
            #expect(recall(found, truth) > (share == 2 ? 0.75 : 0.5), "\(share)")
            // Few are compared one by one, and so all found.
            let steps = index.explain(count: 10, effort: 64, where: filter).steps
            #expect(steps.count == 1 && steps[0].allowed == filter.count - 1)
            if share >= 100 { #expect(steps[0].strategy == .allowed && found == truth) }
        }
        #expect(try index.nearestNow(to: queries, count: 10, where: IDFilter([])).allSatisfy(\.isEmpty))
        #expect(try index.nearestNow(to: queries, count: 10, where: IDFilter([4000])).allSatisfy(\.isEmpty))
    }

    @Test(arguments: ["hnsw", "ivf:lists=16", "SQ8", "IVF16,PQ8x4", "HNSW8,SQ8"], [Metric.cosine, .l2])
    func `a compact index is the same for any number of threads and whatever became of it before`(
        kind: String,
        metric: Metric
    ) async throws {
        let vectors = clustered(2500, 24, seed: 3)
        let folder = try TemporaryFolder()
        var files: [Data] = []
        for (threads, steps) in [(1, 1), (2, 1), (3, 5), (1, 7)] {
            let index = try VectorIndex(
                dimension: 24,
                metric: metric,
                kind: IndexKind(parsing: kind),
                options: ComputeOptions(threads: threads)
            )
            for step in (0..<steps).reversed() {
                let range = step * 2500 / steps..<(step + 1) * 2500 / steps
                try await index.upsert(vectors.rows(range), ids: range.map { Int64($0) })
                if step > 0 { try await index.upsert(vectors.rows(0..<100), ids: (0..<100).map { Int64($0) }) }
            }
            try await index.compact()
            let place = folder("\(threads)-\(steps)")
            try await index.write(to: place)
            files.append(try Data(contentsOf: place.appendingPathComponent("segment-00000001.faiss")))
        }
        #expect(Set(files).count == 1)
        let other = try VectorIndex(of: vectors.rows(1..<2500), ids: (1..<2500).map { Int64($0) }, metric: metric)
        try await other.write(to: folder("other"))
        #expect(try Data(contentsOf: folder("other").appendingPathComponent("segment-00000001.faiss")) != files[0])
    }

    @Test func `cancelling a batch ends it`() async throws {
        let index = try VectorIndex(dimension: 64, kind: .exact)
        try await index.add(clustered(20_000, 64, seed: 14), ids: (0..<20_000).map { Int64($0) })
        let queries = clustered(20_000, 64, seed: 15)
        let task = Task { try await index.nearest(to: queries, count: 10) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}

@Suite struct ExactSearchTests {
    @Test(arguments: [Metric.innerProduct, .l2], [1, 5, 12, 300, 700])
    func `hits are the same for any number of threads and queries`(metric: Metric, queries: Int) {
        var stream = RandomStream(seed: UInt64(queries))
        let corpus = stream.normal(rows: 3000, columns: 40)
        let asked = stream.normal(rows: queries, columns: 40)
        let one = ExactSearch.nearest(to: asked, in: corpus, count: 30, metric: metric, workers: .shared(threads: 1))
        #expect(one.count == 30 && one.rows.count == queries * 30)
        for threads in [2, 3] {
            let workers = Workers.shared(threads: threads)
            let more = ExactSearch.nearest(to: asked, in: corpus, count: 30, metric: metric, workers: workers)
            #expect(more.rows == one.rows && more.scores == one.scores)
        }
        for row in [0, queries / 2, queries - 1] {
            let alone = ExactSearch.nearest(
                to: asked.rows(row..<row + 1),
                in: corpus,
                count: 30,
                metric: metric,
                workers: .shared(threads: 2)
            )
            #expect(alone.rows == Array(one.rows[row * 30..<row * 30 + 30]))
            #expect(alone.scores == Array(one.scores[row * 30..<row * 30 + 30]))
        }
        let other = ExactSearch.nearest(to: corpus.rows(0..<1), in: corpus, count: 30, workers: .shared(threads: 2))
        #expect(other.rows != Array(one.rows[0..<30]))
    }

    @Test func `rows whose score is no number are left out, and small counts are no trouble`() {
        let workers = Workers.shared(threads: 2)
        var corpus = Matrix(rows: 3, columns: 2, elements: [1, 0, .nan, 0, 0, 1])
        for queries in [1, 20] {
            let asked = Matrix(rows: queries, columns: 2, repeating: 1)
            let found = ExactSearch.nearest(to: asked, in: corpus, count: 5, workers: workers)
            #expect(found.count == 3 && found.rows.prefix(2) == [0, 2] && found.scores[2].isNaN)
        }
        corpus = Matrix(rows: 0, columns: 2)
        #expect(ExactSearch.nearest(to: Matrix(rows: 4, columns: 2), in: corpus, count: 5, workers: workers).count == 0)
    }
}

@Suite struct IndexKindTests {
    @Test(arguments: kinds + ["hnsw:links=16,build-effort=80,effort=100", "ivf:lists=256,probes=8"])
    func `a kind in words reads back`(words: String) throws {
        let kind = try IndexKind(parsing: words)
        #expect(kind.description == words)
        #expect(try JSONDecoder().decode(IndexKind.self, from: JSONEncoder().encode(kind)) == kind)
        #expect(try IndexKind(parsing: "hnsw:effort=64") == .hnsw)
    }
}
