/// How a vocabulary of word pieces is learned from texts.
public struct VocabularyConfiguration: Codable, Hashable, Sendable {
    /// How many tokens there are at most, special ones included; a small corpus gives fewer.
    public var size = 30_000
    /// Pieces are only joined to a longer one that occurs at least so often.
    public var minimumFrequency = 2
    /// Whether texts are lowered.
    public var lowercase = true
    /// Whether accents are dropped; nil follows ``lowercase``.
    ///
    /// Say false for languages in which marks are letters, such as Hindi, Thai, Vietnamese or Japanese.
    public var stripAccents: Bool?
    /// Tokens that stand for no text, with the ids from 0 on; ``unknownToken`` is one of them.
    public var specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    /// What stands for a word that can't be spelt.
    public var unknownToken = "[UNK]"
    /// What marks a piece that doesn't begin a word.
    public var continuingPrefix = "##"
    /// How many different scalars words are spelt with, the most frequent ones.
    ///
    /// nil is a quarter of ``size``, but 256 at least.
    public var alphabetLimit: Int?

    /// The defaults, to be changed one by one.
    public init() {}
}
