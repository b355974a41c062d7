import Foundation
import SemblanceNumerics
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples, and lengths around the block.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `digests are the standard's`(text: String, expected: String) {
        var digest = SHA256()
        digest.update(text)
        #expect(digest.finalize() == expected)
    }

    @Test func `pieces give what the whole gives`() {
        for length in 0..<200 {
            let bytes = Data((0..<length).map { UInt8($0) })
            var whole = SHA256()
            whole.update(bytes)
            let expected = whole.finalize()
            for cut in stride(from: 0, through: length, by: 13) {
                var pieces = SHA256()
                pieces.update(bytes.prefix(cut))
                pieces.update(bytes.dropFirst(cut))
                #expect(pieces.finalize() == expected)
            }
        }
    }
}
