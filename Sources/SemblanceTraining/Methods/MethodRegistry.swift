/// The methods that come with the library.
public enum MethodRegistry {
    /// Their names, in order.
    public static var names: [String] { types.map { $0.name }.sorted() }

    static let types: [any StandardMethod.Type] = [
        AdditiveMargin.self,
        AlignmentUniformity.self,
        ClusterRobustness.self,
        ConfidenceWeights.self,
        DifficultyCurriculum.self,
        EarlyLearning.self,
        FalseNegativeWeights.self,
        GuidedMask.self,
        HardNegativeImportance.self,
        HardnessWeights.self,
        IndividualTemperatures.self,
        InversePropensityWeights.self,
        ModelAwareTemperature.self,
        ProgressiveAttention.self,
        TaskRobustness.self,
    ]
}
