public import SemblanceRetrieval

/// How a ``SearchIndex`` is made; what can't be changed later without building it anew.
public struct SearchConfiguration: Hashable, Sendable, Codable {
    /// How vectors are compared.
    ///
    /// The default is the cosine.
    public var metric = Metric.cosine
    /// How they are found.
    ///
    /// The default goes by their number.
    public var kind = IndexKind.automatic
    /// How long texts are cut into passages; `nil`, the default, embeds each text as a whole, as far as the model reads.
    public var passages: PassageConfiguration?
    /// How words are read and weighed.
    public var lexical = LexicalConfiguration()

    /// The defaults.
    public init() {}

    /// The defaults but for how vectors are compared and found.
    public init(metric: Metric = .cosine, kind: IndexKind = .automatic) {
        self.metric = metric
        self.kind = kind
    }

    func validate() throws {
        try passages?.validate()
        try lexical.validate()
    }
}
