import CSemblanceKernels
import Testing

@Suite struct HalfPrecisionTests {
    /// The value of a binary16 by its definition.
    static func value(ofHalf bits: UInt16) -> Float {
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 0x3FF)
        let size: Float =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            default: (1024 + fraction) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
            }
        return bits & 0x8000 == 0 ? size : -size
    }

    @Test(arguments: InstructionSet.available)
    func `every half is its value, and comes back`(path: InstructionSet) {
        let bits = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 7, count: bits.count)
        var back = [UInt16](repeating: 7, count: bits.count)
        path.run {
            unsafe semblance_floats_from_halves(bits, bits.count, &floats)
            unsafe semblance_halves_from_floats(floats, bits.count, &back)
        }
        for (i, half) in bits.enumerated() {
            let expected = Self.value(ofHalf: half)
            if expected.isNaN {
                #expect(floats[i].isNaN && Self.value(ofHalf: back[i]).isNaN)
            } else {
                #expect(floats[i].bitPattern == expected.bitPattern)
                #expect(back[i] == half)
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func `every bfloat is its value, and comes back`(path: InstructionSet) {
        let bits = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 7, count: bits.count)
        var back = [UInt16](repeating: 7, count: bits.count)
        path.run {
            unsafe semblance_floats_from_bfloats(bits, bits.count, &floats)
            unsafe semblance_bfloats_from_floats(floats, bits.count, &back)
        }
        for (i, bfloat) in bits.enumerated() {
            #expect(floats[i].bitPattern == UInt32(bfloat) << 16)
            if floats[i].isNaN { #expect(back[i] & 0x7FFF > 0x7F80) } else { #expect(back[i] == bfloat) }
        }
    }

    /// Between two neighbours: below the middle, on it, above it.
    @Test(arguments: InstructionSet.available)
    func `rounding goes to the nearest, ties to even`(path: InstructionSet) {
        path.run {
            for low in stride(from: UInt16(0), to: 0x7BFF, by: 7) {
                let values = (Self.value(ofHalf: low), Self.value(ofHalf: low + 1))
                let middle = (values.0 + values.1) / 2
                let even = low % 2 == 0 ? low : low + 1
                let x = [middle.nextDown, middle, middle.nextUp, -middle]
                var found = [UInt16](repeating: 7, count: 4)
                unsafe semblance_halves_from_floats(x, 4, &found)
                #expect(found == [low, even, low + 1, even | 0x8000])
            }
            for low in stride(from: UInt16(0), to: 0x7F80, by: 7) {
                let bits = UInt32(low) << 16
                let x = [bits | 0x7FFF, bits | 0x8000, bits | 0x8001].map { Float(bitPattern: $0) }
                var found = [UInt16](repeating: 7, count: 3)
                unsafe semblance_bfloats_from_floats(x, 3, &found)
                #expect(found == [low, low % 2 == 0 ? low : low + 1, low + 1])
            }
            var found = [UInt16](repeating: 7, count: 4)
            unsafe semblance_halves_from_floats([65_519.996, 65_520, .infinity, 1e30], 4, &found)
            #expect(found == [0x7BFF, 0x7C00, 0x7C00, 0x7C00])
        }
    }
}
