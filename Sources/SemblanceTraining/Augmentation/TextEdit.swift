internal import CSemblanceKernels

/// One random change of a training text. Shares are of the text's tokens, which are words or pieces of words.
///
/// As JSON: `{"name": "deletion", "share": 0.1}`; values left out take their defaults.
public enum TextEdit: Hashable, Sendable {
    /// A run of tokens is kept, as long as a share drawn from `least...most`; at least one token (arXiv:2112.09118, §3.1).
    case crop(least: Double = 0.1, most: Double = 0.5)
    /// Each token falls with probability `share`; if all would, one stays. The default is that of arXiv:2112.09118,
    /// §3.1; arXiv:2012.15466, §4.1, takes 0.7.
    case deletion(share: Double = 0.1)
    /// Each token becomes a random one of the training texts with probability `share` (arXiv:2112.09118, §3.1).
    case replacement(share: Double = 0.1)
    /// Each token becomes the mask token with probability `share`.
    case masking(share: Double = 0.15)
    /// The tokens that a random run of so many characters touches become one mask token; texts shorter than `least`
    /// characters stay as they are. Blanks don't count (arXiv:2104.08027, §2; the least length is its code's).
    case spanMasking(characters: Int = 5, least: Int = 30)
    /// Runs of `share` of the tokens fall, `spans` of them. A short text loses single tokens, spans · share of them
    /// together, and never all (arXiv:2012.15466, §4.1).
    case spanDeletion(spans: Int = 5, share: Double = 0.05)
    /// Runs of `share` of the tokens change places, `pairs` of pairs; fewer in short texts, as above
    /// (arXiv:2012.15466, §4.1).
    case reordering(pairs: Int = 5, share: Double = 0.05)
    /// Each token becomes one of the `neighbours` nearest to it in the token embeddings that training starts from, with
    /// probability `share`. The paper takes synonyms from a list; random weights have none, so there this is another
    /// ``replacement(share:)`` (arXiv:2012.15466, §4.1).
    case substitution(share: Double = 0.3, neighbours: Int = 10)

    /// What it is called in JSON.
    var name: String {
        switch self {
        case .crop: "crop"
        case .deletion: "deletion"
        case .replacement: "replacement"
        case .masking: "masking"
        case .spanMasking: "span-masking"
        case .spanDeletion: "span-deletion"
        case .reordering: "reordering"
        case .substitution: "substitution"
        }
    }

    /// Every edit with its defaults.
    private static let all: [TextEdit] = [
        .crop(), .deletion(), .replacement(), .masking(), .spanMasking(), .spanDeletion(), .reordering(),
        .substitution(),
    ]

    /// Whether it needs the tokenizer to have a mask token.
    var needsMask: Bool {
        switch self {
        case .masking, .spanMasking: true
        default: false
        }
    }

    func validate() throws {
        func require(_ condition: Bool, _ field: String, _ value: Any, _ what: String) throws {
            try TrainingError.require(condition, "augmentation: \(name).\(field) is \(value): it must be \(what)")
        }
        func requireShare(_ share: Double) throws {
            try require(share >= 0 && share <= 1, "share", share, "0 to 1")
        }
        switch self {
        case .crop(let least, let most):
            try require(least >= 0 && least <= 1, "least", least, "0 to 1")
            try require(most >= least && most <= 1, "most", most, "least (\(least)) to 1")
        case .deletion(let share), .replacement(let share), .masking(let share): try requireShare(share)
        case .spanMasking(let characters, let least):
            try require(characters >= 1 && characters <= 1 << 20, "characters", characters, "1 to 1048576")
            try require(least >= 0 && least <= 1 << 20, "least", least, "0 to 1048576")
        case .spanDeletion(let count, let share):
            try require(count >= 1 && count <= 1000, "spans", count, "1 to 1000")
            try requireShare(share)
            try require(share * Double(count) < 1, "share", share, "below 1 / spans, so that something stays")
        case .reordering(let count, let share):
            try require(count >= 1 && count <= 1000, "pairs", count, "1 to 1000")
            try requireShare(share)
            try require(share * Double(2 * count) <= 1, "share", share, "at most 1 / (2 · pairs) (\(count) pairs)")
        case .substitution(let share, let neighbours):
            try requireShare(share)
            try require(neighbours >= 1 && neighbours <= 1000, "neighbours", neighbours, "1 to 1000")
        }
    }

    /// The edit as the kernel takes it.
    var kernelEdit: semblance_text_edit {
        func edit(
            _ kind: semblance_text_edit_kind,
            _ share: Double = 0,
            most: Double = 0,
            count: Int = 0,
            least: Int = 0
        ) -> semblance_text_edit {
            semblance_text_edit(kind: kind, share: share, most: most, count: Int32(count), least: Int32(least))
        }
        switch self {
        case .crop(let least, let most): return edit(SEMBLANCE_EDIT_CROP, least, most: most)
        case .deletion(let share): return edit(SEMBLANCE_EDIT_DELETE, share)
        case .replacement(let share): return edit(SEMBLANCE_EDIT_REPLACE, share)
        case .masking(let share): return edit(SEMBLANCE_EDIT_MASK, share)
        case .spanMasking(let count, let least): return edit(SEMBLANCE_EDIT_MASK_SPAN, count: count, least: least)
        case .spanDeletion(let spans, let share): return edit(SEMBLANCE_EDIT_DELETE_SPANS, share, count: spans)
        case .reordering(let pairs, let share): return edit(SEMBLANCE_EDIT_SWAP_SPANS, share, count: pairs)
        case .substitution(let share, _): return edit(SEMBLANCE_EDIT_SUBSTITUTE, share)
        }
    }
}

extension TextEdit: Codable {
    private enum Field: String, CodingKey {
        case name, share, least, most, characters, spans, pairs, neighbours
    }

    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Field.self)
        let name = try container.decode(String.self, forKey: .name)
        func number(_ field: Field, _ usual: Double) throws -> Double {
            try container.decodeIfPresent(Double.self, forKey: field) ?? usual
        }
        func count(_ field: Field, _ usual: Int) throws -> Int {
            try container.decodeIfPresent(Int.self, forKey: field) ?? usual
        }
        switch Self.all.first(where: { $0.name == name }) {
        case .crop(let least, let most): self = try .crop(least: number(.least, least), most: number(.most, most))
        case .deletion(let share): self = try .deletion(share: number(.share, share))
        case .replacement(let share): self = try .replacement(share: number(.share, share))
        case .masking(let share): self = try .masking(share: number(.share, share))
        case .spanMasking(let characters, let least):
            self = try .spanMasking(characters: count(.characters, characters), least: count(.least, least))
        case .spanDeletion(let spans, let share):
            self = try .spanDeletion(spans: count(.spans, spans), share: number(.share, share))
        case .reordering(let pairs, let share):
            self = try .reordering(pairs: count(.pairs, pairs), share: number(.share, share))
        case .substitution(let share, let neighbours):
            self = try .substitution(share: number(.share, share), neighbours: count(.neighbours, neighbours))
        case nil:
            throw DecodingError.dataCorruptedError(
                forKey: .name,
                in: container,
                debugDescription: "there is no edit “\(name)”; there are "
                    + Self.all.map(\.name).joined(separator: ", ")
            )
        }
    }

    /// Writes the JSON form, with all values.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Field.self)
        try container.encode(name, forKey: .name)
        switch self {
        case .crop(let least, let most):
            try container.encode(least, forKey: .least)
            try container.encode(most, forKey: .most)
        case .deletion(let share), .replacement(let share), .masking(let share):
            try container.encode(share, forKey: .share)
        case .spanMasking(let characters, let least):
            try container.encode(characters, forKey: .characters)
            try container.encode(least, forKey: .least)
        case .spanDeletion(let spans, let share):
            try container.encode(spans, forKey: .spans)
            try container.encode(share, forKey: .share)
        case .reordering(let pairs, let share):
            try container.encode(pairs, forKey: .pairs)
            try container.encode(share, forKey: .share)
        case .substitution(let share, let neighbours):
            try container.encode(share, forKey: .share)
            try container.encode(neighbours, forKey: .neighbours)
        }
    }
}
