import CSemblanceKernels
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// What dropout does to an element, straight from its random word.
func droppedFactor(seed: UInt64, stream: UInt64, block: UInt64, word: Int, rate: Float) -> Float {
    var words = [UInt32](repeating: 0, count: 4)
    unsafe semblance_philox(seed, stream, block, &words)
    return Double(words[word]) >= (Double(rate) * 0x1p32).rounded(.down) ? 1 / (1 - rate) : 0
}

@Suite struct DropoutTests {
    static func run(
        _ x: [Float],
        rate: Float,
        seed: UInt64 = 0x1234_5678_9ABC_DEF0,
        stream: UInt64 = 77,
        counter: UInt64 = 0
    ) -> [Float] {
        var y = [Float](repeating: 7, count: x.count)
        unsafe semblance_dropout(seed, stream, counter, rate, x, x.count, &y)
        return y
    }

    @Test(arguments: InstructionSet.available, [0.1, 0.5, 0.9] as [Float])
    func `each element is decided by its own random word`(path: InstructionSet, rate: Float) {
        var random = RandomStream(seed: 3)
        let x = random.normal(rows: 1, columns: 300).elements
        // The carry of the low half of the counter, too.
        for first in [0, 5, 0xFFFF_FFFC, 0xFFFF_FFFF_FFFF_FFFE] as [UInt64] {
            let expected = x.enumerated().map { index, value in
                value
                    * droppedFactor(
                        seed: 0x1234_5678_9ABC_DEF0,
                        stream: 77,
                        block: first &+ UInt64(index / 4),
                        word: index % 4,
                        rate: rate
                    )
            }
            path.run {
                #expect(Self.run(x, rate: rate, counter: first) == expected)
                // Runs may begin at every whole block, and end anywhere.
                for start in stride(from: 0, to: 72, by: 4) {
                    let end = start + 1 + start * 3
                    let part = Self.run(
                        Array(x[start..<end]),
                        rate: rate,
                        counter: first &+ UInt64(start / 4)
                    )
                    #expect(part == Array(expected[start..<end]))
                }
                #expect(Self.run(x, rate: rate, counter: first &+ 1) != expected)
                #expect(Self.run(x, rate: rate, stream: 78, counter: first) != expected)
                #expect(Self.run(x, rate: rate, seed: 1, counter: first) != expected)
            }
        }
    }

    @Test(arguments: [0.1, 0.3, 0.5] as [Float])
    func `the rate and the mean are kept`(rate: Float) {
        let count = 1 << 20
        let y = Self.run(Array(repeating: 1, count: count), rate: rate)
        let fallen = Double(y.count { $0 == 0 }) / Double(count)
        #expect(abs(fallen - Double(rate)) < 5 * (0.25 / Double(count)).squareRoot())
        let mean = y.reduce(0) { $0 + Double($1) } / Double(count)
        #expect(abs(mean - 1) < 0.01)
        #expect(abs(fallen - Double(rate) - 0.01) > 5 * (0.25 / Double(count)).squareRoot())
    }

    @Test func `dropout may write over its input, and what falls is zero even of NaN`() {
        var x = [Float](repeating: .nan, count: 50)
        let factors = Self.run(Array(repeating: 1, count: 50), rate: 0.5)
        unsafe x.withUnsafeMutableBufferPointer { part in
            guard let base = part.baseAddress else { return }
            unsafe semblance_dropout(0x1234_5678_9ABC_DEF0, 77, 0, 0.5, base, 50, base)
        }
        for (value, factor) in zip(x, factors) { #expect(factor == 0 ? value == 0 : value.isNaN) }
    }
}
