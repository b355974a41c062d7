import CSemblanceFAISS
import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceRetrieval
import Testing

@Suite struct FAISSDistancesTests {
    static let levels = [SEMBLANCE_CPU_PORTABLE, SEMBLANCE_CPU_AVX2, SEMBLANCE_CPU_AVX512].filter {
        let usual = semblance_cpu()
        defer { _ = semblance_cpu_set(usual) }
        return semblance_cpu_set($0) != 0
    }

    @Test(arguments: levels.indices)
    func `distances agree with double precision at every length, one by one as by four and in a row`(level: Int) {
        let kernels = unsafe semblance_distances_at(Self.levels[level]).pointee
        var stream = RandomStream(seed: 1)
        for d in 0...150 {
            let rows = 7
            let x = stream.normal(rows: rows + 1, columns: d)
            let (query, others) = (x[row: rows], (0..<rows).map { x[row: $0] })
            let products = others.map { reference(.innerProduct, query, $0) }
            let distances = others.map { -reference(.l2, query, $0) }
            var foundProducts = [Float](repeating: .nan, count: rows)
            var foundDistances = foundProducts
            unsafe x.withPointer { x in
                let query = unsafe x + rows * d
                unsafe kernels.inner_product_ny(query, x, d, rows, &foundProducts)
                unsafe kernels.squared_l2_ny(query, x, d, rows, &foundDistances)
                for row in 0..<rows {
                    let one = unsafe x + row * d
                    #expect(unsafe kernels.inner_product(query, one, d) == foundProducts[row])
                    #expect(unsafe kernels.inner_product(one, query, d) == foundProducts[row])
                    #expect(unsafe kernels.squared_l2(query, one, d) == foundDistances[row])
                    #expect(unsafe kernels.squared_l2(one, query, d) == foundDistances[row])
                }
                let four = unsafe [x + d, x, x + 3 * d, x + 2 * d]
                var out = [Float](repeating: .nan, count: 4)
                unsafe kernels.inner_product_4(query, four, d, &out)
                #expect(out == [1, 0, 3, 2].map { foundProducts[$0] })
                unsafe kernels.squared_l2_4(query, four, d, &out)
                #expect(out == [1, 0, 3, 2].map { foundDistances[$0] })
            }
            for row in 0..<rows {
                #expect(abs(Double(foundProducts[row]) - products[row]) <= 1e-5 * Double(d).squareRoot(), "d \(d)")
                #expect(abs(Double(foundDistances[row]) - distances[row]) <= 1e-5 * Double(d + 1), "d \(d)")
            }
        }
    }

    /// Sums whose value shows their order: ours and one after the other differ in most rows.
    @Test func `FAISS runs on these kernels, on each instruction set`() throws {
        let usual = semblance_cpu()
        defer { _ = semblance_cpu_set(usual) }
        var stream = RandomStream(seed: 2)
        let (count, d) = (64, 333)
        let vectors = stream.normal(rows: count, columns: d)
        let query = stream.normal(rows: 1, columns: d)
        let inOrder = (0..<count).map { row in
            zip(query[row: 0], vectors[row: row]).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        }
        // One list that every search probes is scanned by FAISS' own loop, on this thread, through fvec_inner_product.
        let lists = try VectorIndex(
            of: vectors,
            ids: (0..<count).map { Int64($0) },
            metric: .innerProduct,
            kind: .factory("IVF1,Flat"),
            options: ComputeOptions(threads: 1)
        )
        var seen: Set<[Float]> = []
        for level in Self.levels {
            _ = semblance_cpu_set(level)
            let hits = try lists.nearestNow(to: query, count: count)[0].sorted { $0.id < $1.id }
            let ours = unsafe vectors.withPointer { vectors in
                unsafe query.withPointer { query in
                    (0..<count).map { unsafe semblance_inner_product(query, vectors + $0 * d, d) }
                }
            }
            #expect(hits.map(\.score) == ours)
            #expect(zip(ours, inOrder).count { $0 != $1 } > count / 2)
            seen.insert(ours)
        }
        #expect(seen.count == Self.levels.count)
    }

    @Test func `the unusable rows are found`() {
        for (value, usable) in [(Float.nan, false), (.infinity, false), (5e18, false), (3e18, true), (0, true)] {
            var rows = Matrix(rows: 5, columns: 19, repeating: 1)
            rows[3, 18] = value
            let first = unsafe rows.withPointer { unsafe semblance_first_unusable_row($0, 5, 19) }
            #expect(first == (usable ? 5 : 3), "\(value)")
        }
    }

    @Test func `places that reach their floor are found in order`() {
        var stream = RandomStream(seed: 3)
        for (level, count) in Self.levels.flatMap({ level in [0, 1, 15, 16, 17, 100].map { (level, $0) } }) {
            let kernels = unsafe semblance_distances_at(level).pointee
            let scores = stream.normal(rows: 1, columns: count).elements
            let slack = stream.uniform(rows: 1, columns: count, in: 0...0.1).elements
            let floors = stream.normal(rows: 1, columns: count).elements
            let expected = (0..<count).filter { scores[$0] + (0.25 + 2 * slack[$0]) >= floors[$0] }
            var places = [UInt32](repeating: 0, count: count)
            let found = unsafe kernels.reaching(scores, 0.25, 2, slack, floors, count, &places)
            #expect(places.prefix(found).map { Int($0) } == expected)
        }
    }
}
