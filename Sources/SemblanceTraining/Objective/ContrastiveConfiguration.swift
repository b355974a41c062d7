// What the contrastive objective compares, and how sharply.

/// Which similarities an anchor's softmax runs over. Queries are anchors, documents their candidates.
public enum ContrastiveDirection: String, Hashable, Sendable, Codable, CaseIterable {
    /// The anchor with every document of the batch: the direction that holds the positive.
    case queryToDocument
    /// The anchor with the other anchors.
    case queryToQuery
    /// The anchor's positive with every anchor.
    case documentToQuery
    /// The anchor's positive with the documents of other rows.
    case documentToDocument
}

/// How several directions make one loss.
public enum ContrastivePartition: String, Hashable, Sendable, Codable {
    /// One softmax over the candidates of all directions (arXiv:2308.03281, §3.3).
    case joint
    /// One softmax for each direction, losses averaged: the symmetric loss where the directions are the two that hold
    /// the positive.
    case separate
}

/// The temperature τ of the softmax: logits are similarity / τ.
public struct Temperature: Hashable, Sendable, Codable {
    /// τ, where training starts with it. The default is 0.07, a scale of 14.
    public var value: Float = 0.07
    /// Whether τ is learned with the weights. The default is no.
    public var isLearned = false
    /// The lowest value a learned τ may take. The default is 0.01, a scale of 100.
    public var minimum: Float = 0.01
    /// The highest value a learned τ may take. The default is 1.
    public var maximum: Float = 1

    /// A temperature.
    public init(_ value: Float = 0.07, isLearned: Bool = false) {
        self.value = value
        self.isLearned = isLearned
    }
}

/// The InfoNCE objective over in-batch candidates and hard negatives.
///
///     s[i, j] = cosine(anchor i, candidate j) / τ
///     loss    = mean over i of Σ over targets t of i: p[t] (logSumExp over open j of s[i, j] − s[i, t])
///
/// Open are the candidates that no mask closes; the target probability is spread evenly over a row's positives.
///
/// - Note: Sources: InfoNCE, arXiv:1807.03748, eq. 4; in-batch negatives, arXiv:1705.00652, §4.4; several directions in
///   one partition, arXiv:2308.03281, §3.3.
public struct ContrastiveConfiguration: Hashable, Sendable, Codable {
    /// The temperature.
    public var temperature = Temperature()
    /// The directions compared. The default is query to document alone.
    public var directions: [ContrastiveDirection] = [.queryToDocument]
    /// How several directions are joined. The default is one softmax.
    public var partition: ContrastivePartition = .joint
    /// Whether candidates with the text of the row's anchor or positive, or that are known positives of the same
    /// anchor, are left out of its softmax. The default is yes.
    public var masksDuplicates = true
    /// Whether candidates that other rows of the same group brought are left out. The default is yes.
    public var masksGroups = true
    /// The share of the target spread evenly over all open candidates, below 1. The default is 0.
    public var labelSmoothing: Float = 0
    /// What is done differently, in this order; see Docs/Objectives.md. The default is nothing.
    public var methods: [MethodChoice] = []
    /// Further views of the embeddings that all of it is done for. The default is none.
    public var nesting = NestingConfiguration()

    /// The defaults.
    public init() {}

    func validate() throws {
        try TrainingError.require(
            temperature.value.isFinite && temperature.value > 0,
            "temperature.value is \(temperature.value): it must be above 0 (0.01 … 1 is usual)"
        )
        try TrainingError.require(
            temperature.minimum > 0 && temperature.maximum >= temperature.minimum && temperature.maximum.isFinite,
            "temperature bounds are \(temperature.minimum) … \(temperature.maximum): "
                + "the minimum must be above 0 and not above the maximum"
        )
        try TrainingError.require(
            directions.contains(.queryToDocument),
            "directions lack queryToDocument, which holds the positive: add it"
        )
        try TrainingError.require(
            Set(directions).count == directions.count,
            "directions name one twice: \(directions.map(\.rawValue))"
        )
        try TrainingError.require(
            partition == .joint || Set(directions).isSubset(of: [.queryToDocument, .documentToQuery]),
            "partition separate needs directions that hold the positive: "
                + "use joint with queryToQuery and documentToDocument"
        )
        try TrainingError.require(
            labelSmoothing >= 0 && labelSmoothing < 1,
            "labelSmoothing is \(labelSmoothing): it must be at least 0 and below 1"
        )
        for choice in methods { try choice.method.validate() }
        try nesting.validate()
    }
}
