import Foundation
import SemblanceNumerics
import Testing

@Suite struct XXH64Tests {
    /// The published values of the reference implementation.
    @Test(
        arguments: [
            ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
            ("message digest", 0x066e_d728_fcee_b3be), ("abcdefghijklmnopqrstuvwxyz", 0xcfe1_f278_fa89_835c),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xaaa4_6907_d304_7814),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                0xe04a_477f_19ee_145d
            ),
        ] as [(String, UInt64)]
    )
    func `hashes are the published ones`(text: String, hash: UInt64) {
        #expect(XXH64.hash(of: Data(text.utf8)) == hash)
    }

    @Test func `pieces give what the whole gives, and a value may be taken between`() {
        for length in 0..<150 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7) }
            unsafe bytes.withUnsafeBytes { bytes in
                for cut in stride(from: 0, through: length, by: 5) {
                    var hash = XXH64()
                    unsafe hash.add(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
                    #expect(unsafe hash.value == XXH64.hash(of: UnsafeRawBufferPointer(rebasing: bytes[..<cut])))
                    unsafe hash.add(UnsafeRawBufferPointer(rebasing: bytes[cut...]))
                    #expect(unsafe hash.value == XXH64.hash(of: bytes))
                }
            }
        }
    }
}
