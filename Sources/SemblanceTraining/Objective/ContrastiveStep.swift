// One step as methods see it.

public import SemblanceNumerics

/// A batch between its embedding and the way back: B anchors, C documents, D dimensions.
///
/// Documents are laid out as the first positive of each anchor, in order, then further positives, then negatives.
public struct ContrastiveStep {
    /// `[B]`: numbers of the training rows.
    public let rows: [Int32]
    /// `[B]`: the anchors' texts by number.
    public let anchorTexts: [Int32]
    /// `[C]`: the documents' texts by number.
    public let documentTexts: [Int32]
    /// `[C]`: the anchor each document came with.
    public let owners: [Int32]
    /// `[C]`: whether the document is a positive of its owner.
    public let isPositive: [Bool]
    /// `[B]`: the rows' groups; −1 is none.
    public let groups: [Int32]
    /// `[B]`: the pairs' relevance or similarity; NaN where the data has none.
    public let scores: [Float]
    /// `[B]`: how far the pairs are trusted; 1 where the data says nothing.
    public let weights: [Float]
    /// `[B]`: the rows' tasks; −1 is none.
    public let tasks: [Int32]
    /// `[C]`: a teacher's scores of the documents; NaN where the data has none.
    public let documentScores: [Float]
    /// The step's number, counted from 0, of all, and its epoch, counted from 0.
    public let number: Int, total: Int, epoch: Int

    /// 1/τ.
    public var scale: Float
    /// `[1, 1]`: 1/τ for terms, with its gradient.
    public var scaleOfTerms: MatrixExpression { startingScale * (scale / startingScale.value[0, 0]) }
    /// `[B, D]`: the anchors' embeddings, unit rows.
    public var anchors: MatrixExpression
    /// `[C, D]`: the documents' embeddings, unit rows.
    public var documents: MatrixExpression
    /// `[B, D]`: the anchors' embeddings before they were brought to unit length.
    public private(set) var rawAnchors: MatrixExpression
    /// `[C, D]`: the documents' embeddings before they were brought to unit length.
    public private(set) var rawDocuments: MatrixExpression

    private(set) var candidates: [Candidates] = []
    /// What methods learn: their own weights, by method and name.
    private(set) var learned: [(method: Int, name: String, variable: Variable)] = []
    /// The method whose turn it is.
    var method = 0
    private var tape: Tape?
    private let context: Context
    private var startingScale: MatrixExpression

    /// Beside the embeddings, what a step is.
    package struct Context {
        package var rows: [Int32] = []
        package var number = 0
        package var total = 1
        package var epoch = 0
        package var seed: UInt64 = 42
        /// The batch's texts under other weights, without gradient.
        package var embed: ((_ side: ContrastiveSide, _ parameters: [Matrix]) -> Matrix)?

        package init() {}
    }

    init(
        anchors: Variable,
        documents: Variable,
        scale: Variable,
        batch: ContrastiveBatch,
        context: Context,
        on tape: Tape
    ) {
        rows = context.rows
        anchorTexts = batch.anchors
        documentTexts = batch.documents
        owners = batch.owners
        isPositive = batch.isPositive
        groups = batch.groups
        scores = batch.scores
        weights = batch.weights
        tasks = batch.tasks
        documentScores = batch.documentScores
        (number, total, epoch) = (context.number, context.total, context.epoch)
        startingScale = MatrixExpression(scale, on: tape)
        self.scale = scale.value[0, 0]
        self.context = context
        self.tape = tape
        rawAnchors = MatrixExpression(anchors, on: tape)
        rawDocuments = MatrixExpression(documents, on: tape)
        self.anchors = rawAnchors.unitRows
        self.documents = rawDocuments.unitRows
    }

    /// Random numbers of this step and method; other purposes, other numbers.
    public func random(_ purpose: UInt32 = 0) -> RandomStream {
        RandomStream(
            seed: context.seed ^ (0x9E37_79B9_7F4A_7C15 &* UInt64(method + 1)),
            stream: UInt64(number) << 32 | UInt64(purpose)
        )
    }

    /// Adds candidates that every anchor, or some of them, are compared with.
    ///
    /// - Returns: how many were added before: the number of ``CandidateColumns/Kind/added(_:)``.
    @discardableResult
    public mutating func add(_ candidates: Candidates) -> Int {
        self.candidates.append(candidates)
        return self.candidates.count - 1
    }

    /// A weight of the method's own; its gradient comes with ``StepOutcome/gradients``.
    public mutating func learned(_ name: String, _ value: Matrix) -> MatrixExpression {
        guard let tape else { return MatrixExpression(value) }
        let variable = tape.input(value)
        learned.append((method, name, variable))
        return MatrixExpression(variable, on: tape)
    }

    /// The embeddings of the batch's texts under other weights, before unit length, without gradient.
    public func embed(_ side: ContrastiveSide, with parameters: [Matrix]) -> Matrix {
        guard let embed = context.embed else { preconditionFailure("this step has no encoder") }
        return embed(side, parameters)
    }

    /// The same step with constants in place of what is differentiated.
    var frozen: ContrastiveStep {
        var result = self
        result.tape = nil
        result.anchors = anchors.detached
        result.documents = documents.detached
        result.rawAnchors = rawAnchors.detached
        result.rawDocuments = rawDocuments.detached
        result.startingScale = startingScale.detached
        result.candidates = candidates.map { candidates in
            var candidates = candidates
            candidates.vectors = candidates.vectors.detached
            return candidates
        }
        return result
    }
}

/// The two sides of a batch.
public enum ContrastiveSide: Hashable, Sendable {
    /// The anchors, `[B, D]`.
    case anchors
    /// The documents, `[C, D]`.
    case documents
}

/// Candidates beside the batch's own.
///
/// Keys work as those of the batch: a candidate with the text of a row's positive, or that is a positive of its anchor, or
/// of its group, is masked for it.
public struct Candidates {
    /// `[X, D]`, unit rows.
    public var vectors: MatrixExpression
    /// `[X]`: their texts by number; −1 is unknown.
    public var texts: [Int32]
    /// `[X]`: the texts of the anchors they are known positives of; −1 is none.
    public var anchors: [Int32]
    /// `[X]`: the groups of the rows they come from; −1 is none.
    public var groups: [Int32]
    /// `[X]`: the anchor of this batch each was made for; −1 is none.
    public var owners: [Int32]
    /// Whether their owners alone see them.
    public var isPrivate = false
    /// Whether all but their owners see them.
    public var isHiddenFromOwner = false
    /// Whether they are targets of their owners.
    public var isPositive = false

    /// Candidates whose texts, anchors, groups and owners are unknown unless given.
    public init(
        _ vectors: MatrixExpression,
        texts: [Int32]? = nil,
        anchors: [Int32]? = nil,
        groups: [Int32]? = nil,
        owners: [Int32]? = nil
    ) {
        self.vectors = vectors
        let none = [Int32](repeating: -1, count: vectors.value.rows)
        self.texts = texts ?? none
        self.anchors = anchors ?? none
        self.groups = groups ?? none
        self.owners = owners ?? none
        for keys in [self.texts, self.anchors, self.groups, self.owners] {
            precondition(keys.count == vectors.value.rows, "\(keys.count) keys for \(vectors.value.rows) candidates")
        }
    }
}
