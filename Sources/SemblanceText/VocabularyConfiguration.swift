/// How a vocabulary of word pieces is learned from texts.
public struct VocabularyConfiguration: Codable, Hashable, Sendable {
    /// How many tokens there are at most, special ones included; a small corpus gives fewer.
    ///
    /// A vector is learned for each, so what is too rare only adds noise: over WordNet's glosses (9 MB) static models
    /// were best with 6,000 to 16,000. Hundreds of megabytes feed 30,000 and more.
    public var size = 12_000
    /// Pieces are only joined to a longer one that occurs at least so often.
    ///
    /// 1 or 2 makes a token of nearly every word; with some thousand texts 3 to 5 is better.
    public var minimumFrequency = 4
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
    /// nil is a third of ``size``, but 256 at least.
    public var alphabetLimit: Int?

    /// The defaults, to be changed one by one.
    public init() {}
}
