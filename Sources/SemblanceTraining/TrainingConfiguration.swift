public import SemblanceEncoders
public import SemblanceNumerics

/// How a model is trained. Every value has a default that works; ``validate()`` names what doesn't.
public struct TrainingConfiguration: Hashable, Sendable, Codable {
    /// Passes over the pairs. The default is 3.
    public var epochs = 3
    /// Pairs in one step: every other pair's documents are an anchor's negatives. The default is 512.
    public var batchSize = 512
    /// The peak learning rate; `nil`, the default, is 2e-5 for a pretrained transformer, and for a static encoder what
    /// suits the update rule: 0.3 for lazy Adam, 0.2 for AdamW, 1 for Adagrad.
    public var learningRate: Float?
    /// The update rule and its constants.
    public var optimizer = OptimizerConfiguration()
    /// How the learning rate changes. The default falls linearly to 0.
    public var schedule = LearningRateSchedule.linear
    /// The share of all steps over which the rate rises from 0. The default is 0.1.
    public var warmup = 0.1
    /// Gradients with a larger norm, over all parameters, are scaled down to it; `nil`, the default, is 1 for a transformer
    /// and leaves those of a static encoder.
    public var maximumGradientNorm: Float?
    /// The rate of dropout in a transformer; `nil`, the default, is what the model says. Static encoders have none.
    public var dropout: Float?
    /// Which weights of a pretrained transformer change. The default is all.
    public var tuning = TuningConfiguration()
    /// Bytes that a batch's activations may take; what is more is computed again on the way back (gradient caching,
    /// arXiv:2101.06983), so batches of any size fit. The weights are the same. The default is 512 MiB.
    public var tapeMemory = 512 << 20
    /// What is compared, and how sharply.
    public var objective = ContrastiveConfiguration()
    /// Where hard negatives come from, tried in this order until a row has enough; `nil`, the default, takes those of
    /// the data where there are any. An empty list is in-batch negatives alone.
    public var negatives: [NegativeSource]?
    /// The most hard negatives of a row. The default is 4.
    public var negativesPerRow = 4
    /// How mined, lexical and sibling negatives are chosen.
    public var mining = MiningConfiguration()
    /// After how many epochs negatives are mined anew; `nil`, the default, mines once, before the first step.
    public var remineEvery: Int?
    /// After how many steps negatives are mined anew (arXiv:2007.00808); `nil`, the default, goes by epochs.
    public var remineEverySteps: Int?
    /// Which rows come into a batch together. The default mixes all.
    public var batches = BatchComposition()
    /// How texts are changed at random when they come into a batch; `nil`, the default, leaves them.
    public var augmentation: TextAugmentation?
    /// Decides the order of pairs, initial weights and random picks. The default is 42.
    public var seed: UInt64 = 42
    /// Steps between two evaluations; `nil`, the default, evaluates after each epoch.
    public var evaluateEvery: Int?
    /// Whether the weights with the best evaluation are returned instead of the last. The default is yes.
    public var keepsBest = true
    /// Evaluations without improvement after which training ends; `nil`, the default, goes on.
    public var patience: Int?
    /// What the model keeps of what it could before.
    public var retention = RetentionConfiguration()
    /// A folder where embeddings under models that are asked and not trained (guides, teachers) are kept, so that
    /// another run on the same texts need not make them again; `nil`, the default, keeps none.
    public var embeddingCache: String?
    /// How the machine is used.
    public var compute = ComputeOptions()

    /// The defaults.
    public init() {}

    /// The defaults with other values for what is changed most.
    public init(
        epochs: Int = 3,
        batchSize: Int = 512,
        learningRate: Float? = nil,
        negatives: [NegativeSource]? = nil,
        seed: UInt64 = 42
    ) {
        self.epochs = epochs
        self.batchSize = batchSize
        self.learningRate = learningRate
        self.negatives = negatives
        self.seed = seed
    }

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(epochs >= 1, "epochs is \(epochs): it must be at least 1")
        try TrainingError.require(
            batchSize >= 1 && batchSize <= 1 << 20,
            "batchSize is \(batchSize): it must be 1 to 1048576"
        )
        if let learningRate {
            try TrainingError.require(
                learningRate.isFinite && learningRate > 0,
                "learningRate is \(learningRate): it must be a number above 0"
            )
        }
        try optimizer.validate()
        try TrainingError.require(warmup >= 0 && warmup <= 1, "warmup is \(warmup): it must be 0 to 1")
        if let maximumGradientNorm {
            try TrainingError.require(
                maximumGradientNorm > 0,
                "maximumGradientNorm is \(maximumGradientNorm): it must be above 0"
            )
        }
        if let dropout {
            try TrainingError.require(dropout >= 0 && dropout < 1, "dropout is \(dropout): it must be 0 ..< 1")
        }
        try TrainingError.require(tapeMemory >= 0, "tapeMemory is \(tapeMemory): it must be at least 0 bytes")
        try tuning.validate()
        try objective.validate()
        try TrainingError.require(
            negativesPerRow >= 0 && negativesPerRow <= 1000,
            "negativesPerRow is \(negativesPerRow): it must be 0 to 1000"
        )
        try mining.validate()
        try retention.validate()
        try batches.validate()
        try augmentation?.validate()
        if let remineEvery {
            try TrainingError.require(remineEvery >= 1, "remineEvery is \(remineEvery): it must be at least 1 epoch")
        }
        if let remineEverySteps {
            try TrainingError.require(
                remineEverySteps >= 1,
                "remineEverySteps is \(remineEverySteps): it must be at least 1 step"
            )
        }
        if let evaluateEvery {
            try TrainingError.require(evaluateEvery >= 1, "evaluateEvery is \(evaluateEvery): it must be at least 1")
        }
        if let patience {
            try TrainingError.require(patience >= 1, "patience is \(patience): it must be at least 1 evaluation")
        }
        do {
            try compute.validate()
        } catch {
            throw TrainingError(code: .invalidConfiguration, message: "compute.\(error.message)")
        }
        try TrainingError.require(
            compute.precision != .int8,
            "compute.precision is int8, which is for embedding alone: train with fp32 or bf16"
        )
    }
}
