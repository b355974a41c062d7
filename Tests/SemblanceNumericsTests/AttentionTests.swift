import CSemblanceKernels
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct AttentionTests {
    /// One text and how its tokens attend.
    struct Sample: Sendable, CustomTestStringConvertible {
        var tokens: Int
        var heads = 2
        var width = 32
        var window: Int?
        var reach: Int?
        var dropout: Float = 0
        var firstRow = 0

        var testDescription: String {
            "\(tokens) tokens, \(heads) × \(width), window \(window ?? -1), reach \(reach ?? -1), dropout \(dropout)"
        }

        var columns: Int { heads * width }
        func random(_ stream: UInt64, rows: Int, columns: Int) -> Matrix {
            var random = RandomStream(seed: UInt64(tokens * 100 + width), stream: stream)
            return random.normal(rows: rows, columns: columns)
        }
        var qkv: Matrix { random(1, rows: tokens, columns: 3 * columns) }
        var dOut: Matrix { random(2, rows: tokens, columns: columns) }
        var bias: Matrix? { reach.map { random(3, rows: heads, columns: 2 * $0 + 1) } }

        var reference: AttentionReference {
            var result = AttentionReference(
                tokens: tokens,
                heads: heads,
                width: width,
                window: window,
                qkv: qkv.elements.map(Double.init)
            )
            result.bias = bias?.elements.map(Double.init)
            result.reach = reach ?? 0
            if dropout > 0 {
                result.kept = (0..<heads).flatMap { head in
                    (0..<tokens).flatMap { query in
                        (0..<tokens).map { key in
                            let block = UInt64((firstRow + query) * heads + head) << 14 + UInt64(key / 4)
                            return Double(
                                droppedFactor(seed: 5, stream: 6, block: block, word: key % 4, rate: dropout)
                            )
                        }
                    }
                }
            }
            return result
        }

        func withSettings<Result>(_ body: (UnsafePointer<semblance_attention_settings>) -> Result) -> Result {
            let biases = bias ?? Matrix(rows: 0, columns: 1)
            return unsafe biases.withPointer { pointer in
                var settings = unsafe semblance_attention_settings(
                    heads: heads,
                    head_dimension: width,
                    scale: 1 / Float(width).squareRoot(),
                    window: window ?? .max,
                    bias: reach == nil ? nil : pointer,
                    reach: reach ?? 0,
                    seed: 5,
                    stream: 6,
                    dropout: dropout
                )
                return unsafe body(&settings)
            }
        }

        /// The output, 7 where nothing was written.
        func output(heads part: Range<Int>? = nil, of x: Matrix? = nil) -> [Float] {
            let part = part ?? 0..<heads
            var out = [Float](repeating: 7, count: tokens * columns)
            let failed = unsafe withSettings { settings in
                unsafe (x ?? qkv).withPointer {
                    unsafe semblance_attention(settings, $0, tokens, firstRow, part.lowerBound, part.count, &out)
                }
            }
            #expect(failed == 0)
            return out
        }

        /// The gradients of qkv, 7 where nothing was written, and of the bias.
        func gradient(heads part: Range<Int>? = nil) -> (qkv: [Float], bias: [Float]) {
            let part = part ?? 0..<heads
            var dX = [Float](repeating: 7, count: 3 * tokens * columns)
            var dBias = [Float](repeating: 0, count: bias?.count ?? 1)
            let failed = unsafe withSettings { settings in
                unsafe qkv.withPointer { x in
                    unsafe dOut.withPointer { dOut in
                        unsafe dBias.withUnsafeMutableBufferPointer { dBias in
                            unsafe semblance_attention_gradient(
                                settings,
                                x,
                                dOut,
                                tokens,
                                firstRow,
                                part.lowerBound,
                                part.count,
                                &dX,
                                reach == nil ? nil : dBias.baseAddress
                            )
                        }
                    }
                }
            }
            #expect(failed == 0)
            return (dX, dBias)
        }
    }

    static let samples: [Sample] =
        [1, 2, 15, 16, 17, 33, 64, 65].map { Sample(tokens: $0) }
        + [Sample(tokens: 130, heads: 1), Sample(tokens: 200, heads: 1)]
        + [4, 33, 64].flatMap { width in [1, 17, 40].map { Sample(tokens: $0, width: width) } }
        + [0, 1, 4, 15, 16, 17, 31, 32].map { Sample(tokens: 50, width: 8, window: $0) }
        + [Sample(tokens: 130, heads: 1, width: 16, window: 32), Sample(tokens: 20, window: 19)]
        + [Sample(tokens: 20, window: 20), Sample(tokens: 20, window: 18)]
        + [Sample(tokens: 1, reach: 0), Sample(tokens: 20, reach: 19), Sample(tokens: 40, width: 8, reach: 7)]
        + [Sample(tokens: 20, reach: 50), Sample(tokens: 40, width: 8, window: 6, reach: 39)]
        + [
            Sample(tokens: 1, dropout: 0.5), Sample(tokens: 37, dropout: 0.1),
            Sample(tokens: 70, width: 8, dropout: 0.5),
        ]
        + [Sample(tokens: 60, heads: 3, width: 8, window: 9, dropout: 0.3, firstRow: 100)]
        + [Sample(tokens: 30, width: 8, reach: 29, dropout: 0.2, firstRow: 3)]

    static let tolerance = Tolerance(relative: 2e-6, absolute: 1e-6)
    static let gradientTolerance = Tolerance(relative: 3e-6, absolute: 1e-6)

    @Test(arguments: samples)
    func `every path attends as the formula says`(sample: Sample) {
        let expected = sample.reference.output
        var found: [[Float]] = []
        for path in InstructionSet.available {
            path.run {
                let out = sample.output()
                expectClose(out.map(Double.init), expected, Self.tolerance, "\(path)")
                if path != .portable { found.append(out) }
            }
        }
        // One chain of fused multiply-adds an element on both.
        #expect(Set(found).count <= 1)
    }

    @Test(arguments: samples)
    func `every path gives the gradient`(sample: Sample) {
        let expected = sample.reference.gradient(sample.dOut.elements.map(Double.init))
        var found: [[Float]] = []
        for path in InstructionSet.available {
            path.run {
                let gradient = sample.gradient()
                expectClose(gradient.qkv.map(Double.init), expected.qkv, Self.gradientTolerance, "\(path)")
                if sample.reach != nil {
                    expectClose(gradient.bias.map(Double.init), expected.bias, Self.gradientTolerance, "\(path) bias")
                }
                if path != .portable { found.append(gradient.qkv + gradient.bias) }
            }
        }
        #expect(Set(found).count <= 1)
    }

    @Test(arguments: [
        Sample(tokens: 5, width: 4), Sample(tokens: 9, width: 3, window: 2), Sample(tokens: 6, width: 3, reach: 2),
        Sample(tokens: 7, width: 3, reach: 6, dropout: 0.4), Sample(tokens: 7, width: 3, dropout: 0.4, firstRow: 9),
    ])
    func `the formula of the gradient is what differences say`(sample: Sample) {
        let reference = sample.reference
        let dOut = sample.dOut.elements.map(Double.init)
        let found = reference.gradient(dOut)
        func check(_ found: [Double], _ part: WritableKeyPath<AttentionReference, [Double]>) {
            let x = reference[keyPath: part]
            let expected = differences(at: DoubleMatrix(rows: 1, columns: x.count, elements: x)) {
                var moved = reference
                moved[keyPath: part] = $0.elements
                return dot(moved.output, dOut)
            }
            expectClose(found, expected.elements, Tolerance(relative: 1e-8, absolute: 1e-8))
            #expect(excess(found.map { $0 + 1e-3 }, over: expected.elements, Tolerance(relative: 1e-6)).ratio > 1)
        }
        check(found.qkv, \.qkv)
        if reference.bias != nil { check(found.bias, \.bias.orEmpty) }
    }

    @Test func `what is left out of the formula shows`() {
        let cases: [(found: Sample, expected: Sample)] = [
            (Sample(tokens: 40, window: 8), Sample(tokens: 40, window: 9)),
            (Sample(tokens: 40, window: 8), Sample(tokens: 40)),
            (Sample(tokens: 40), Sample(tokens: 40, reach: 3)),
            (Sample(tokens: 40), Sample(tokens: 40, dropout: 0.1)),
            (Sample(tokens: 40, dropout: 0.1, firstRow: 1), Sample(tokens: 40, dropout: 0.1)),
        ]
        for (sample, other) in cases {
            let found = sample.output().map(Double.init)
            #expect(excess(found, over: other.reference.output, Self.tolerance).ratio > 100)
            let gradient = sample.gradient().qkv.map(Double.init)
            let expected = other.reference.gradient(other.dOut.elements.map(Double.init)).qkv
            #expect(excess(gradient, over: expected, Self.gradientTolerance).ratio > 100)
        }
    }

    @Test(
        arguments: InstructionSet.available,
        [
            Sample(tokens: 21, heads: 5, width: 33), Sample(tokens: 40, heads: 3, width: 16, window: 5, dropout: 0.2),
            Sample(tokens: 18, heads: 4, width: 8, reach: 17),
        ]
    )
    func `some heads alone give their columns and touch no others`(path: InstructionSet, sample: Sample) {
        path.run {
            let (whole, gradient) = (sample.output(), sample.gradient())
            for heads in [0..<1, 1..<3, 2..<sample.heads, 1..<1] {
                let (part, partGradient) = (sample.output(heads: heads), sample.gradient(heads: heads))
                for (index, value) in part.enumerated() {
                    let head = index % sample.columns / sample.width
                    #expect(value == (heads.contains(head) ? whole[index] : 7))
                }
                for (index, value) in partGradient.qkv.enumerated() {
                    let head = index % sample.columns / sample.width
                    #expect(value == (heads.contains(head) ? gradient.qkv[index] : 7))
                }
                guard let reach = sample.reach else { continue }
                for (index, value) in partGradient.bias.enumerated() {
                    #expect(value == (heads.contains(index / (2 * reach + 1)) ? gradient.bias[index] : 0))
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `a NaN stays where it was seen`(path: InstructionSet) {
        let sample = Sample(tokens: 40, heads: 2, width: 8, window: 3)
        var x = sample.qkv
        x[20, sample.columns] = .nan  // the first head's key
        path.run {
            let (found, clean) = (sample.output(of: x), sample.output())
            for token in 0..<40 {
                for column in 0..<sample.columns {
                    let index = token * sample.columns + column
                    if column < 8, abs(token - 20) <= 3 {
                        #expect(found[index].isNaN)
                    } else {
                        #expect(found[index] == clean[index])
                    }
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `large scores neither overflow nor vanish`(path: InstructionSet) {
        var sample = Sample(tokens: 20, heads: 1, width: 16)
        sample.dropout = 0
        var x = sample.qkv
        for token in 0..<20 { for column in 0..<32 { x[token, column] *= 30 } }
        var reference = sample.reference
        reference.qkv = x.elements.map(Double.init)
        path.run {
            expectClose(
                sample.output(of: x).map(Double.init),
                reference.output,
                Tolerance(relative: 2e-4)  // scores of some thousands have seven digits too
            )
        }
    }
}

extension [Double]? {
    fileprivate var orEmpty: [Double] {
        get { self ?? [] }
        set { self = newValue }
    }
}
