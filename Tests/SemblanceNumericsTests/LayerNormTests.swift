import CSemblanceKernels
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct LayerNormTests {
    /// Rows with a mean and a deviation of their own, a residual, γ and β.
    struct Sample {
        let rows: Int
        let columns: Int
        var x: Matrix
        let residual: Matrix
        let gamma: Matrix
        let beta: Matrix

        init(rows: Int = 5, columns: Int, seed: UInt64 = 1) {
            (self.rows, self.columns) = (rows, columns)
            var random = RandomStream(seed: seed)
            x = random.normal(rows: rows, columns: columns, deviation: 3)
            for row in 0..<rows { for column in 0..<columns { x[row, column] += Float(row) * 2 - 3 } }
            residual = random.normal(rows: rows, columns: columns)
            gamma = random.normal(rows: 1, columns: columns)
            beta = random.normal(rows: 1, columns: columns)
        }

        func expected(residual hasResidual: Bool, beta hasBeta: Bool, epsilon: Double) -> DoubleMatrix {
            (hasResidual ? DoubleMatrix(x) + DoubleMatrix(residual) : DoubleMatrix(x))
                .layerNorm(gamma: DoubleMatrix(gamma), beta: hasBeta ? DoubleMatrix(beta) : nil, epsilon: epsilon)
        }

        /// What the kernel writes: y, x̂, r.
        func run(
            residual hasResidual: Bool,
            beta hasBeta: Bool,
            keeps: Bool = true,
            inPlace: Bool = false,
            epsilon: Float
        ) -> (y: [Float], normalized: [Float], inverse: [Float]) {
            var y = inPlace ? x.elements : [Float](repeating: 7, count: x.count)
            var normalized = [Float](repeating: 7, count: x.count)
            var inverse = [Float](repeating: 7, count: rows)
            let (x, residual, gamma, beta) = (x.elements, residual.elements, gamma.elements, beta.elements)
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe x.withUnsafeBufferPointer { x in
                    unsafe residual.withUnsafeBufferPointer { residual in
                        unsafe beta.withUnsafeBufferPointer { beta in
                            unsafe normalized.withUnsafeMutableBufferPointer { normalized in
                                unsafe inverse.withUnsafeMutableBufferPointer { inverse in
                                    guard let to = y.baseAddress, let from = x.baseAddress else { return }
                                    unsafe semblance_layer_norm(
                                        inPlace ? UnsafePointer(to) : from,
                                        hasResidual ? residual.baseAddress : nil,
                                        rows,
                                        columns,
                                        gamma,
                                        hasBeta ? beta.baseAddress : nil,
                                        epsilon,
                                        keeps ? normalized.baseAddress : nil,
                                        keeps ? inverse.baseAddress : nil,
                                        to
                                    )
                                }
                            }
                        }
                    }
                }
            }
            return (y, normalized, inverse)
        }
    }

    static let tolerance = Tolerance(relative: 1e-6, absolute: 1e-6)

    @Test(arguments: InstructionSet.available, [1, 2, 15, 16, 17, 33, 384])
    func `rows are normalised whatever is added and kept`(path: InstructionSet, columns: Int) {
        let sample = Sample(columns: columns, seed: UInt64(columns))
        // Two close numbers far from 0 have few digits left behind their mean.
        let tolerance = Tolerance(relative: 1e-6, absolute: columns == 2 ? 1e-4 : 1e-6)
        path.run {
            for (residual, beta) in [(false, false), (false, true), (true, false), (true, true)] {
                let found = sample.run(residual: residual, beta: beta, epsilon: 1e-3)
                let expected = sample.expected(residual: residual, beta: beta, epsilon: 1e-3)
                expectClose(found.y.map(Double.init), expected.elements, tolerance, "\(residual) \(beta)")
                // Keeping what the way back needs, or writing over x, changes no bit.
                let plain = sample.run(residual: residual, beta: beta, keeps: false, epsilon: 1e-3)
                #expect(plain.y == found.y)
                #expect(plain.normalized.allSatisfy { $0 == 7 } && plain.inverse.allSatisfy { $0 == 7 })
                let inPlace = sample.run(residual: residual, beta: beta, inPlace: true, epsilon: 1e-3)
                #expect(inPlace.y == found.y && inPlace.normalized == found.normalized)
                // y is γ x̂ + β, and x̂ is what was kept.
                let again = found.normalized.enumerated().map { index, value in
                    value * sample.gamma[0, index % columns] + (beta ? sample.beta[0, index % columns] : 0)
                }
                expectClose(again.map(Double.init), expected.elements, tolerance)
            }
        }
    }

    @Test func `leaving out the residual gives another result`() {
        let sample = Sample(columns: 40)
        let found = sample.run(residual: false, beta: true, epsilon: 1e-5)
        let expected = sample.expected(residual: true, beta: true, epsilon: 1e-5)
        #expect(excess(found.y.map(Double.init), over: expected.elements, Self.tolerance).ratio > 1000)
    }

    @Test func `AVX2 and AVX-512 give the same bits`() {
        let sample = Sample(columns: 77)
        let found = [InstructionSet.avx2, .avx512].compactMap { path in
            path.run { sample.run(residual: true, beta: true, epsilon: 1e-5).y }
        }
        #expect(Set(found).count <= 1)
    }

    @Test(arguments: InstructionSet.available)
    func `a constant row becomes beta, and a row with NaN stays visible`(path: InstructionSet) {
        var sample = Sample(rows: 4, columns: 37)
        for column in 0..<37 {
            sample.x[1, column] = 2.5
            sample.x[2, column] = 1e30
        }
        sample.x[3, 20] = .nan
        path.run {
            let found = sample.run(residual: false, beta: true, epsilon: 1e-12)
            #expect(Array(found.y[37..<74]) == sample.beta.elements)
            #expect(found.y[74..<111].allSatisfy { $0.isFinite })
            #expect(found.y[111...].allSatisfy { $0.isNaN })
            #expect(found.y[..<37].allSatisfy { $0.isFinite })
        }
    }

    @Test(arguments: InstructionSet.available, [1, 2, 15, 16, 17, 33, 384])
    func `the gradient matches central differences`(path: InstructionSet, columns: Int) {
        let sample = Sample(rows: 2, columns: columns, seed: UInt64(columns))
        var random = RandomStream(seed: 9)
        let dY = random.normal(rows: 2, columns: columns)
        let epsilon = 1e-2
        var found = [Float](repeating: 7, count: sample.x.count)
        path.run {
            let kept = sample.run(residual: false, beta: true, epsilon: Float(epsilon))
            unsafe semblance_layer_norm_gradient(
                kept.normalized,
                kept.inverse,
                sample.gamma.elements,
                dY.elements,
                2,
                columns,
                &found
            )
        }
        // One row at a time: another's share of the gradient is 0.
        for row in 0..<2 {
            let x = DoubleMatrix(rows: 1, columns: columns, elements: DoubleMatrix(sample.x)[row: row])
            let expected = differences(at: x) {
                dot(
                    $0.layerNorm(
                        gamma: DoubleMatrix(sample.gamma),
                        beta: DoubleMatrix(sample.beta),
                        epsilon: epsilon
                    ).elements,
                    DoubleMatrix(dY)[row: row]
                )
            }
            let part = found[row * columns..<(row + 1) * columns].map(Double.init)
            expectClose(part, expected.elements, Tolerance(relative: 3e-6, absolute: 3e-6), "row \(row)")
        }
    }

    @Test(arguments: InstructionSet.available, [1, 16, 37])
    func `column sums add to what is there, from wide rows too`(path: InstructionSet, columns: Int) {
        var random = RandomStream(seed: UInt64(columns))
        let ld = columns + 3
        let (x, y) = (random.normal(rows: 9, columns: ld), random.normal(rows: 9, columns: ld))
        for weighted in [false, true] {
            var sums = [Float](repeating: 2, count: columns)
            path.run {
                unsafe x.withPointer { x in
                    unsafe y.withPointer { y in
                        unsafe semblance_add_column_sums(x, weighted ? y : nil, 9, columns, ld, &sums)
                    }
                }
            }
            let expected = (0..<columns).map { column in
                (0..<9).reduce(2.0) {
                    $0 + Double(x[$1, column]) * (weighted ? Double(y[$1, column]) : 1)
                }
            }
            expectClose(sums.map(Double.init), expected, Tolerance(relative: 1e-6))
        }
    }
}
