internal import CSemblanceText

/// Texts as one packed list of token ids, without padding: text `i` has `ids[offsets[i]..<offsets[i + 1]]`.
public struct TokenBatch: Sendable, Hashable {
    /// The ids of all texts, one text after another.
    public private(set) var ids: [Int32]
    /// Where each text begins in ``ids``, and at the end how many ids there are; one more than ``count``.
    public private(set) var offsets: [Int32]

    /// How many texts there are.
    public var count: Int { offsets.count - 1 }

    /// How many tokens all texts have together.
    public var tokenCount: Int { ids.count }

    /// The ids of one text.
    public subscript(text: Int) -> ArraySlice<Int32> {
        precondition(text >= 0 && text < count, "text \(text) is outside 0..<\(count)")
        return ids[Int(offsets[text])..<Int(offsets[text + 1])]
    }

    /// No texts.
    package init() {
        ids = []
        offsets = [0]
    }

    /// Lists of ids, packed.
    package init(_ texts: some Sequence<[Int32]>) {
        self.init()
        for text in texts {
            ids += text
            offsets.append(Self.offset(ids.count))
        }
    }

    /// Ids that are packed already.
    ///
    /// - Precondition: `offsets` begins with 0, never falls, and ends with the count of `ids`.
    package init(ids: [Int32], offsets: [Int32]) {
        precondition(offsets.first == 0 && offsets.last.map(Int.init) == ids.count, "offsets don't fit the ids")
        self.ids = ids
        self.offsets = offsets
    }

    /// Copies what the C side collected.
    init(_ tokens: TokenCollector) {
        let (idCount, textCount) = (tokens.idCount, tokens.textCount)
        _ = Self.offset(idCount)
        var offsets: [Int32] = []
        ids = unsafe Array(unsafeUninitializedCapacity: idCount) { ids, initialized in
            unsafe offsets = Array(unsafeUninitializedCapacity: textCount + 1) { offsets, initialized in
                unsafe semblance_tokens_copy(tokens.raw, ids.baseAddress, offsets.baseAddress)
                initialized = textCount + 1
            }
            initialized = idCount
        }
        self.offsets = offsets
    }

    /// Appends the texts of another batch.
    package mutating func append(contentsOf other: TokenBatch) {
        let base = Self.offset(ids.count)
        _ = Self.offset(ids.count + other.ids.count)
        let first = offsets.count
        ids.append(contentsOf: other.ids)
        offsets.append(contentsOf: other.offsets.dropFirst())
        let added = offsets.count - first
        unsafe offsets.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe semblance_offsets_shift(start + first, added, base)
        }
    }

    /// The texts with the given indices, in that order; an index may occur several times.
    ///
    /// - Precondition: every index is in `0..<count`.
    /// - Complexity: O(texts + tokens of the result), by memory copies.
    package func selecting(_ texts: [Int32]) -> TokenBatch {
        var result = TokenBatch()
        var total: Int64 = 0
        unsafe result.offsets = Array(unsafeUninitializedCapacity: texts.count + 1) { buffer, initialized in
            total = unsafe offsets.withUnsafeBufferPointer { offsets in
                unsafe texts.withUnsafeBufferPointer { texts in
                    unsafe semblance_lists_select_offsets(
                        offsets.baseAddress,
                        count,
                        texts.baseAddress,
                        texts.count,
                        buffer.baseAddress
                    )
                }
            }
            initialized = total < 0 ? 0 : texts.count + 1
        }
        precondition(total >= 0, "an index is outside 0..<\(count), or the result has 2³¹ tokens or more")
        unsafe result.ids = Array(unsafeUninitializedCapacity: Int(total)) { buffer, initialized in
            unsafe ids.withUnsafeBufferPointer { ids in
                unsafe offsets.withUnsafeBufferPointer { offsets in
                    unsafe texts.withUnsafeBufferPointer { texts in
                        unsafe semblance_lists_select_ids(
                            ids.baseAddress,
                            offsets.baseAddress,
                            texts.baseAddress,
                            texts.count,
                            buffer.baseAddress
                        )
                    }
                }
            }
            initialized = Int(total)
        }
        return result
    }

    /// The texts of a range.
    package func selecting(_ texts: Range<Int>) -> TokenBatch {
        selecting((texts.lowerBound..<texts.upperBound).map(Int32.init))
    }

    /// Consecutive texts in ranges of at least so many tokens, the last one of what is left.
    package func chunks(tokens: Int) -> [Range<Int>] {
        var chunks: [Range<Int>] = []
        var first = 0
        for text in 0..<count where Int(offsets[text + 1] - offsets[first]) >= tokens || text == count - 1 {
            chunks.append(first..<text + 1)
            first = text + 1
        }
        return chunks
    }

    private static func offset(_ count: Int) -> Int32 {
        precondition(count <= Int(Int32.max), "a batch holds less than 2³¹ tokens, not \(count)")
        return Int32(count)
    }
}
