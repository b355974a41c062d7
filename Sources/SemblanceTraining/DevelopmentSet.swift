// What a model is evaluated on while it is trained.

public import SemblanceEvaluation

/// What chooses the best weights.
public enum DevelopmentSet: Sendable {
    /// Documents to find, by nDCG@10.
    case retrieval(RetrievalDataset)
    /// Scored pairs to order, by Spearman's correlation.
    case similarity(SimilarityDataset)
}

/// How a model did on a development set.
public enum DevelopmentReport: Codable, Hashable, Sendable {
    /// On documents to find.
    case retrieval(RetrievalReport)
    /// On scored pairs.
    case similarity(SimilarityReport)

    /// The number that decides which weights are best.
    public var score: Double {
        switch self {
        case .retrieval(let report): report.value(of: Evaluator.selectionMetric)
        case .similarity(let report): report.spearman.value
        }
    }

    /// What the number is.
    public var metric: String {
        switch self {
        case .retrieval: "\(Evaluator.selectionMetric)"
        case .similarity: "spearman"
        }
    }
}
