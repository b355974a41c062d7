public import SemblanceEncoders

/// How training texts are changed at random whenever they come into a batch.
///
/// With `fit(texts:)` anchor and positive are two views of one text, each edited on its own. With pairs the edits keep a
/// model from leaning on single words. What a text becomes is a function of the seed, the step, and its place in the
/// batch alone.
///
/// As JSON: a name of ``named``, or `{"edits": [{"name": "deletion", "share": 0.1}], "roles": ["document"]}`.
public struct TextAugmentation: Hashable, Sendable, Codable {
    /// Made one after another.
    public var edits: [TextEdit]
    /// Whose texts are edited: anchors (`query`), positives and negatives (`document`). The default is both.
    public var roles: [Role]

    /// These edits, of the texts of these roles.
    public init(_ edits: [TextEdit], roles: [Role] = Role.allCases) {
        self.edits = edits
        self.roles = roles
    }

    /// Mirror-BERT: a span of five characters is masked in one of two identical strings; dropout does the rest
    /// (arXiv:2104.08027, §2).
    public static let mirror = TextAugmentation([.spanMasking()], roles: [.document])
    /// Contriever: two crops, independent of each other, with a tenth of their tokens deleted (arXiv:2112.09118, §3.1).
    public static let crops = TextAugmentation([.crop(), .deletion()])
    /// Contriever's crops with a tenth of their tokens replaced by random ones.
    public static let replacedCrops = TextAugmentation([.crop(), .replacement()])
    /// CLEAR: seven tenths of the words deleted (arXiv:2012.15466, §4.1).
    public static let wordDeletion = TextAugmentation([.deletion(share: 0.7)])
    /// CLEAR: five spans of a twentieth of the text deleted.
    public static let spanDeletion = TextAugmentation([.spanDeletion()])
    /// CLEAR: five pairs of such spans change places.
    public static let reordering = TextAugmentation([.reordering()])
    /// CLEAR: three tenths of the words replaced by similar ones.
    public static let substitution = TextAugmentation([.substitution()])

    /// The augmentations that have a name of their own.
    public static let named: [(name: String, augmentation: TextAugmentation)] = [
        ("mirror-bert", .mirror), ("contriever", .crops), ("contriever-replacement", .replacedCrops),
        ("clear-word-deletion", .wordDeletion), ("clear-span-deletion", .spanDeletion),
        ("clear-reordering", .reordering), ("clear-substitution", .substitution),
    ]

    /// The augmentation of this name.
    public init?(named name: String) {
        guard let found = Self.named.first(where: { $0.name == name }) else { return nil }
        self = found.augmentation
    }

    /// These edits and then the other's, of the texts of both's roles.
    public func followed(by other: TextAugmentation) -> TextAugmentation {
        TextAugmentation(edits + other.edits, roles: Role.allCases.filter { (roles + other.roles).contains($0) })
    }

    private enum CodingKeys: String, CodingKey { case edits, roles }

    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        if let name = try? decoder.singleValueContainer().decode(String.self) {
            guard let augmentation = TextAugmentation(named: name) else {
                throw DecodingError.dataCorrupted(
                    DecodingError.Context(
                        codingPath: decoder.codingPath,
                        debugDescription: "there is no “\(name)”; there are "
                            + Self.named.map(\.name).joined(separator: ", ")
                    )
                )
            }
            self = augmentation
        } else {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            edits = try container.decode([TextEdit].self, forKey: .edits)
            roles = try container.decodeIfPresent([Role].self, forKey: .roles) ?? Role.allCases
        }
    }

    func validate() throws {
        try TrainingError.require(!edits.isEmpty, "augmentation has no edits: name some, or leave it out")
        try TrainingError.require(!roles.isEmpty, "augmentation has no roles: name query, document or both")
        for edit in edits { try edit.validate() }
    }
}
