/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A text of a few words over a small alphabet with some of everything in it.
    mutating func text(maximumWords: Int = 12) -> String {
        let letters = Array("aabbccddeABCéßİñ中文가กि1-.[😀\u{301}\u{ad}\u{3000}".unicodeScalars)
        var text = ""
        for _ in 0..<Int.random(in: 0...maximumWords, using: &self) {
            for _ in 0..<Int.random(in: 1...6, using: &self) {
                text.unicodeScalars.append(letters.randomElement(using: &self) ?? "a")
            }
            text += [" ", "  ", "\n", ""].randomElement(using: &self) ?? " "
        }
        return text
    }
}
