import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct ElementwiseTests {
    /// Texts over a small table; some without tokens, the first token not at 0.
    struct Texts {
        let table: Matrix
        let weights: [Float]
        var offsets: [Int32]
        var ids: [Int32]

        init(seed: UInt64, dimension: Int) {
            var random = RandomStream(seed: seed)
            table = random.normal(rows: 17, columns: dimension)
            weights = random.uniform(rows: 1, columns: 17).elements
            offsets = [Int32.random(in: 0...2, using: &random)]
            ids = (0..<Int(offsets[0])).map { _ in 0 }
            for _ in 0..<9 {
                let count = Int32.random(in: 0...5, using: &random)
                offsets.append(offsets[offsets.count - 1] + count)
                for _ in 0..<count { ids.append(Int32.random(in: 0..<17, using: &random)) }
            }
        }

        var count: Int { offsets.count - 1 }
        var inverseCounts: [Float] { zip(offsets, offsets.dropFirst()).map { 1 / Float($1 - $0) } }

        func tokens(_ text: Int) -> ArraySlice<Int32> { ids[Int(offsets[text])..<Int(offsets[text + 1])] }

        func weight(_ id: Int32, _ weighted: Bool) -> Double { weighted ? Double(weights[Int(id)]) : 1 }
    }

    static let tolerance = Tolerance(relative: 1e-6)

    @Test(arguments: InstructionSet.available, [(1, false), (16, true), (37, false), (130, true)])
    func `texts get the mean of their rows`(path: InstructionSet, form: (dimension: Int, weighted: Bool)) {
        let (d, weighted) = form
        let texts = Texts(seed: UInt64(d), dimension: d)
        var found = [Float](repeating: 7, count: texts.count * (d + 1))
        path.run {
            unsafe texts.table.withPointer { table in
                unsafe texts.weights.withUnsafeBufferPointer { weights in
                    unsafe semblance_embedding_mean(
                        table,
                        d,
                        weighted ? weights.baseAddress : nil,
                        texts.ids,
                        texts.offsets,
                        texts.count,
                        &found,
                        d + 1
                    )
                }
            }
        }
        for text in 0..<texts.count {
            let tokens = texts.tokens(text)
            let expected = (0..<d).map { i in
                tokens.reduce(0.0) { $0 + texts.weight($1, weighted) * Double(texts.table[Int($1), i]) }
                    / Double(max(1, tokens.count))
            }
            let row = found[text * (d + 1)..<(text + 1) * (d + 1)].map(Double.init)
            expectClose(Array(row.dropLast()), expected, Self.tolerance, "text \(text)")
            #expect(row.last == 7)
        }
    }

    @Test(arguments: InstructionSet.available, [(1, false), (16, true), (37, false), (130, true)])
    func `grouped gradients are the transpose of the mean`(path: InstructionSet, form: (dimension: Int, weighted: Bool))
    {
        let (d, weighted) = form
        let texts = Texts(seed: 50 + UInt64(d), dimension: d)
        var random = RandomStream(seed: 2)
        let dOut = random.normal(rows: texts.count, columns: d)
        let tokens = Int(texts.offsets[texts.count] - texts.offsets[0])
        var rows = [Int32](repeating: -1, count: 17)
        var starts = [Int32](repeating: -1, count: 18)
        var occurrences = [Int32](repeating: -1, count: tokens)
        let unique = unsafe semblance_group_tokens(
            texts.ids,
            texts.offsets,
            texts.count,
            17,
            &rows,
            &starts,
            &occurrences
        )
        #expect(Array(rows[..<unique]) == Set(texts.ids[Int(texts.offsets[0])...]).sorted())
        #expect(Int(starts[unique]) == tokens)
        for u in 0..<unique {
            let group = occurrences[Int(starts[u])..<Int(starts[u + 1])]
            #expect(Array(group) == group.sorted())
        }

        var found = [Float](repeating: 7, count: unique * d)
        path.run {
            unsafe texts.weights.withUnsafeBufferPointer { weights in
                unsafe dOut.withPointer { dOut in
                    unsafe semblance_embedding_gradient(
                        dOut,
                        d,
                        weighted ? weights.baseAddress : nil,
                        rows,
                        starts,
                        occurrences,
                        texts.inverseCounts,
                        unique,
                        &found
                    )
                }
            }
        }
        var expected = [Double](repeating: 0, count: 17 * d)
        for text in 0..<texts.count {
            for id in texts.tokens(text) {
                for i in 0..<d {
                    expected[Int(id) * d + i] +=
                        texts.weight(id, weighted) * Double(dOut[text, i]) / Double(texts.tokens(text).count)
                }
            }
        }
        var spread = [Double](repeating: 0, count: 17 * d)
        for u in 0..<unique { for i in 0..<d { spread[Int(rows[u]) * d + i] = Double(found[u * d + i]) } }
        expectClose(spread, expected, Self.tolerance)
    }

    @Test func `an id outside the table is found`() {
        #expect(unsafe semblance_first_id_outside([0, 16, 3], 3, 17) == 3)
        #expect(unsafe semblance_first_id_outside([0, 17, -2], 3, 17) == 1)
        #expect(unsafe semblance_first_id_outside([-1, 16, -2], 3, 17) == 2)
    }

    @Test(arguments: InstructionSet.available, [1, 7, 16, 33, 100])
    func `rows become unit rows, with their gradient`(path: InstructionSet, columns: Int) {
        var random = RandomStream(seed: UInt64(columns))
        var x = random.normal(rows: 6, columns: columns)
        for j in 0..<columns {
            x[1, j] = 0
            x[2, j] *= 1e-30
            x[3, j] *= 1e30
        }
        let dY = random.normal(rows: 6, columns: columns)
        var y = [Float](repeating: 7, count: x.count)
        var inverse = [Float](repeating: 7, count: 6)
        var dX = [Float](repeating: 7, count: x.count)
        path.run {
            unsafe x.withPointer { unsafe semblance_unit_rows($0, 6, columns, &y, &inverse) }
            unsafe dY.withPointer { unsafe semblance_unit_rows_gradient(y, inverse, $0, 6, columns, &dX) }
        }
        let expected = DoubleMatrix(x).unitRows
        expectClose(y.map(Double.init), expected.elements, Self.tolerance)
        #expect(inverse[1] == 0)
        for row in 0..<6 {
            let range = row * columns..<(row + 1) * columns
            let (unit, d) = (expected[row: row], dY[row: row].map(Double.init))
            let along = dot(unit, d)
            let gradient = zip(unit, d).map { Double(inverse[row]) * ($1 - along * $0) }
            let size = Double(inverse[row]) * dot(d, d).squareRoot()
            expectClose(
                dX[range].map(Double.init),
                gradient,
                Tolerance(relative: 0, absolute: 1e-6 * size),
                "row \(row)"
            )
        }
    }

    @Test(arguments: InstructionSet.available)
    func `a row with NaN or an infinity stays visible`(path: InstructionSet) {
        for bad in [Float.nan, .infinity] {
            var x = [Float](repeating: 1, count: 40)
            x[3] = bad
            var y = x
            var inverse: [Float] = [7, 7]
            path.run { unsafe semblance_unit_rows(x, 2, 20, &y, &inverse) }
            #expect(y[..<20].contains { $0.isNaN })
            #expect(y[20...].allSatisfy { abs($0 - 1 / Float(20).squareRoot()) < 1e-7 })
        }
    }

    @Test(arguments: InstructionSet.available)
    func `the maximum is the largest element, NaN before all`(path: InstructionSet) {
        path.run {
            #expect(unsafe semblance_maximum([], 0) == -.infinity)
            for count in [1, 15, 16, 17, 64, 65, 200] {
                var random = RandomStream(seed: UInt64(count))
                let x = random.normal(rows: 1, columns: count).elements
                #expect(unsafe semblance_maximum(x, count) == x.max())
                for place in [0, count / 2, count - 1] {
                    var changed = x
                    changed[place] = .infinity
                    #expect(unsafe semblance_maximum(changed, count) == .infinity)
                    changed[place] = .nan
                    #expect(unsafe semblance_maximum(changed, count).isNaN)
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `exponentials are within two units in the last place`(path: InstructionSet) {
        let inputs = (0..<20_001).map { -104 + Float($0) * 0.0096 }
        var x = inputs
        let sum = path.run { unsafe semblance_exponentials(&x, x.count, 1, 0) }
        var expectedSum = 0.0
        for (input, found) in zip(inputs, x) {
            let expected = exp(Double(input))
            expectedSum += expected
            guard expected < Double(Float.greatestFiniteMagnitude) else { continue }
            #expect(abs(Double(found) - expected) <= 2 * Double(Float(expected).ulp), "exp(\(input))")
        }
        if inputs.last ?? 0 < 88 { #expect(abs(Double(sum ?? 0) / expectedSum - 1) < 1e-7) }
    }

    @Test(arguments: InstructionSet.available)
    func `exponentials of what is beyond the floats are 0, infinite or NaN`(path: InstructionSet) {
        for count in [6, 22] {
            var x: [Float] = [-.infinity, -200, .infinity, 200, .nan, 0] + [Float](repeating: 0, count: count - 6)
            path.run { _ = unsafe semblance_exponentials(&x, count, 1, 0) }
            #expect(Array(x[..<4]) == [0, 0, .infinity, .infinity])
            #expect(x[4].isNaN)
            #expect(x[5...].allSatisfy { $0 == 1 })
        }
    }

    @Test(arguments: InstructionSet.available)
    func `the sum of 65,536 exponentials loses nothing`(path: InstructionSet) {
        var random = RandomStream(seed: 8)
        var x = random.normal(rows: 1, columns: 65_539).elements
        let sum = path.run { unsafe semblance_exponentials(&x, x.count, 3, 2) } ?? 0
        let expected = x.reduce(0.0) { $0 + Double($1) }
        #expect(abs(Double(sum) / expected - 1) < 1.2e-7)
        #expect(abs(Double(x.reduce(0, +)) / expected - 1) > 1.2e-7)  // what a plain sum in float loses
    }

    @Test(arguments: InstructionSet.available, [0, 1, 15, 16, 17, 63, 64, 65, 300])
    func `products and sums of vectors`(path: InstructionSet, count: Int) {
        var random = RandomStream(seed: UInt64(count))
        let (a, b) = (random.normal(rows: 1, columns: count), random.normal(rows: 1, columns: count))
        let (x, y) = (a.elements, b.elements)
        let (xd, yd) = (x.map(Double.init), y.map(Double.init))
        path.run {
            #expect(abs(Double(unsafe semblance_dot(x, y, count)) - dot(xd, yd)) <= 1e-6 * Double(count))
            #expect(abs(unsafe semblance_sum_of_squares(x, count) - dot(xd, xd)) <= 1e-12 * Double(count))
            var z = y
            unsafe semblance_add_scaled(&z, x, count, 0.7)
            expectClose(z.map(Double.init), zip(xd, yd).map { $1 + Double(Float(0.7)) * $0 }, Self.tolerance)
            unsafe semblance_scale(&z, count, 0)
            #expect(z.allSatisfy { $0 == 0 })
        }
    }
}
