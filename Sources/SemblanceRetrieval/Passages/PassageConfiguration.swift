/// How long texts are cut into passages.
public struct PassageConfiguration: Codable, Hashable, Sendable {
    /// Tokens of a passage at most; where no tokenizer is at hand, words.
    ///
    /// Passages end with a sentence or a paragraph where one ends in the last third. The default is 200.
    public var length = 200

    /// Tokens at most that a passage has in common with the one before, from 0 to half of ``length``.
    ///
    /// The default is 40.
    public var overlap = 40

    /// The defaults.
    public init() {}

    /// Passages of another length.
    public init(length: Int, overlap: Int) {
        self.length = length
        self.overlap = overlap
    }

    /// Throws ``RetrievalError`` with code `.invalidArgument` for a value out of its range.
    public func validate() throws(RetrievalError) {
        guard length >= 1, length <= 1_000_000 else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "passages of \(length) tokens were asked for; it must be from 1 to 1000000, such as 200"
            )
        }
        guard overlap >= 0, overlap <= length / 2 else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "an overlap of \(overlap) tokens was asked for; of passages of \(length) tokens it must be "
                    + "from 0 to \(length / 2)"
            )
        }
    }
}

/// A part of a text.
public struct Passage: Hashable, Sendable {
    /// Where it is: offsets into the text's UTF-8.
    public let range: Range<Int>
    /// The text there.
    public let text: String
}
