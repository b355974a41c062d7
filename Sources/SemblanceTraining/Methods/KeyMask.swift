internal import CSemblanceKernels
internal import SemblanceNumerics

/// Which vectors may be relevant to a row without being its target, for terms with a softmax of their own: the rules of
/// the objective's masks (equal texts, positives of one anchor, one group).
struct KeyMask {
    /// What rows are known by; −1 is unknown.
    var rowAnchors: [Int32]
    /// The texts of each row.
    var rowTexts: [[Int32]]
    var rowGroups: [Int32]
    /// What columns are known by; −1 is unknown.
    var columnAnchors: [Int32] = []
    var columnTexts: [Int32] = []
    var columnGroups: [Int32] = []
    /// The row each column belongs to; −1 is none.
    var columnOwners: [Int32] = []
    /// Whether a column is hidden from its owner.
    var hidesOwn: [Bool] = []

    /// `[rows, columns]`: −∞ where closed, else 0.
    var matrix: Matrix {
        let (rows, columns) = (rowTexts.count, columnTexts.count)
        var mask = Matrix(rows: rows, columns: columns)
        var masked = [Int32](repeating: 0, count: rows)
        let visibility = hidesOwn.map { UInt8($0 ? SEMBLANCE_HIDDEN_FROM_OWNER : SEMBLANCE_VISIBLE) }
        let first = rowTexts.reduce(into: [Int32(0)]) { $0.append(($0.last ?? 0) + Int32($1.count)) }
        unsafe mask.withMutablePointer { mask in
            unsafe semblance_contrast_mask(
                mask,
                columns,
                0,
                rows,
                columns,
                columnAnchors,
                columnTexts,
                columnGroups,
                columnOwners,
                visibility,
                rowAnchors,
                rowGroups,
                first,
                rowTexts.flatMap { $0 },
                &masked
            )
        }
        return mask
    }
}
