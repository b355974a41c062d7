import CSemblanceKernels
import SemblanceNumerics
import Testing

/// How many bits of codes differ, on every instruction set.
@Suite struct BitScanTests {
    @Test(arguments: [1, 5, 8, 13, 16, 32, 48, 60, 64, 96, 128])
    func `every path counts the bits that differ`(bytes: Int) {
        var random = RandomStream(seed: UInt64(bytes))
        let query = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        let codes = (0..<37 * bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        let expected = (0..<37).map { row in
            Float(zip(query, codes[(row * bytes)...]).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount })
        }
        func scan() -> [Float] {
            var found = [Float](repeating: -1, count: 38)
            unsafe semblance_scan_bits(query, codes, bytes, 37, &found)
            // What lies behind the last row is left.
            #expect(found[37] == -1)
            return Array(found.prefix(37))
        }
        for set in InstructionSet.available { #expect(set.run(scan) == expected) }
        // An AVX-512 without the instruction that counts in vectors.
        semblance_cpu_set_features(0)
        defer { semblance_cpu_set_features(SEMBLANCE_CPU_ALL_FEATURES.rawValue) }
        #expect(scan() == expected)
    }
}
