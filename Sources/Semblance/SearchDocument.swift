public import SemblanceRetrieval

/// A document of a ``SearchIndex``.
///
/// As JSON: `{"_id": "…", "title": "…", "text": "…", "metadata": {…}}`; title and metadata may be missing.
public struct SearchDocument: Hashable, Sendable {
    /// The document's id, one of a kind in its index.
    public let id: String
    /// Its title; may be empty.
    public let title: String
    /// Its text.
    public let text: String
    /// Its fields, for filters.
    public let metadata: Metadata

    /// A document.
    public init(id: String, title: String = "", text: String, metadata: Metadata = Metadata()) {
        self.id = id
        self.title = title
        self.text = text
        self.metadata = metadata
    }

    /// What is embedded and searched for words: title and text joined by a blank.
    package var content: String { joined(to: text) }

    /// The title and a part of the text.
    func joined(to text: String) -> String { title.isEmpty ? text : title + " " + text }
}

extension SearchDocument: Codable {
    private enum CodingKeys: String, CodingKey {
        case id = "_id"
        case title, text, metadata
    }

    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        title = try container.decodeIfPresent(String.self, forKey: .title) ?? ""
        text = try container.decode(String.self, forKey: .text)
        metadata = try container.decodeIfPresent(Metadata.self, forKey: .metadata) ?? Metadata()
    }

    /// Writes the JSON form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        if !title.isEmpty { try container.encode(title, forKey: .title) }
        try container.encode(text, forKey: .text)
        if !metadata.fields.isEmpty { try container.encode(metadata, forKey: .metadata) }
    }
}

/// A document that was found.
///
/// As JSON: `{"document": {…}, "score": 0.8, "passage": [0, 120]}`.
public struct SearchHit: Hashable, Sendable, Codable {
    /// The document.
    public let document: SearchDocument
    /// Its score; greater is better. What it means depends on the search: see ``SearchMode``.
    public let score: Float
    /// The passage of the text that matched best, as offsets into its UTF-8; the whole text where it was not cut, or
    /// where words alone were searched.
    public let passage: Range<Int>
}
