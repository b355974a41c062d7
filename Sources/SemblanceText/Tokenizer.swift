internal import CSemblanceText

/// Turns texts into token ids: a normaliser, a pre-tokenizer that cuts words, and word pieces, byte pairs or a unigram
/// model for each.
///
/// The ids are those of Hugging Face's `tokenizers` for the same file. A tokenizer is immutable; any number of threads
/// may use it at once.
public final class Tokenizer: Sendable {
    let definition: TokenizerDefinition
    let vocabulary: Vocabulary
    private let handle: TokenizerHandle
    /// The id of the token that stands for what the vocabulary can't spell; nil if there is none.
    public let unknownTokenID: Int32?
    /// One more than the greatest id: the rows an embedding table needs.
    public let vocabularySize: Int

    init(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary, of file: String) throws(TextError) {
        let unknown = try definition.model.unknownID(in: vocabulary, of: file)
        handle = try TokenizerHandle(definition, vocabulary, unknown: unknown, of: file)
        self.definition = definition
        self.vocabulary = vocabulary
        unknownTokenID = unknown
        vocabularySize = Int(max(vocabulary.limit, (definition.added.map(\.id).max() ?? -1) + 1))
    }

    /// The length in tokens, special ones included, that the tokenizer's file cuts texts to.
    public var maximumLength: Int? { definition.truncation?.maximumLength }

    /// How many special tokens follow a text.
    package var trailingSpecialTokens: Int { definition.template.after.count }

    /// The token with this id.
    public func token(for id: Int32) -> String? {
        definition.added.first { $0.id == id }?.content ?? vocabulary.token(for: id)
    }

    /// The id of a token of the vocabulary or an added one; tokens are compared byte by byte.
    public func id(for token: String) -> Int32? {
        definition.added.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? vocabulary.id(for: token)
    }

    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - text: any text; none is an error.
    ///   - addingSpecialTokens: whether the special tokens of the tokenizer's template stand around it.
    ///   - maximumLength: how many ids there are at most, special tokens included; what is too much is cut off at the
    ///     end of the text. nil cuts as the tokenizer's file says (``maximumLength``), `.max` never.
    /// - Complexity: linear in the text, or in what is kept of it.
    public func encode(_ text: String, addingSpecialTokens: Bool = true, maximumLength: Int? = nil) -> [Int32] {
        encode(CollectionOfOne(text), addingSpecialTokens: addingSpecialTokens, maximumLength: maximumLength).ids
    }

    /// The ids of texts, one text after another on the calling thread.
    ///
    /// - Parameters:
    ///   - maximumScalars: only so many Unicode scalars of each text are read.
    ///   - droppingUnknown: takes unknown tokens out, after the text was cut to its length.
    package func encode(
        _ texts: some Collection<String>,
        addingSpecialTokens: Bool,
        maximumLength: Int?,
        maximumScalars: Int? = nil,
        droppingUnknown: Bool = false
    ) -> TokenBatch {
        let truncation = definition.truncation
        let how = semblance_tokenizing(
            special: addingSpecialTokens,
            from_left: maximumLength == nil && truncation?.fromLeft == true,
            without_unknown: droppingUnknown,
            maximum: max(maximumLength ?? truncation?.maximumLength ?? .max, 0),
            maximum_scalars: max(maximumScalars ?? .max, 0)
        )
        let tokens = TokenCollector()
        for text in texts {
            var text = text
            text.withUTF8 {
                unsafe semblance_tokenize(handle.raw, how, $0.baseAddress, $0.count, tokens.raw)
            }
        }
        return TokenBatch(tokens)
    }

    /// The same tokenizer over texts in lower case.
    package func lowercasing() throws(TextError) -> Tokenizer {
        var definition = definition
        guard definition.normalizer.lowerFirst() else { return self }
        return try Tokenizer(definition, vocabulary, of: "the tokenizer in lower case")
    }

    /// The median length of the tokens in Unicode scalars, added ones included, rounded down.
    package var medianTokenLength: Int {
        vocabulary.medianLength(with: definition.added.filter { vocabulary.id(for: $0.content) == nil }.map(\.content))
    }
}

/// The C side of a tokenizer; immutable once made, so any thread may read it: that is why it is Sendable.
@safe
private final class TokenizerHandle: @unchecked Sendable {
    let raw: OpaquePointer

    init(
        _ definition: TokenizerDefinition,
        _ vocabulary: Vocabulary,
        unknown: Int32?,
        of file: String
    ) throws(TextError) {
        let bytes = definition.preTokenizer.makesBytes
        if bytes, case .bytePairs = definition.model {
        } else if bytes {
            throw TextError(.unsupported, "\(file): pre_tokenizer is ByteLevel; only models of byte pairs can have it")
        }
        guard let splitter = unsafe definition.preTokenizer.make() else {
            throw TextError(.unsupported, "\(file): pre_tokenizer has more steps than are supported")
        }
        let normalizer: OpaquePointer
        do {
            unsafe normalizer = try definition.normalizer.make(of: file)
        } catch {
            unsafe semblance_splitter_destroy(splitter)
            throw error
        }
        let model = unsafe definition.model.make(vocabulary, unknown: unknown ?? -1, takingBytes: bytes)
        var list = TokenList()
        for token in definition.added { list.append(token.content, id: token.id) }
        var conflict = 0
        let created = unsafe definition.added.map(\.flags).withUnsafeBufferPointer { flags in
            unsafe definition.template.before.withUnsafeBufferPointer { before in
                unsafe definition.template.after.withUnsafeBufferPointer { after in
                    unsafe withUnsafePointer(to: list.raw) { added in
                        unsafe withUnsafePointer(
                            to: semblance_tokenizer_settings(
                                normalizer: normalizer,
                                splitter: splitter,
                                model: model,
                                unknown: unknown ?? -1,
                                added: added,
                                added_flags: flags.baseAddress,
                                before: before.baseAddress,
                                after: after.baseAddress,
                                before_count: before.count,
                                after_count: after.count
                            )
                        ) { unsafe semblance_tokenizer_create($0, &conflict) }
                    }
                }
            }
        }
        guard let created = unsafe created else {
            throw TextError(
                .invalidVocabulary,
                "\(file): the added token “\(list[conflict])” is empty, or the normaliser leaves nothing of it"
            )
        }
        unsafe raw = created
    }

    deinit { unsafe semblance_tokenizer_destroy(raw) }
}

/// Collects ids on the C side; used by one thread at a time.
@safe
final class TokenCollector {
    let raw: OpaquePointer = unsafe semblance_tokens_create()

    var idCount: Int { unsafe semblance_tokens_id_count(raw) }
    var textCount: Int { unsafe semblance_tokens_text_count(raw) }

    deinit { unsafe semblance_tokens_destroy(raw) }
}
