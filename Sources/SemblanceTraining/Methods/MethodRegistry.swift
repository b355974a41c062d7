/// The methods that come with the library.
public enum MethodRegistry {
    /// Their names, in order.
    public static var names: [String] { types.map { $0.name }.sorted() }

    static let types: [any StandardMethod.Type] = [
        AlignmentUniformity.self,
        AnglE.self,
        ContrastiveDistillation.self,
        ContrastiveLearningPenalty.self,
        CoSENT.self,
        CosineMSE.self,
        EmbeddingMSE.self,
        EnergyHinge.self,
        GlobalOrthogonality.self,
        GradedDistillation.self,
        GradedRelevance.self,
        ListwiseRanking.self,
        MarginMSE.self,
        RankReduction.self,
        ScoreDistillation.self,
        SoftLabels.self,
    ]
}
