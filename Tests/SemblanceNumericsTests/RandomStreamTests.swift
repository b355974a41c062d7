import CSemblanceKernels
import Foundation
import SemblanceNumerics
import Testing

@Suite struct RandomStreamTests {
    /// The known answers that come with the paper's own library (Random123, kat_vectors): philox4x32 10.
    @Test(arguments: [
        (UInt64(0), UInt64(0), UInt64(0), [UInt32(0x6627_e8d5), 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        (.max, .max, .max, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            0x299f_31d0_a409_3822, 0x0370_7344_1319_8a2e, 0x85a3_08d3_243f_6a88,
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        ),
    ])
    func `blocks are the published ones`(seed: UInt64, stream: UInt64, counter: UInt64, expected: [UInt32]) {
        var words = [UInt32](repeating: 0, count: 4)
        unsafe semblance_philox(seed, stream, counter, &words)
        #expect(words == expected)
    }

    @Test func `numbers follow the blocks, and a saved position goes on where it was`() throws {
        var random = RandomStream(seed: 5, stream: 9)
        var expected: [UInt64] = []
        for block in 0..<3 {
            var words = [UInt32](repeating: 0, count: 4)
            unsafe semblance_philox(5, 9, UInt64(block), &words)
            expected += [UInt64(words[0]) | UInt64(words[1]) << 32, UInt64(words[2]) | UInt64(words[3]) << 32]
        }
        let first = (0..<3).map { _ in random.next() }
        var resumed = try JSONDecoder().decode(RandomStream.self, from: JSONEncoder().encode(random))
        #expect(first + (0..<3).map { _ in resumed.next() } == expected)
    }

    @Test func `seeds, streams and positions differ`() {
        let starts = [
            RandomStream(seed: 1), RandomStream(seed: 2), RandomStream(seed: 1, stream: 1),
            RandomStream(seed: 1, position: 1),
        ]
        let numbers = starts.map { start in
            var random = start
            return random.next()
        }
        #expect(Set(numbers).count == starts.count)
    }

    @Test func `matrices take whole blocks, and their numbers don't depend on their shape`() {
        var (one, other) = (RandomStream(seed: 3), RandomStream(seed: 3))
        #expect(one.normal(rows: 5, columns: 7).elements == other.normal(rows: 7, columns: 5).elements)
        #expect(one == other)
        #expect(one.position == 18)
        _ = one.next()
        #expect(one.uniform(rows: 1, columns: 1) != other.uniform(rows: 1, columns: 1))
    }

    @Test func `uniform numbers have the moments of their distribution`() {
        var random = RandomStream(seed: 11)
        let numbers = random.uniform(rows: 100, columns: 1000, in: -1...3).elements.map(Double.init)
        #expect(numbers.allSatisfy { $0 >= -1 && $0 < 3 })
        let mean = numbers.reduce(0, +) / 1e5
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
        #expect(abs(mean - 1) < 0.015)
        #expect(abs(variance - 16.0 / 12) < 0.02)
    }

    @Test func `normal numbers are those of Box and Muller`() {
        var random = RandomStream(seed: 12, stream: 1)
        let numbers = random.normal(rows: 1, columns: 9_999).elements
        for i in stride(from: 0, to: 9_998, by: 2) {
            var words = [UInt32](repeating: 0, count: 4)
            unsafe semblance_philox(12, 1, UInt64(i / 4), &words)
            let radius = (-2 * log((Double(words[i % 4]) + 1) / 4_294_967_296)).squareRoot()
            let angle = 2 * Double.pi * Double(words[i % 4 + 1]) / 4_294_967_296
            #expect(abs(Double(numbers[i]) - radius * cos(angle)) < 4e-7)
            #expect(abs(Double(numbers[i + 1]) - radius * sin(angle)) < 4e-7)
        }
        let moments = (1...4).map { power in numbers.reduce(0.0) { $0 + pow(Double($1), Double(power)) } / 9_999 }
        #expect(abs(moments[0]) < 0.04 && abs(moments[1] - 1) < 0.06)
        #expect(abs(moments[2]) < 0.12 && abs(moments[3] - 3) < 0.4)
    }

    /// Bits that another machine must find too.
    @Test func `normal numbers are the same on every machine`() {
        var random = RandomStream(seed: 1)
        let bits = random.normal(rows: 1, columns: 6).elements.map(\.bitPattern)
        #expect(bits == [0x3ec2_c3e3, 0xbe97_b1bc, 0xbe7f_370c, 0xbf80_7dbd, 0x3f20_7fa8, 0xbf22_4cc3])
    }

    @Test func `permutations are permutations, each place as likely`() {
        var random = RandomStream(seed: 13)
        for count in [0, 1, 2, 3, 100] { #expect(random.permutation(of: count).sorted() == Array(0..<count)) }
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 4), count: 4)
        for _ in 0..<4_000 { for (place, item) in random.permutation(of: 4).enumerated() { counts[place][item] += 1 } }
        for count in counts.joined() { #expect(abs(count - 1_000) < 150) }
    }
}
