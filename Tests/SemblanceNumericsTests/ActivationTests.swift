import CSemblanceKernels
import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@Suite struct ActivationTests {
    /// A function, its derivative and its kernel.
    struct Kind: Sendable, CustomTestStringConvertible {
        let kernel: semblance_activation
        let value: @Sendable (Double) -> Double
        let slope: @Sendable (Double) -> Double
        let testDescription: String
    }

    static func normal(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
    static func density(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }
    static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    static func tanhArgument(_ x: Double) -> Double { (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x) }

    static let kinds = [
        Kind(
            kernel: SEMBLANCE_GELU,
            value: gelu,
            slope: { normal($0) + $0 * density($0) },
            testDescription: "GELU"
        ),
        Kind(
            kernel: SEMBLANCE_GELU_TANH,
            value: { 0.5 * $0 * (1 + tanh(tanhArgument($0))) },
            slope: {
                let t = tanh(tanhArgument($0))
                let du = (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * $0 * $0)
                return 0.5 * (1 + t) + 0.5 * $0 * (1 - t * t) * du
            },
            testDescription: "GELU by tanh"
        ),
        Kind(kernel: SEMBLANCE_RELU, value: { max($0, 0) }, slope: { $0 > 0 ? 1 : 0 }, testDescription: "ReLU"),
        Kind(
            kernel: SEMBLANCE_SILU,
            value: { $0 * logistic($0) },
            slope: { logistic($0) * (1 + $0 * (1 - logistic($0))) },
            testDescription: "SiLU"
        ),
        Kind(
            kernel: SEMBLANCE_TANH,
            value: { tanh($0) },
            slope: { 1 - tanh($0) * tanh($0) },
            testDescription: "tanh"
        ),
    ]

    static func values(_ kind: Kind, _ x: [Float]) -> [Float] {
        var y = [Float](repeating: 7, count: x.count)
        unsafe semblance_activate(kind.kernel, x, x.count, &y)
        return y
    }

    static func gradients(_ kind: Kind, _ x: [Float], _ dY: [Float]) -> [Float] {
        var dX = [Float](repeating: 7, count: x.count)
        unsafe semblance_activate_gradient(kind.kernel, x, dY, x.count, &dX)
        return dX
    }

    /// [−30, 30] evenly, and denser around 0.
    static let inputs = (-30_000...30_000).map { Float($0) * 0.001 } + (-2_000...2_000).map { Float($0) * 1e-5 }

    @Test(arguments: InstructionSet.available, kinds)
    func `values and slopes are within 4e-7`(path: InstructionSet, kind: Kind) {
        path.run {
            let found = Self.values(kind, Self.inputs)
            let slopes = Self.gradients(kind, Self.inputs, Self.inputs.map { _ in 1 })
            var (worst, worstSlope) = (0.0, 0.0)
            for (index, x) in Self.inputs.enumerated() {
                let size = 4e-7 * max(1, abs(Double(x)))
                worst = max(worst, abs(Double(found[index]) - kind.value(Double(x))) / size)
                worstSlope = max(worstSlope, abs(Double(slopes[index]) - kind.slope(Double(x))) / size)
            }
            #expect(worst <= 1)
            #expect(worstSlope <= 1.5)
        }
    }

    @Test func `each function is told from the others`() {
        for kind in Self.kinds {
            let expected = Self.inputs.map { kind.value(Double($0)) }
            for other in Self.kinds where other.testDescription != kind.testDescription {
                let found = Self.values(other, Self.inputs).map(Double.init)
                #expect(zip(found, expected).contains { abs($0 - $1) > 4e-7 * max(1, abs($1)) })
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `GELU keeps its digits in the tail and around zero`(path: InstructionSet) {
        let tail = (1...5_000).map { Float($0) * -0.001 }
        let small: [Float] = [1e-3, -1e-3, 1e-10, -1e-20, 1e-30]
        path.run {
            for (x, y) in zip(tail + small, Self.values(Self.kinds[0], tail + small)) {
                let expected = gelu(Double(x))
                #expect(abs(Double(y) - expected) <= 1e-5 * abs(expected), "at \(x)")
            }
        }
    }

    @Test(arguments: InstructionSet.available, kinds)
    func `NaN stays NaN, infinities and denormals do no harm`(path: InstructionSet, kind: Kind) {
        let payload = Float(bitPattern: 0x7FC1_2345)
        let x: [Float] = [
            .nan, payload, -Float.nan, .infinity, -.infinity, Float(bitPattern: 70_000), -Float(bitPattern: 70_000),
            .leastNonzeroMagnitude, 0, -0.0,
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 100, -100, 1e18, -1e18,
        ]
        path.run {
            let y = Self.values(kind, x)
            #expect(y[..<3].allSatisfy { $0.isNaN })
            #expect(y[3] == (kind.kernel == SEMBLANCE_TANH ? 1 : .infinity))
            // −∞ · 0, or the limit.
            #expect(y[4].isNaN || abs(Double(y[4]) - (kind.kernel == SEMBLANCE_TANH ? -1 : 0)) < 1e-20)
            for index in 5..<x.count {
                let expected = kind.value(Double(x[index]))
                #expect(abs(Double(y[index]) - expected) <= 4e-7 * abs(expected) + 1e-20, "at \(x[index])")
            }
            let slopes = Self.gradients(kind, x, x.map { _ in 1 })
            for index in 5..<x.count where abs(x[index]) < 1e19 {
                #expect(abs(Double(slopes[index]) - kind.slope(Double(x[index]))) <= 4e-7, "slope at \(x[index])")
            }
        }
    }

    @Test(arguments: InstructionSet.available, kinds)
    func `a value does not depend on its place or on the count`(path: InstructionSet, kind: Kind) {
        var random = RandomStream(seed: 4)
        let x = random.normal(rows: 1, columns: 100, deviation: 2).elements
        let dY = random.normal(rows: 1, columns: 100).elements
        path.run {
            let (y, dX) = (Self.values(kind, x), Self.gradients(kind, x, dY))
            for count in [0, 1, 2, 15, 16, 17, 31, 33, 99] {
                #expect(Self.values(kind, Array(x.suffix(count))) == Array(y.suffix(count)))
                #expect(
                    Self.gradients(kind, Array(x.suffix(count)), Array(dY.suffix(count))) == Array(dX.suffix(count))
                )
                var inPlace = Array(x.prefix(count))
                unsafe inPlace.withUnsafeMutableBufferPointer { part in
                    if let base = part.baseAddress { unsafe semblance_activate(kind.kernel, base, count, base) }
                }
                #expect(inPlace == Array(y.prefix(count)))
                var gradient = Array(dY.prefix(count))
                unsafe gradient.withUnsafeMutableBufferPointer { part in
                    if let base = part.baseAddress {
                        unsafe semblance_activate_gradient(kind.kernel, x, base, count, base)
                    }
                }
                #expect(gradient == Array(dX.prefix(count)))
            }
        }
    }

    @Test(arguments: InstructionSet.available, kinds)
    func `gated units and their gradient`(path: InstructionSet, kind: Kind) {
        for columns in [1, 15, 16, 17, 40] {
            var random = RandomStream(seed: UInt64(columns))
            let x = random.normal(rows: 3, columns: 2 * columns)
            let dY = random.normal(rows: 3, columns: columns)
            var y = [Float](repeating: 7, count: 3 * columns)
            var dX = [Float](repeating: 7, count: 6 * columns)
            path.run {
                unsafe x.withPointer { x in
                    unsafe semblance_gated(kind.kernel, x, 3, columns, &y)
                    unsafe dY.withPointer { unsafe semblance_gated_gradient(kind.kernel, x, $0, 3, columns, &dX) }
                }
            }
            var (values, gradient) = (y.map { _ in 0.0 }, dX.map { _ in 0.0 })
            for row in 0..<3 {
                for column in 0..<columns {
                    let (a, b) = (Double(x[row, column]), Double(x[row, columns + column]))
                    let d = Double(dY[row, column])
                    values[row * columns + column] = kind.value(a) * b
                    gradient[row * 2 * columns + column] = d * b * kind.slope(a)
                    gradient[row * 2 * columns + columns + column] = d * kind.value(a)
                }
            }
            expectClose(y.map(Double.init), values, Tolerance(relative: 1e-6, absolute: 1e-6))
            expectClose(dX.map(Double.init), gradient, Tolerance(relative: 1e-6, absolute: 1e-6))
        }
    }
}
