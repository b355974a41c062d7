/// The methods that come with the library.
public enum MethodRegistry {
    /// Their names, in order.
    public static var names: [String] { types.map { $0.name }.sorted() }

    static let types: [any StandardMethod.Type] = [
        AdditiveMargin.self,
        AlignmentUniformity.self,
        AnchorMixtures.self,
        ClusterRobustness.self,
        ConfidenceWeights.self,
        CrossBatchMemory.self,
        DifficultyCurriculum.self,
        EarlyLearning.self,
        FalseNegativeWeights.self,
        GeodesicMixtures.self,
        GuidedMask.self,
        HardNegativeImportance.self,
        HardnessWeights.self,
        IndividualTemperatures.self,
        InversePropensityWeights.self,
        ModelAwareTemperature.self,
        MomentumContrast.self,
        NoiseNegatives.self,
        PolyView.self,
        ProgressiveAttention.self,
        StaticBank.self,
        TaskRobustness.self,
    ]
}
