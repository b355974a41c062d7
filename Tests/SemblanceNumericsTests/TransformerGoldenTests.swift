import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// The ops of a transformer beside PyTorch's (Fixtures/make_transformer.py).
@Suite struct TransformerGoldenTests {
    struct Golden: Decodable {
        let inputs: [[Float]]
        let output: [Double]
        let dOutput: [Float]
        let gradients: [[Double]]
    }

    static let offsets: [Int32] = [0, 3, 22]

    static func attention(_ tape: Tape, window: Int?) -> Variable {
        let settings = AttentionSettings(heads: 2, headDimension: 5, window: window)
        return tape.attention(tape.parameter(0), bias: tape.parameter(1), offsets: offsets, settings)
    }

    /// The rows of each input, and the op.
    static var ops: [String: (rows: [Int], apply: (Tape) -> Variable)] {
        var ops: [String: (rows: [Int], apply: (Tape) -> Variable)] = [
            "attention": ([22, 2], { attention($0, window: nil) }),
            "windowed attention": ([22, 2], { attention($0, window: 4) }),
            "layer norm": ([4, 1, 1], { $0.layerNorm($0.parameter(0), gamma: 1, beta: 2, epsilon: 0.01) }),
        ]
        for kind in Activation.allCases { ops[kind.rawValue] = ([1], { $0.activation($0.parameter(0), kind) }) }
        return ops
    }

    static func golden() throws -> [String: Golden] {
        let url = Bundle.module.url(forResource: "transformer", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode([String: Golden].self, from: Data(contentsOf: try #require(url)))
    }

    @Test func `values and gradients are PyTorch's`() throws {
        let cases = try Self.golden()
        #expect(Set(cases.keys) == Set(Self.ops.keys))
        for (name, golden) in cases {
            let (rows, apply) = try #require(Self.ops[name])
            let parameters = zip(golden.inputs, rows).map {
                Matrix(rows: $1, columns: $0.count / $1, elements: $0)
            }
            let tape = Tape(Weights(parameters), isRecording: true)
            let y = apply(tape)
            let tolerance = Tolerance(relative: 1e-6, absolute: 1e-6)
            expectClose(y.value.elements.map(Double.init), golden.output, tolerance, name)
            let dY = Matrix(rows: y.value.rows, columns: y.value.columns, elements: golden.dOutput)
            let found = tape.backpropagate(dY, from: y).dense
            for (index, expected) in golden.gradients.enumerated() {
                let gradient = try #require(found[index]).elements.map(Double.init)
                expectClose(gradient, expected, tolerance, "\(name), gradient \(index)")
                #expect(excess(gradient.map { 1.0001 * $0 }, over: expected, tolerance).ratio > 1)
            }
        }
    }

    @Test func `the two forms of GELU are told apart`() throws {
        let golden = try #require(try Self.golden()["gelu"])
        let tape = Tape(Weights([]), isRecording: false)
        let x = Matrix(rows: 1, columns: golden.inputs[0].count, elements: golden.inputs[0])
        let y = tape.activation(tape.constant(x), .geluTanh).value.elements.map(Double.init)
        #expect(excess(y, over: golden.output, Tolerance(relative: 1e-6)).ratio > 10)
    }
}
