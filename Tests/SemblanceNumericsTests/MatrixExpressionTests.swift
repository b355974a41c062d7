import Foundation
import SemblanceTestSupport
import Testing

@testable import SemblanceNumerics

@Suite struct MatrixExpressionTests {
    /// A function of two matrices, and the same in double precision; `positive` keeps operands above 0.1.
    struct Op: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let shapes: (x: (Int, Int), y: (Int, Int))
        var positive = false
        let expression: @Sendable (MatrixExpression, MatrixExpression) -> MatrixExpression
        let reference: @Sendable (DoubleMatrix, DoubleMatrix) -> DoubleMatrix
    }

    /// Element by element, with one row, column or element serving all.
    private static func each(_ f: @escaping @Sendable (Double, Double) -> Double)
        -> @Sendable (DoubleMatrix, DoubleMatrix) -> DoubleMatrix
    {
        { x, y in
            let (rows, columns) = (max(x.rows, y.rows), max(x.columns, y.columns))
            func at(_ m: DoubleMatrix, _ r: Int, _ c: Int) -> Double { m[m.rows == 1 ? 0 : r, m.columns == 1 ? 0 : c] }
            let elements = (0..<rows * columns).map {
                f(at(x, $0 / columns, $0 % columns), at(y, $0 / columns, $0 % columns))
            }
            return DoubleMatrix(rows: rows, columns: columns, elements: elements)
        }
    }

    private static func unary(
        _ name: String,
        positive: Bool = false,
        _ expression: @escaping @Sendable (MatrixExpression) -> MatrixExpression,
        _ f: @escaping @Sendable (Double) -> Double
    ) -> Op {
        Op(testDescription: name, shapes: ((3, 5), (1, 1)), positive: positive) { x, _ in
            expression(x)
        } reference: { x, _ in
            each { a, _ in f(a) }(x, DoubleMatrix(rows: 1, columns: 1, elements: [0]))
        }
    }

    private static func rows(_ m: DoubleMatrix, _ f: ([Double]) -> [Double]) -> DoubleMatrix {
        let all = (0..<m.rows).map { f(m[row: $0]) }
        return DoubleMatrix(rows: m.rows, columns: all[0].count, elements: all.flatMap { $0 })
    }

    static let ops: [Op] = {
        var ops: [Op] = []
        for (name, shapes) in [
            ("same", ((3, 5), (3, 5))), ("row", ((3, 5), (1, 5))), ("column", ((3, 5), (3, 1))),
            ("element", ((3, 5), (1, 1))), ("outer", ((3, 1), (1, 5))), ("flipped", ((1, 5), (3, 5))),
        ] {
            ops += [
                Op(testDescription: "+ \(name)", shapes: shapes, expression: { $0 + $1 }, reference: each { $0 + $1 }),
                Op(testDescription: "− \(name)", shapes: shapes, expression: { $0 - $1 }, reference: each { $0 - $1 }),
                Op(testDescription: "· \(name)", shapes: shapes, expression: { $0 * $1 }, reference: each { $0 * $1 }),
                Op(
                    testDescription: "/ \(name)",
                    shapes: shapes,
                    positive: true,
                    expression: { $0 / $1 },
                    reference: each { $0 / $1 }
                ),
            ]
        }
        ops += [
            unary("exp", \.exp, Foundation.exp),
            unary("log", positive: true, \.log, Foundation.log),
            unary("square root", positive: true, \.squareRoot) { $0.squareRoot() },
            unary("squared", \.squared) { $0 * $0 },
            unary("power", positive: true, { $0.power(1.5) }) { Foundation.pow($0, 1.5) },
            unary("at least", { $0.atLeast(0.3) }) { max($0, Double(Float(0.3))) },
            unary("softplus", \.softplus) { log1p(Foundation.exp($0)) },
            unary("sigmoid", \.sigmoid) { 1 / (1 + Foundation.exp(-$0)) },
            unary("tanh", \.tanh, Foundation.tanh),
            unary("sin", \.sin, Foundation.sin),
            unary("cos", \.cos, Foundation.cos),
            unary("acos", { ($0 * 0.2).acos }) { Foundation.acos(0.2 * $0) },
            unary("magnitude", \.magnitude, abs),
            unary("negated", { 1 - (-$0) }) { 1 + $0 },
            Op(testDescription: "row sums", shapes: ((3, 21), (1, 1)), expression: { x, _ in x.rowSums }) { x, _ in
                rows(x) { [$0.reduce(0, +)] }
            },
            Op(testDescription: "column sums", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.columnSums }) { x, _ in
                DoubleMatrix(rows: 1, columns: 5, elements: (0..<5).map { c in (0..<3).reduce(0) { $0 + x[$1, c] } })
            },
            Op(testDescription: "mean", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.mean }) { x, _ in
                DoubleMatrix(rows: 1, columns: 1, elements: [x.elements.reduce(0, +) / 15])
            },
            Op(testDescription: "log-sum-exp", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.logSumExpOfRows }) {
                x,
                _ in
                rows(x) { [log($0.reduce(0) { $0 + Foundation.exp($1) })] }
            },
            Op(testDescription: "product", shapes: ((3, 5), (5, 4)), expression: { $0.product($1) }) { x, y in
                rows(x) { row in (0..<4).map { c in (0..<5).reduce(0) { $0 + row[$1] * y[$1, c] } } }
            },
            Op(
                testDescription: "product, transposed",
                shapes: ((3, 5), (4, 5)),
                expression: { $0.product($1, transposed: true) }
            ) { x, y in rows(x) { row in (0..<4).map { dot(row, y[row: $0]) } } },
            Op(testDescription: "row dots", shapes: ((3, 5), (3, 5)), expression: { $0.rowDots($1) }) { x, y in
                DoubleMatrix(rows: 3, columns: 1, elements: (0..<3).map { dot(x[row: $0], y[row: $0]) })
            },
            Op(testDescription: "unit rows", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.unitRows }) { x, _ in
                x.unitRows
            },
            Op(testDescription: "rows", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.rows(1..<3) }) { x, _ in
                DoubleMatrix(rows: 2, columns: 5, elements: Array(x.elements[5...]))
            },
            Op(testDescription: "gathering", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.gathering([2, 0, 2]) }) {
                x,
                _ in
                DoubleMatrix(rows: 3, columns: 5, elements: x[row: 2] + x[row: 0] + x[row: 2])
            },
            Op(testDescription: "columns", shapes: ((3, 5), (1, 1)), expression: { x, _ in x.columns(1..<4) }) { x, _ in
                rows(x) { Array($0[1..<4]) }
            },
            Op(
                testDescription: "stacked",
                shapes: ((3, 5), (2, 5)),
                expression: { MatrixExpression.stacked([$1, $0]) }
            ) {
                x,
                y in
                DoubleMatrix(rows: 5, columns: 5, elements: y.elements + x.elements)
            },
        ]
        return ops
    }()

    @Test(arguments: ops, [1, 2] as [UInt64])
    func `value and gradients match the reference`(op: Op, seed: UInt64) {
        var random = RandomStream(seed: seed)
        func operand(_ shape: (Int, Int)) -> DoubleMatrix {
            var x = random.reference(rows: shape.0, columns: shape.1)
            if op.positive { x.elements = x.elements.map { Double(Float(abs($0) + 0.1)) } }
            return x
        }
        let (x, y) = (operand(op.shapes.x), operand(op.shapes.y))
        let tape = Tape(Weights([]), isRecording: true)
        let inputs = [tape.input(x.float), tape.input(y.float)]
        let found = op.expression(MatrixExpression(inputs[0], on: tape), MatrixExpression(inputs[1], on: tape))
        let expected = op.reference(x, y)
        expectClose(found.value, expected, Tolerance(relative: 1e-6), "value")
        // A random weighting of the result, so that transposed gradients can't hide behind a sum.
        let weights = random.reference(rows: expected.rows, columns: expected.columns)
        let gradients = tape.gradients(of: inputs, from: [(weights.float, found.variable)])
        for (index, gradient) in gradients.enumerated() {
            let slope = differences(at: index == 0 ? x : y) { moved in
                dot(weights.elements, (index == 0 ? op.reference(moved, y) : op.reference(x, moved)).elements)
            }
            guard let gradient else {
                #expect(slope.elements.allSatisfy { $0 == 0 }, "no gradient of operand \(index)")
                continue
            }
            expectClose(gradient, slope, Tolerance(relative: 2e-5), "gradient of operand \(index)")
        }
    }

    @Test func `a detached expression is a constant`() {
        let tape = Tape(Weights([]), isRecording: true)
        let input = tape.input(Matrix(rows: 1, columns: 2, elements: [2, 3]))
        let x = MatrixExpression(input, on: tape)
        let y = (x * x.detached).sum
        let gradient = tape.gradients(of: [input], from: [(Matrix(rows: 1, columns: 1, repeating: 1), y.variable)])
        #expect(gradient[0]?.elements == [2, 3])
    }

    @Test func `a row of −∞ has no log-sum-exp and no gradient`() {
        let tape = Tape(Weights([]), isRecording: true)
        let input = tape.input(Matrix(rows: 2, columns: 2, elements: [-.infinity, -.infinity, 0, 0]))
        let y = MatrixExpression(input, on: tape).logSumExpOfRows
        #expect(y.value[0, 0] == -.infinity && abs(y.value[1, 0] - Float(log(2.0))) < 1e-6)
        let gradient = tape.gradients(of: [input], from: [(Matrix(rows: 2, columns: 1, repeating: 1), y.variable)])
        #expect(gradient[0]?.elements == [0, 0, 0.5, 0.5])
    }

    @Test func `comparison gives ones and zeros`() {
        let x = MatrixExpression(Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 4]))
        #expect((x > MatrixExpression(Matrix(rows: 2, columns: 1, elements: [1, 3]))).elements == [0, 1, 0, 1])
    }
}
