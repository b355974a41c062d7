internal import SemblanceNumerics

/// Negatives weigh more the harder they are: hardness is added to their logits.
///
///     z[i, j] = cosine[i, j] / τ + α · constant(cosine[i, j])  for negatives j of i
///
/// So a negative counts e^(α · cosine) times in the softmax, and no gradient flows through that weight. Negatives that
/// anchors are compared with among anchors, or positives among documents, are left as they are.
///
/// - Complexity: O(B·N) beside the kernel's.
/// - Note: Source: LLaVE, arXiv:2503.04812, eq. 5 (in-batch negatives, α = 9); EmbeddingGemma, arXiv:2509.20354 (hard
///   negatives, α = 5).
public struct HardnessWeights: StandardMethod {
    /// Which negatives are weighted.
    public enum Negatives: String, Codable, Hashable, Sendable, CaseIterable {
        /// Those that other anchors brought.
        case inBatch = "in-batch"
        /// Those the anchor brought itself.
        case hard
        /// Both.
        case all
    }

    /// The name in configurations.
    public static let name = "hardness-weights"
    /// Which negatives are weighted. The default is those in the batch.
    public var negatives = Negatives.inBatch
    /// α, how much hardness counts. The default is 9.
    public var strength: Float = 9

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(
            strength.isFinite && strength >= 0,
            "\(Self.name): strength is \(strength): it must be a number, at least 0"
        )
    }

    /// Adds hardness to the logits of negatives.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        let targets = MatrixExpression(block.isTarget)
        let chosen =
            switch negatives {
            case .inBatch: 1 - MatrixExpression(block.isOwn)
            case .hard: MatrixExpression(block.isOwn) - targets
            case .all: 1 - targets
            }
        let hardness = block.similarities.detached * chosen * MatrixExpression(block.columns.isCandidateOfAnchors)
        block.logits = block.logits + hardness * strength
    }
}

extension CandidateBlock {
    /// `[R, N]`: 1 for the columns that each row's anchor brought, else 0.
    var isOwn: Matrix {
        var result = Matrix(rows: rows.count, columns: columns.count)
        for (column, owner) in columns.owners.enumerated() where rows.contains(Int(owner)) {
            result[Int(owner) - rows.lowerBound, column] = 1
        }
        return result
    }
}

extension CandidateColumns {
    /// `[1, N]`: 1 for what anchors are compared with beside other anchors, else 0.
    fileprivate var isCandidateOfAnchors: Matrix {
        var result = [Float](repeating: 0, count: count)
        for segment in segments where segment.rows == .anchors && segment.kind != .anchors {
            for column in segment.range { result[column] = 1 }
        }
        return Matrix(rows: 1, columns: count, elements: result)
    }
}
