internal import SemblanceNumerics

/// Texts by their words alone: unit vectors whose cosine is high where texts share words.
enum SurfaceVectors {
    /// Enough that two words of a short text seldom fall together.
    static let dimension = 256

    /// `[texts, 256]`: each different word, in lower case, adds 1 or −1 to one component, by its hash; then unit length.
    ///
    /// - Note: Source of the hashing: Weinberger et al. 2009, arXiv:0902.2206.
    static func of(_ texts: [String]) -> Matrix {
        var result = Matrix(rows: texts.count, columns: dimension)
        for (row, text) in texts.enumerated() {
            let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }
            for word in Set(words) {
                let hash = hash(of: word)
                result[row, Int(hash % UInt64(dimension))] += hash >> 63 == 0 ? 1 : -1
            }
        }
        return MatrixExpression(result).unitRows.value
    }

    /// FNV-1a: the same on every machine.
    private static func hash(of word: Substring) -> UInt64 {
        word.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
