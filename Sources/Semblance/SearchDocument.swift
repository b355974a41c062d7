/// A document of a ``SearchIndex``. As JSON: `{"_id": "…", "title": "…", "text": "…"}`; the title may be missing.
public struct SearchDocument: Hashable, Sendable {
    /// The document's id, one of a kind in its index.
    public let id: String
    /// Its title; may be empty.
    public let title: String
    /// Its text.
    public let text: String

    /// A document.
    public init(id: String, title: String = "", text: String) {
        self.id = id
        self.title = title
        self.text = text
    }

    /// What is embedded: title and text joined by a blank.
    package var content: String { title.isEmpty ? text : title + " " + text }
}

extension SearchDocument: Codable {
    private enum CodingKeys: String, CodingKey {
        case id = "_id"
        case title, text
    }

    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        title = try container.decodeIfPresent(String.self, forKey: .title) ?? ""
        text = try container.decode(String.self, forKey: .text)
    }
}

/// A document that was found.
public struct SearchHit: Hashable, Sendable {
    /// The document.
    public let document: SearchDocument
    /// Its score; greater is better.
    public let score: Float
}
