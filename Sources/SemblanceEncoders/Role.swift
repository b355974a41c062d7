/// What a text is to the search: a query that looks for something, or a document to be found.
public enum Role: String, Hashable, Sendable, Codable, CaseIterable {
    /// An anchor: what a person types.
    case query
    /// A candidate: what is indexed.
    case document
}
