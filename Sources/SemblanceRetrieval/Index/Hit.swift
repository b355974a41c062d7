/// One result of a search.
public struct Hit: Hashable, Sendable, Codable {
    /// The id that the vector was added under.
    public let id: Int64
    /// How well it matches; greater is better for every metric, see ``Metric``.
    public let score: Float

    /// A result.
    public init(id: Int64, score: Float) {
        self.id = id
        self.score = score
    }
}

/// How two vectors are compared; greater scores are better, whatever the metric.
public enum Metric: String, Codable, Sendable, CaseIterable {
    /// ⟨q, x⟩ / (‖q‖ ‖x‖), from −1 to 1; 0 where one of them is all zeros.
    case cosine
    /// ⟨q, x⟩.
    case innerProduct = "inner-product"
    /// −‖q − x‖², the negative squared distance: 0 is a perfect match.
    case l2
}
