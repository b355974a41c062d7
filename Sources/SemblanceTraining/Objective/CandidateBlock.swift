// A block of anchors with all their candidates, as methods see it.

internal import CSemblanceKernels
public import SemblanceNumerics

/// The columns of the score matrix: all candidates of an anchor.
public struct CandidateColumns: Sendable {
    /// Columns that lie beside each other and are compared alike.
    public struct Segment: Hashable, Sendable {
        /// What is compared with the columns: the anchors, or in their place their positives.
        public let rows: ContrastiveSide
        /// What the columns are.
        public let kind: Kind
        /// Which columns.
        public let range: Range<Int>
    }

    /// What columns are.
    public enum Kind: Hashable, Sendable {
        /// The batch's documents.
        case documents
        /// The batch's anchors.
        case anchors
        /// Candidates that a method added, by the order they were added in.
        case added(Int)
    }

    /// The columns, part by part.
    public let segments: [Segment]
    /// `[N]`: the column's own text by number; −1 is unknown.
    public let texts: [Int32]
    /// `[N]`: the anchor that brought the column; −1 is none.
    public let owners: [Int32]
    /// How many columns there are.
    public var count: Int { texts.count }

    /// Where the candidates are that were added with this number; `nil` where this softmax has none.
    public func added(_ number: Int) -> Range<Int>? { segments.first { $0.kind == .added(number) }?.range }
}

/// R anchors of a step with their N candidates.
public struct CandidateBlock {
    /// The anchors.
    public let rows: Range<Int>
    /// The candidates.
    public let columns: CandidateColumns
    /// `[R, N]`: cosines.
    public let similarities: MatrixExpression
    /// `[1, 1]`: 1/τ.
    public let scale: MatrixExpression
    /// `[R, N]`: what the softmax is taken of; begins as cosines times scale.
    public var logits: MatrixExpression
    /// `[R, N]`: 1 for the targets of each row, else 0.
    public let isTarget: Matrix
    /// `[R, N]`: −∞ for closed candidates, else 0.
    public private(set) var mask: Matrix
    /// Whether the softmax is over the other candidates alone, targets left out (decoupled, arXiv:2110.06848). Begins as
    /// no; targets have to be even shares of the positives then.
    public var leavesOutTargets = false
    /// Set where targets aren't an even share for each positive.
    private(set) var distribution: Matrix?

    init(
        rows: Range<Int>,
        columns: CandidateColumns,
        similarities: MatrixExpression,
        scale: MatrixExpression,
        isTarget: Matrix,
        mask: Matrix
    ) {
        self.rows = rows
        self.columns = columns
        self.similarities = similarities
        self.scale = scale
        self.isTarget = isTarget
        self.mask = mask
        logits = similarities * scale
    }

    /// `[R, N]`: what the softmax should be: rows that sum to 1. Begins as an even share for each positive.
    ///
    /// Closed candidates have none, whatever stands here.
    public var targets: Matrix {
        get { distribution ?? (MatrixExpression(isTarget) / MatrixExpression(isTarget).rowSums).value }
        set {
            precondition(newValue.rows == rows.count && newValue.columns == columns.count, "\(newValue) as targets")
            distribution = newValue
        }
    }

    /// `[R, 1]`: the mean cosine of each row's targets.
    public var positives: MatrixExpression {
        let isTarget = MatrixExpression(isTarget)
        return (similarities * isTarget).rowSums / isTarget.rowSums
    }

    /// Closes candidates: those whose element is not 0 take no part in the row's softmax. Targets stay open.
    public mutating func close(_ closed: Matrix) {
        precondition(closed.rows == rows.count && closed.columns == columns.count, "\(closed) for \(mask)")
        unsafe mask.withMutablePointer { mask in
            unsafe closed.withPointer { closed in
                unsafe isTarget.withPointer { target in
                    unsafe semblance_contrast_close(mask, closed, target, rows.count * columns.count)
                }
            }
        }
    }
}
