// Which vectors may be relevant to a row without being its target: equal texts, positives of one anchor, one group.

internal import CSemblanceKernels
internal import SemblanceNumerics

/// What the rows and the columns of a softmax are known by; −1 is unknown and equals nothing.
struct CandidateKeys {
    /// Which rows see a column.
    enum Visibility {
        case all, allButOwner, ownerAlone

        fileprivate var kernelValue: UInt8 {
            switch self {
            case .all: UInt8(SEMBLANCE_VISIBLE)
            case .allButOwner: UInt8(SEMBLANCE_HIDDEN_FROM_OWNER)
            case .ownerAlone: UInt8(SEMBLANCE_OWNER_ALONE)
            }
        }
    }

    private var rowAnchors: [Int32] = []
    private var rowGroups: [Int32] = []
    /// The texts of a row are those from its own number to the next row's.
    private(set) var rowFirst: [Int32] = [0]
    private var rowTexts: [Int32] = []

    private var columnAnchors: [Int32] = []
    private(set) var columnTexts: [Int32] = []
    private var columnGroups: [Int32] = []
    /// The row each column belongs to; −1 is none.
    private(set) var columnOwners: [Int32] = []
    private var columnVisibility: [UInt8] = []

    /// Adds a row.
    ///
    /// - Parameters:
    ///   - anchor: its own text.
    ///   - texts: those of its targets.
    mutating func appendRow(anchor: Int32 = -1, group: Int32, texts: some Sequence<Int32>) {
        rowAnchors.append(anchor)
        rowGroups.append(group)
        rowTexts += texts
        rowFirst.append(Int32(rowTexts.count))
    }

    /// Adds columns.
    ///
    /// - Parameters:
    ///   - anchors: the texts of the anchors they are, or are positives of; `nil` is unknown, here as below.
    ///   - texts: their own, or where they are anchors their positives'.
    ///   - groups: those of the rows they come from.
    ///   - owners: the rows they belong to.
    mutating func appendColumns(
        anchors: [Int32]?,
        texts: [Int32]?,
        groups: [Int32]?,
        owners: [Int32],
        visibility: Visibility
    ) {
        let unknown = [Int32](repeating: -1, count: owners.count)
        columnAnchors += anchors ?? unknown
        columnTexts += texts ?? unknown
        columnGroups += groups ?? unknown
        columnOwners += owners
        columnVisibility += [UInt8](repeating: visibility.kernelValue, count: owners.count)
    }

    /// Writes −∞ into the scores of some rows where a column is closed.
    ///
    /// - Parameters:
    ///   - scores: `[rows, columns]`.
    ///   - counts: by row, how many were closed.
    func close(
        _ scores: UnsafeMutablePointer<Float>,
        of rows: Range<Int>,
        countingInto counts: UnsafeMutablePointer<Int32>
    ) {
        unsafe semblance_contrast_mask(
            scores,
            columnOwners.count,
            rows.lowerBound,
            rows.count,
            columnOwners.count,
            columnAnchors,
            columnTexts,
            columnGroups,
            columnOwners,
            columnVisibility,
            rowAnchors,
            rowGroups,
            rowFirst,
            rowTexts,
            counts
        )
    }

    /// `[rows, columns]`: −∞ where closed, else 0.
    var mask: Matrix {
        let rows = rowAnchors.count
        var mask = Matrix(rows: rows, columns: columnOwners.count)
        var counts = [Int32](repeating: 0, count: rows)
        unsafe mask.withMutablePointer { unsafe close($0, of: 0..<rows, countingInto: &counts) }
        return mask
    }
}
