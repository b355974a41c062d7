// The five seams of the contrastive kernel. Nearly every objective in the literature is a choice at one or two of them.

public import SemblanceEncoders
public import SemblanceNumerics

/// A method of the literature: what it does differently at the five places of the contrastive objective.
///
///     loss = mean over anchors i of w[i] · Σ over candidates j of t[i, j] (logSumExp over open k of z[i, k] − z[i, j])
///            + Σ over methods of their terms
///
/// 1. candidates: columns added to the batch's own; 2. logits z: from cosines, with masks; 3. targets t; 4. reduction:
/// weights w; 5. terms. A method implements the requirements it needs; the others do nothing. Several methods stack in the
/// order they are listed in. Gradients are found from the expressions; nothing is differentiated by hand.
///
/// `logits(of:in:_:)` is called for blocks of rows, on several threads at once; all else once a step, on one.
public protocol ContrastiveMethod: Sendable {
    /// What a checkpoint knows the method and its settings by.
    var identity: String { get }
    /// Whether there is no softmax over candidates at all, only terms.
    var replacesContrast: Bool { get }
    /// Whether ``weights(of:in:_:)`` needs the losses of the step: rows are then scored twice.
    var weighsRows: Bool { get }

    /// What the method keeps from step to step, before the first; also when a checkpoint is resumed, whose saved
    /// matrices then replace those of the same name.
    ///
    /// - Throws: ``TrainingError`` where the data lacks what the method needs.
    func start(_ training: MethodContext) throws -> MethodState

    /// 1: adds candidates, or changes the embeddings or the scale of the step.
    func candidates(for step: inout ContrastiveStep, _ state: inout MethodState)

    /// 2 and 3: changes logits, masks or targets of a block of rows.
    func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState)

    /// 4: a factor for each anchor's loss; `nil` is 1.
    func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]?

    /// 5: a number, `[1, 1]`, added to the loss.
    func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression?

    /// Takes note of a step after the optimizer's.
    func update(_ state: inout MethodState, after outcome: StepOutcome)
}

extension ContrastiveMethod {
    /// The value's description: its type and fields.
    public var identity: String { String(describing: self) }
    /// No.
    public var replacesContrast: Bool { false }
    /// No.
    public var weighsRows: Bool { false }

    /// Nothing is kept.
    public func start(_ training: MethodContext) throws -> MethodState { MethodState() }
    /// Nothing is added.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {}
    /// Nothing is changed.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {}
    /// All weigh 1.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? { nil }
    /// Nothing is added.
    public func term(for step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression? { nil }
    /// Nothing is noted.
    public func update(_ state: inout MethodState, after outcome: StepOutcome) {}
}

/// What a method keeps from step to step.
public struct MethodState: Sendable {
    /// By name; part of checkpoints.
    public var saved: [String: Matrix] = [:]
    /// By name; made again by `start` when a checkpoint is resumed.
    public var derived: [String: Matrix] = [:]

    /// Nothing.
    public init() {}
}

/// What a method can look at before the first step.
public struct MethodContext {
    /// Every distinct text of the training data, by number.
    public let texts: [String]
    /// The rows of the training data.
    public let rows: [ContrastiveRow]
    /// Pairs in a full batch.
    public let batchSize: Int
    /// The dimension of an embedding.
    public internal(set) var dimension: Int
    /// Steps there will be.
    public let totalSteps: Int
    /// What randomness derives from.
    public let seed: UInt64
    /// The model training starts from.
    public let model: Embedder
    /// Its weights.
    public let parameters: [Matrix]
    /// How the model is trained.
    var configuration = TrainingConfiguration()
    /// The embeddings of texts by number under another model.
    package internal(set) var embedding: (_ texts: [Int32], _ model: FrozenModel, _ role: Role) throws -> Matrix

    /// `[texts, dimension of the embedder]`: embeddings of texts by number, of unit length where the model makes them so.
    public func embed(_ texts: [Int32], with embedder: Embedder, as role: Role) throws -> Matrix {
        try embedding(texts, FrozenModel(embedder, precision: configuration.compute.precision), role)
    }
}

/// The losses of a step's anchors.
public struct RowLosses: Sendable {
    /// `[B]`: each anchor's loss, unweighted, in nats.
    public let losses: [Double]
    /// `[B]`: the entropy of each anchor's softmax, in nats.
    public let entropies: [Double]
    /// `[B]`: how many candidates it is over. With several directions of their own, both are means.
    public let candidates: [Double]
}

/// A step that was taken.
public struct StepOutcome {
    /// The step; its expressions are constants now.
    public let step: ContrastiveStep
    /// `[B]`: each anchor's loss, unweighted, in nats; empty where there was no softmax.
    public let losses: [Double]
    /// The gradients of what the method had learned, by name.
    public let gradients: [String: Matrix]
    /// The weights after the optimizer's step.
    public let parameters: [Matrix]
    /// The step's learning rate.
    public let learningRate: Double
}
