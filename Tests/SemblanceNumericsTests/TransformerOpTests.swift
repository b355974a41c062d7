import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// The ops of a transformer on the tape: gradients beside differences, threads, frozen weights, dropout.
@Suite struct TransformerOpTests {
    /// A function of some matrices, on the tape and in double precision; all are parameters, so that each gets its gradient.
    struct Op: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let shapes: [(rows: Int, columns: Int)]
        let apply: @Sendable (Tape) -> Variable
        let reference: @Sendable ([DoubleMatrix]) -> DoubleMatrix

        func parameters(seed: UInt64) -> [Matrix] {
            var random = RandomStream(seed: seed)
            return shapes.map { random.normal(rows: $0.rows, columns: $0.columns) }
        }

        /// The value, and the gradient of Σ value · dY by each parameter; `nil` for none.
        func run(
            _ parameters: [Matrix],
            isTrained: [Bool]? = nil,
            randomness: DropoutRandomness? = nil,
            lossSeed: UInt64 = 99
        ) -> (value: Matrix, dY: Matrix, gradients: [Matrix?], bytes: Int) {
            let weights = Weights(parameters, isTrained: isTrained)
            let tape = Tape(weights, isRecording: true, randomness: randomness)
            let y = apply(tape)
            var random = RandomStream(seed: lossSeed)
            let dY = random.normal(rows: y.value.rows, columns: y.value.columns)
            let found = tape.backpropagate(dY, from: y)
            let gradients = parameters.indices.map { index -> Matrix? in
                guard let pieces = found.tables[index] else { return found.dense[index] }
                let shape = parameters[index]
                return RowGradient(
                    summing: pieces,
                    tableRows: shape.rows,
                    columns: shape.columns,
                    workers: .shared(threads: 1)
                ).dense(rows: shape.rows)
            }
            return (y.value, dY, gradients, tape.byteCount)
        }
    }

    static let offsets: [Int32] = [0, 3, 3, 4, 9, 11]
    static let sparseIDs: [[Int32]] = [
        [4, 0, -1, 2, -1, 4, 0, 0], [-1, -1, 2, 0, 1, -1, -1, -1], [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    static let ids: [[Int32]] = [[4, 0, 4, 2, 1, 4, 0, 0], [0, 1, 2, 0, 1, 2, 3, 4], [0, 0, 0, 0, 0, 0, 0, 0]]
    static let poolWeights: [Float] = [0.2, 0, 0.8, 1, 0.1, 0.2, 0.3, 0.4, -1, 0.5, 0.5]

    static func ofTexts(_ x: DoubleMatrix, _ body: (Range<Int>, Int) -> Double) -> DoubleMatrix {
        let texts = (0..<offsets.count - 1).map { Int(offsets[$0])..<Int(offsets[$0 + 1]) }
        return DoubleMatrix(
            rows: texts.count,
            columns: x.columns,
            elements: texts.flatMap { rows in (0..<x.columns).map { body(rows, $0) } }
        )
    }

    static func rotated(_ x: DoubleMatrix, heads: Int, _ frequencies: [Double]) -> DoubleMatrix {
        var result = x
        let width = 2 * frequencies.count
        for text in 0..<offsets.count - 1 {
            for row in Int(offsets[text])..<Int(offsets[text + 1]) {
                for head in 0..<2 * heads {
                    for (pair, frequency) in frequencies.enumerated() {
                        let (first, angle) = (head * width + pair, Double(row - Int(offsets[text])) * frequency)
                        let (a, b) = (x[row, first], x[row, first + frequencies.count])
                        result.elements[row * x.columns + first] = a * cos(angle) - b * sin(angle)
                        result.elements[row * x.columns + first + frequencies.count] =
                            b * cos(angle) + a * sin(angle)
                    }
                }
            }
        }
        return result
    }

    static let ops: [Op] = [
        Op(
            testDescription: "linear",
            shapes: [(5, 7), (4, 7), (1, 4)],
            apply: { $0.linear($0.parameter(0), weight: 1, bias: 2) },
            reference: { $0[0].linear($0[1], bias: $0[2]) }
        ),
        Op(
            testDescription: "layer norm",
            shapes: [(4, 9), (4, 9), (1, 9), (1, 9)],
            apply: {
                $0.layerNorm($0.parameter(0), residual: $0.parameter(1), gamma: 2, beta: 3, epsilon: 0.01)
            },
            reference: { ($0[0] + $0[1]).layerNorm(gamma: $0[2], beta: $0[3], epsilon: Double(Float(0.01))) }
        ),
        Op(
            testDescription: "layer norm of x + x without β",
            shapes: [(3, 5), (1, 5)],
            apply: {
                let x = $0.parameter(0)
                return $0.layerNorm(x, residual: x, gamma: 1, beta: nil, epsilon: 0.01)
            },
            reference: { ($0[0] + $0[0]).layerNorm(gamma: $0[1], beta: nil, epsilon: Double(Float(0.01))) }
        ),
        Op(
            testDescription: "gated",
            shapes: [(3, 10)],
            apply: { $0.gated($0.parameter(0), .gelu) },
            reference: { x in
                DoubleMatrix(
                    rows: 3,
                    columns: 5,
                    elements: (0..<15).map { gelu(x[0][$0 / 5, $0 % 5]) * x[0][$0 / 5, 5 + $0 % 5] }
                )
            }
        ),
        Op(
            testDescription: "attention",
            shapes: [(11, 24)],
            apply: {
                $0.attention($0.parameter(0), offsets: offsets, AttentionSettings(heads: 2, headDimension: 4))
            },
            reference: { $0[0].attention(heads: 2, offsets: offsets) }
        ),
        Op(
            testDescription: "attention with a window and a bias from a table",
            shapes: [(11, 18), (4, 3)],
            apply: {
                $0.attention(
                    $0.parameter(0),
                    bias: $0.columns(ofTable: 1, rows: [0, 0, 1, 2, 3, 1, 2]),
                    offsets: offsets,
                    AttentionSettings(heads: 3, headDimension: 2, window: 2)
                )
            },
            reference: { x in
                let bias = DoubleMatrix(
                    rows: 3,
                    columns: 7,
                    elements: (0..<3).flatMap { head in [0, 0, 1, 2, 3, 1, 2].map { x[1][$0, head] } }
                )
                return x[0].attention(heads: 3, offsets: offsets, window: 2, bias: bias)
            }
        ),
        Op(
            testDescription: "rotary positions",
            shapes: [(11, 24)],
            apply: { $0.rotated($0.parameter(0), offsets: offsets, heads: 2, frequencies: [1, 0.25]) },
            reference: { rotated($0[0], heads: 2, [1, 0.25]) }
        ),
        Op(
            testDescription: "sums of table rows",
            shapes: [(5, 6), (5, 6), (1, 6)],
            apply: { $0.embeddingSum(tables: [0, 1, 2], ids: ids) },
            reference: { tables in
                DoubleMatrix(
                    rows: 8,
                    columns: 6,
                    elements: (0..<48).map { index in
                        (0..<3).reduce(0) { $0 + tables[$1][Int(ids[$1][index / 6]), index % 6] }
                    }
                )
            }
        ),
        Op(
            testDescription: "sums of table rows where some tables have none",
            shapes: [(5, 6), (3, 6), (1, 6)],
            apply: { $0.embeddingSum(tables: [0, 1, 2], ids: sparseIDs) },
            reference: { tables in
                DoubleMatrix(
                    rows: 8,
                    columns: 6,
                    elements: (0..<48).map { index in
                        (0..<3).reduce(0) { sum, table in
                            let row = Int(sparseIDs[table][index / 6])
                            return row < 0 ? sum : sum + tables[table][row, index % 6]
                        }
                    }
                )
            }
        ),
        Op(
            testDescription: "weighted pooling",
            shapes: [(11, 5)],
            apply: { $0.pool($0.parameter(0), offsets: offsets, weights: poolWeights) },
            reference: { x in
                ofTexts(x[0]) { rows, column in rows.reduce(0) { $0 + Double(poolWeights[$1]) * x[0][$1, column] } }
            }
        ),
        Op(
            testDescription: "the greatest of each column",
            shapes: [(11, 5)],
            apply: {
                $0.poolMaximum($0.parameter(0), starts: Array(offsets.dropLast()), ends: Array(offsets.dropFirst()))
            },
            reference: { x in ofTexts(x[0]) { rows, column in rows.map { x[0][$0, column] }.max() ?? 0 } }
        ),
        Op(
            testDescription: "columns side by side, half a sum",
            shapes: [(3, 2), (3, 4)],
            apply: {
                let (x, y) = ($0.parameter(0), $0.parameter(1))
                let joined = $0.concatenated([x, y, x])
                return $0.sum(joined, joined, times: 0.5)
            },
            reference: { x in
                DoubleMatrix(
                    rows: 3,
                    columns: 8,
                    elements: (0..<3).flatMap { x[0][row: $0] + x[1][row: $0] + x[0][row: $0] }
                )
            }
        ),
        Op(
            testDescription: "a layer",
            shapes: layerShapes,
            apply: { layer($0, dropout: 0) },
            reference: { referenceLayer($0) }
        ),
    ]

    /// x; qkv, output, up and down with their biases; two norms.
    static let layerShapes = [
        (11, 6), (18, 6), (1, 18), (6, 6), (1, 6), (10, 6), (1, 10), (6, 10), (1, 6), (1, 6), (1, 6), (1, 6), (1, 6),
    ]

    /// BERT's layer: attention, sum and norm, feed-forward, sum and norm.
    @Sendable static func layer(_ tape: Tape, dropout: Float) -> Variable {
        let x = tape.parameter(0)
        let settings = AttentionSettings(heads: 2, headDimension: 3, dropout: dropout)
        let mixed = tape.attention(tape.linear(x, weight: 1, bias: 2), offsets: offsets, settings)
        let output = tape.dropout(tape.linear(mixed, weight: 3, bias: 4), rate: dropout)
        let middle = tape.layerNorm(output, residual: x, gamma: 9, beta: 10, epsilon: 0.01)
        let up = tape.activation(tape.linear(middle, weight: 5, bias: 6), .gelu)
        let down = tape.dropout(tape.linear(up, weight: 7, bias: 8), rate: dropout)
        return tape.layerNorm(down, residual: middle, gamma: 11, beta: 12, epsilon: 0.01)
    }

    /// What dropout keeps of element `index`: the op's number on its tape is the stream's, counted from 1.
    static func kept(_ op: UInt64, _ index: Int, _ rate: Float) -> Double {
        let block = UInt64(index / 4)
        return Double(droppedFactor(seed: 11, stream: 50 + op, block: block, word: index % 4, rate: rate))
    }

    @Sendable static func referenceLayer(_ p: [DoubleMatrix], dropout rate: Float = 0) -> DoubleMatrix {
        func dropped(_ x: DoubleMatrix, _ op: UInt64) -> DoubleMatrix {
            guard rate > 0 else { return x }
            var x = x
            for index in x.elements.indices { x.elements[index] *= kept(op, index, rate) }
            return x
        }
        let mixed = p[0].linear(p[1], bias: p[2]).attention(heads: 2, offsets: offsets) { row, head, key in
            rate == 0 ? 1 : kept(1, ((row * 2 + head) << 14) * 4 + key, rate)
        }
        let output = dropped(mixed.linear(p[3], bias: p[4]), 2)
        let middle = (output + p[0]).layerNorm(gamma: p[9], beta: p[10], epsilon: Double(Float(0.01)))
        let up = middle.linear(p[5], bias: p[6]).mapped(gelu)
        let down = dropped(up.linear(p[7], bias: p[8]), 3)
        return (down + middle).layerNorm(gamma: p[11], beta: p[12], epsilon: Double(Float(0.01)))
    }

    static let tolerance = Tolerance(relative: 2e-5, absolute: 1e-6)

    @Test(arguments: ops)
    func `values and every gradient match the reference`(op: Op) {
        let parameters = op.parameters(seed: 1)
        let found = op.run(parameters)
        let values = parameters.map { DoubleMatrix($0) }
        expectClose(found.value, op.reference(values), Self.tolerance, "value")
        for index in parameters.indices {
            let expected = differences(at: values[index]) { moved in
                var all = values
                all[index] = moved
                return op.reference(all).dot(DoubleMatrix(found.dY))
            }
            expectClose(
                found.gradients[index] ?? Matrix(rows: 0, columns: 0),
                expected,
                Self.tolerance,
                "gradient of \(index)"
            )
            // Another loss has another gradient.
            let other = op.run(parameters, lossSeed: 98).gradients[index]?.elements.map(Double.init) ?? []
            #expect(excess(other, over: expected.elements, Self.tolerance).ratio > 10)
        }
    }

    @Test func `a layer with dropout has the gradient of what was kept`() {
        let op = Op(
            testDescription: "",
            shapes: Self.layerShapes,
            apply: { Self.layer($0, dropout: 0.3) },
            reference: { Self.referenceLayer($0, dropout: 0.3) }
        )
        let parameters = op.parameters(seed: 1)
        let found = op.run(parameters, randomness: DropoutRandomness(seed: 11, stream: 50))
        let values = parameters.map { DoubleMatrix($0) }
        expectClose(found.value, op.reference(values), Self.tolerance, "value")
        for index in parameters.indices {
            let expected = differences(at: values[index]) { moved in
                var all = values
                all[index] = moved
                return op.reference(all).dot(DoubleMatrix(found.dY))
            }
            let gradient = found.gradients[index] ?? Matrix(rows: 0, columns: 0)
            expectClose(gradient, expected, Self.tolerance, "gradient of \(index)")
        }
        // The same randomness gives the same bits; another seed or stream, or none, does not.
        func value(_ randomness: DropoutRandomness?) -> Matrix { op.run(parameters, randomness: randomness).value }
        #expect(value(DropoutRandomness(seed: 11, stream: 50)) == found.value)
        #expect(value(DropoutRandomness(seed: 11, stream: 51)) != found.value)
        #expect(value(DropoutRandomness(seed: 12, stream: 50)) != found.value)
        #expect(value(nil) == op.run(parameters, randomness: nil).value)
        #expect(value(nil) != found.value)
    }

    /// Large enough that every op is split among threads.
    @Test func `one, two and three threads give the same bits`() {
        var random = RandomStream(seed: 3)
        let width = 96
        let tokens = 700
        let shapes = [
            (tokens, width), (3 * width, width), (1, 3 * width), (width, width), (1, width), (4 * width, width),
            (1, 4 * width), (width, 4 * width), (1, width), (1, width), (1, width), (1, width), (1, width), (9, 6),
        ]
        let parameters = shapes.map { random.normal(rows: $0.0, columns: $0.1, deviation: 0.2) }
        let offsets: [Int32] = [0, 3, 3, 60, 260, 700]
        func run(_ threads: Int?, single: Bool) -> [Matrix] {
            let weights = Weights(parameters)
            let workers = threads.map { Workers.shared(threads: $0) }
            let randomness = DropoutRandomness(seed: 1, stream: 2)
            let tape = Tape(weights, isRecording: true, workers: workers, randomness: randomness)
            let x = tape.parameter(0)
            let texts = single ? [0, Int32(tokens)] : offsets
            let turned = tape.rotated(
                tape.linear(x, weight: 1, bias: 2),
                offsets: texts,
                heads: 6,
                frequencies: (0..<8).map { 1 / Float($0 + 1) }
            )
            let mixed = tape.attention(
                turned,
                bias: single ? nil : tape.columns(ofTable: 13, rows: (0..<29).map { $0 % 9 }),
                offsets: texts,
                AttentionSettings(heads: 6, headDimension: 16, window: single ? 40 : nil, dropout: 0.1)
            )
            let output = tape.dropout(tape.linear(mixed, weight: 3, bias: 4), rate: 0.1)
            let middle = tape.layerNorm(output, residual: x, gamma: 9, beta: 10, epsilon: 1e-5)
            let up = tape.activation(tape.linear(middle, weight: 5, bias: 6), .gelu)
            let last = tape.layerNorm(
                tape.linear(up, weight: 7, bias: 8),
                residual: middle,
                gamma: 11,
                beta: 12,
                epsilon: 1e-5
            )
            let pooled = tape.pool(last, offsets: texts, weights: Array(repeating: 0.1, count: tokens))
            let found = tape.backpropagate(pooled.value, from: pooled)
            return [pooled.value] + found.dense.sorted { $0.key < $1.key }.map(\.value)
        }
        for single in [false, true] {
            let expected = run(nil, single: single)
            #expect(expected.count == (single ? 14 : 15))
            for threads in 1...3 { #expect(run(threads, single: single) == expected, "\(threads) threads") }
        }
    }

    @Test(arguments: ops)
    func `frozen weights get no gradient and the others the same one`(op: Op) {
        let parameters = op.parameters(seed: 1)
        let all = op.run(parameters)
        for frozen in parameters.indices {
            let isTrained = parameters.indices.map { $0 != frozen }
            let found = op.run(parameters, isTrained: isTrained)
            #expect(found.value == all.value)
            for index in parameters.indices {
                #expect(
                    index == frozen ? found.gradients[index] == nil : found.gradients[index] == all.gradients[index]
                )
            }
        }
        let none = op.run(parameters, isTrained: parameters.map { _ in false })
        #expect(none.value == all.value && none.bytes == 0)
        #expect(none.gradients.allSatisfy { $0 == nil })
        #expect(all.bytes > 0)
    }

    @Test func `what is computed from constants and frozen weights alone is not recorded`() {
        let frozen = Weights(
            [Matrix(rows: 4, columns: 4, repeating: 0.5), Matrix(rows: 1, columns: 4, repeating: 1)],
            isTrained: [false, true]
        )
        let tape = Tape(frozen, isRecording: true)
        let x = tape.constant(Matrix(rows: 3, columns: 4, repeating: 2))
        let y = tape.linear(x, weight: 0, bias: nil)
        #expect(tape.byteCount == 0)
        let z = tape.linear(y, weight: 0, bias: 1)
        #expect(tape.byteCount == z.value.count * MemoryLayout<Float>.stride)
        #expect(tape.backpropagate(z.value, from: z).dense.keys.sorted() == [1])
        #expect(tape.backpropagate(y.value, from: y).dense.isEmpty)
        let silent = Tape(Weights(frozen.values), isRecording: false)
        #expect(silent.linear(y, weight: 0, bias: 1).value == z.value)
        #expect(silent.byteCount == 0)
    }
}
