/// How gradients change weights.
public struct OptimizerConfiguration: Hashable, Sendable, Codable {
    /// The update rules.
    public enum Rule: String, Hashable, Sendable, Codable, CaseIterable {
        /// AdamW (arXiv:1711.05101): every weight, every step. Often the best on little data, and the slowest: its time
        /// grows with the vocabulary.
        case adamW = "adamw"
        /// AdamW, but rows of an embedding table change only in steps that touch them, and so do their moments.
        /// Matrices that every step touches are updated as by ``adamW``.
        case lazyAdam = "lazy-adam"
        /// Adagrad (Duchi et al. 2011): rates fall with the squared gradients seen; sparse in tables. The best where one
        /// epoch must do; takes rates from 0.5 (some 1,000 pairs) to 3.
        case adagrad
    }

    /// The update rule. The default is lazy Adam, which for encoders without tables is AdamW.
    public var rule = Rule.lazyAdam
    /// The decay of the mean of gradients. The default is 0.9.
    public var beta1: Float = 0.9
    /// The decay of the mean of squared gradients. The default is 0.999.
    public var beta2: Float = 0.999
    /// Keeps the division finite. The default is 1e-8.
    public var epsilon: Float = 1e-8
    /// Decoupled weight decay of dense matrices and, with AdamW, of tables; per unit of learning rate. The default is 0.
    public var weightDecay: Float = 0

    /// The defaults.
    public init(rule: Rule = .lazyAdam) { self.rule = rule }

    func validate() throws {
        try TrainingError.require(beta1 >= 0 && beta1 < 1, "optimizer.beta1 is \(beta1): it must be in 0 ..< 1")
        try TrainingError.require(beta2 >= 0 && beta2 < 1, "optimizer.beta2 is \(beta2): it must be in 0 ..< 1")
        try TrainingError.require(
            epsilon > 0 && epsilon.isFinite,
            "optimizer.epsilon is \(epsilon): it must be above 0"
        )
        try TrainingError.require(
            weightDecay >= 0 && weightDecay.isFinite,
            "optimizer.weightDecay is \(weightDecay): it must be at least 0"
        )
    }
}
