import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct TokenRowsTests {
    @Test(arguments: InstructionSet.available, [1, 15, 16, 33])
    func `tokens get the sum of their rows`(path: InstructionSet, columns: Int) {
        var random = RandomStream(seed: UInt64(columns))
        let tables = [11, 5, 2].map { random.normal(rows: $0, columns: columns) }
        let ids: [[Int32]] = tables.map { table in
            (0..<9).map { _ in Int32.random(in: 0..<Int32(table.rows), using: &random) }
        }
        for count in 1...3 {
            var y = [Float](repeating: 7, count: 9 * columns + 1)
            path.run {
                unsafe tables[0].withPointer { first in
                    unsafe tables[1].withPointer { second in
                        unsafe tables[2].withPointer { third in
                            unsafe ids[0].withUnsafeBufferPointer { a in
                                unsafe ids[1].withUnsafeBufferPointer { b in
                                    unsafe ids[2].withUnsafeBufferPointer { c in
                                        guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress
                                        else { return }
                                        unsafe semblance_gather_sum(
                                            [first, second, third],
                                            [a, b, c],
                                            count,
                                            9,
                                            columns,
                                            &y
                                        )
                                    }
                                }
                            }
                        }
                    }
                }
            }
            let expected = (0..<9).flatMap { token in
                (0..<columns).map { column in
                    (0..<count).reduce(0.0) { $0 + Double(tables[$1][Int(ids[$1][token]), column]) }
                }
            }
            expectClose(y.dropLast().map(Double.init), expected, Tolerance(relative: 1e-6))
            #expect(y.last == 7)
        }
    }

    static let offsets: [Int32] = [1, 4, 4, 5, 12]

    @Test(arguments: InstructionSet.available, [1, 15, 16, 33])
    func `texts get the weighted sum of their rows`(path: InstructionSet, columns: Int) {
        var random = RandomStream(seed: UInt64(columns))
        var x = random.normal(rows: 12, columns: columns)
        var weights = random.uniform(rows: 1, columns: 12).elements
        weights[6] = 0
        x[6, 0] = .nan  // weighs nothing
        var y = [Float](repeating: 7, count: 4 * columns)
        path.run {
            unsafe x.withPointer { unsafe semblance_pool_weighted($0, weights, Self.offsets, 4, columns, &y) }
        }
        let expected = (0..<4).flatMap { text in
            let rows = (Int(Self.offsets[text])..<Int(Self.offsets[text + 1])).filter { $0 != 6 }
            return (0..<columns).map { column -> Double in
                rows.reduce(0) { $0 + Double(weights[$1]) * Double(x[$1, column]) }
            }
        }
        expectClose(y.map(Double.init), expected, Tolerance(relative: 1e-6))
    }

    @Test(arguments: InstructionSet.available, [1, 15, 16, 33])
    func `texts get the greatest of each column, the first of equals, NaN before all`(
        path: InstructionSet,
        columns: Int
    ) {
        var random = RandomStream(seed: UInt64(columns))
        var x = random.normal(rows: 12, columns: columns)
        for column in 0..<columns {
            x[6, column] = 9
            x[8, column] = 9
        }
        x[3, 0] = .nan
        let (starts, ends) = (Array(Self.offsets.dropLast()), Array(Self.offsets.dropFirst()))
        var y = [Float](repeating: 7, count: 4 * columns)
        var places = [Int32](repeating: 7, count: 4 * columns)
        path.run {
            unsafe x.withPointer {
                unsafe semblance_pool_maximum($0, starts, ends, 4, columns, &y, &places)
            }
        }
        for text in 0..<4 {
            for column in 0..<columns {
                let rows = Array(starts[text]..<ends[text])
                let (value, place) = (y[text * columns + column], places[text * columns + column])
                if text == 0 && column == 0 {
                    #expect(value.isNaN && place == 3)
                } else if text == 3 {
                    #expect(value == 9 && place == 6)
                } else {
                    let greatest = rows.map { x[Int($0), column] }.max() ?? 0
                    #expect(value == greatest)
                    let found = place < 0 ? 0 : x[Int(place), column]
                    #expect(found == value)
                    #expect((place < 0) == rows.isEmpty)
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available, [2, 6, 32, 64])
    func `queries and keys turn with their place, and back`(path: InstructionSet, width: Int) {
        let heads = 3
        let tokens = 21
        var random = RandomStream(seed: UInt64(width))
        let x = random.normal(rows: tokens, columns: 3 * heads * width)
        let frequencies = (0..<width / 2).map { 1 / Float(pow(10_000, 2 * Double($0) / Double(width))) }
        var y = x.elements
        path.run { #expect(unsafe semblance_rotate(&y, tokens, heads, width, frequencies, 1) == 0) }

        var expected = DoubleMatrix(x).elements
        for token in 0..<tokens {
            for head in 0..<2 * heads {
                for pair in 0..<width / 2 {
                    let first = token * 3 * heads * width + head * width + pair
                    let angle = Double(Float(token) * frequencies[pair])
                    let (a, b) = (expected[first], expected[first + width / 2])
                    expected[first] = a * cos(angle) - b * sin(angle)
                    expected[first + width / 2] = b * cos(angle) + a * sin(angle)
                }
            }
        }
        expectClose(y.map(Double.init), expected, Tolerance(relative: 1e-6))
        #expect(excess(x.elements.map(Double.init), over: expected, Tolerance(relative: 1e-6)).ratio > 1000)

        path.run { #expect(unsafe semblance_rotate(&y, tokens, heads, width, frequencies, -1) == 0) }
        expectClose(y.map(Double.init), x.elements.map(Double.init), Tolerance(relative: 1e-6))
    }

    @Test func `scores of turned queries and keys depend on their distance alone`() {
        var random = RandomStream(seed: 1)
        let row = random.normal(rows: 1, columns: 3 * 8).elements
        var x = (0..<30).flatMap { _ in row }
        #expect(unsafe semblance_rotate(&x, 30, 1, 8, [1, 0.1, 0.01, 0.001], 1) == 0)
        func score(_ query: Int, _ key: Int) -> Double {
            dot(x[query * 24..<query * 24 + 8].map(Double.init), x[key * 24 + 8..<key * 24 + 16].map(Double.init))
        }
        for key in 0..<25 {
            #expect(abs(score(key + 5, key) - score(5, 0)) < 1e-5)
            #expect(abs(score(key + 4, key) - score(5, 0)) > 1e-3)
        }
    }
}
