// Where the candidates of some directions stand in a score matrix.

internal import SemblanceNumerics

/// The columns of one softmax: what they are, what they are known by, and which are targets.
struct ContrastiveLayout {
    let columns: CandidateColumns
    private(set) var keys = CandidateKeys()
    /// The targets of all rows, in the order of the texts that `keys` has of them.
    private(set) var targets: [Int32] = []
    /// By row: a further column that holds the same pair as its only target; −1 is none.
    let twins: [Int32]

    /// The columns that are targets of a row.
    func targets(of row: Int) -> ArraySlice<Int32> { targets[Int(keys.rowFirst[row])..<Int(keys.rowFirst[row + 1])] }

    /// - Parameter mayChangeLogits: whether methods may; a pair's two places may differ then.
    init(
        _ directions: [ContrastiveDirection],
        of step: ContrastiveStep,
        _ batch: ContrastiveBatch,
        _ configuration: ContrastiveConfiguration,
        mayChangeLogits: Bool
    ) {
        let added = directions.contains(.queryToDocument) ? step.candidates : []
        let segments = Self.segments(directions, step, added)
        let none = [Int32](repeating: -1, count: batch.documents.count)
        let anchorKeys = configuration.masksDuplicates ? batch.anchors : Array(none.prefix(batch.anchors.count))
        let documentKeys = configuration.masksDuplicates ? batch.documents : none
        let groups = configuration.masksGroups ? batch.groups : Array(none.prefix(batch.anchors.count))
        var ownTexts: [Int32] = []
        for segment in segments {
            let visibility = segment.excludesOwner ? CandidateKeys.Visibility.allButOwner : .all
            switch segment.kind {
            case .anchors:
                keys.appendColumns(
                    anchors: anchorKeys,
                    texts: Array(documentKeys.prefix(anchorKeys.count)),
                    groups: groups,
                    owners: anchorKeys.indices.map(Int32.init),
                    visibility: visibility
                )
                ownTexts += batch.anchors
            case .documents:
                keys.appendColumns(
                    anchors: zip(batch.owners, batch.isPositive).map { $1 ? anchorKeys[Int($0)] : -1 },
                    texts: documentKeys,
                    groups: batch.owners.map { groups[Int($0)] },
                    owners: batch.owners,
                    visibility: visibility
                )
                ownTexts += batch.documents
            case .added(let index):
                let candidates = added[index]
                keys.appendColumns(
                    anchors: configuration.masksDuplicates ? candidates.anchors : nil,
                    texts: configuration.masksDuplicates ? candidates.texts : nil,
                    groups: configuration.masksGroups ? candidates.groups : nil,
                    owners: candidates.owners,
                    visibility: candidates.isHiddenFromOwner
                        ? .allButOwner : candidates.isPrivate ? .ownerAlone : visibility
                )
                ownTexts += candidates.texts
            }
        }
        columns = CandidateColumns(segments: segments, texts: ownTexts, owners: keys.columnOwners)

        // The target is the positive: among documents where the direction is query to document, else the own anchor.
        let target = segments.first { $0.rowSide != $0.columnSide }
        let targetsAreDocuments = target?.kind == .documents
        let firstTarget = Int32(target?.range.lowerBound ?? 0)
        let twin = targetsAreDocuments ? segments.first { $0.rows == .documents && $0.kind == .anchors } : nil
        twins = anchorKeys.indices.map { row in
            mayChangeLogits ? -1 : twin.map { Int32($0.range.lowerBound + row) } ?? -1
        }
        let positiveCandidates = segments.filter { segment in
            if case .added(let index) = segment.kind { added[index].isPositive } else { false }
        }
        if batch.hasOnePositiveEach && positiveCandidates.isEmpty || !targetsAreDocuments {
            // The first positives are the first documents, in the order of the rows.
            for row in anchorKeys.indices {
                keys.appendRow(
                    anchor: anchorKeys[row],
                    group: groups[row],
                    texts: CollectionOfOne(documentKeys[row])
                )
            }
            targets = (0..<Int32(anchorKeys.count)).map { firstTarget + $0 }
            return
        }
        var positives = [[(text: Int32, column: Int32)]](repeating: [], count: anchorKeys.count)
        for (document, owner) in batch.owners.enumerated() where batch.isPositive[document] {
            positives[Int(owner)].append((documentKeys[document], firstTarget + Int32(document)))
        }
        for segment in positiveCandidates {
            for column in segment.range where keys.columnOwners[column] >= 0 {
                positives[Int(keys.columnOwners[column])].append((keys.columnTexts[column], Int32(column)))
            }
        }
        for (row, positives) in positives.enumerated() {
            // Added ones come last: an unknown text ends the list that is looked through.
            keys.appendRow(anchor: anchorKeys[row], group: groups[row], texts: positives.map(\.text))
            targets += positives.map(\.column)
        }
    }

    /// The directions' columns, then those of added candidates.
    private static func segments(
        _ directions: [ContrastiveDirection],
        _ step: ContrastiveStep,
        _ added: [Candidates]
    ) -> [CandidateColumns.Segment] {
        var segments: [CandidateColumns.Segment] = []
        func append(_ rows: ContrastiveSide, _ kind: CandidateColumns.Kind, _ vectors: MatrixExpression) {
            let first = segments.last?.range.upperBound ?? 0
            segments.append(.init(rows: rows, kind: kind, range: first..<first + vectors.value.rows))
        }
        for direction in directions {
            switch direction {
            case .queryToDocument: append(.anchors, .documents, step.documents)
            case .queryToQuery: append(.anchors, .anchors, step.anchors)
            case .documentToQuery: append(.documents, .anchors, step.anchors)
            case .documentToDocument: append(.documents, .documents, step.documents)
            }
        }
        for (index, candidates) in added.enumerated() { append(.anchors, .added(index), candidates.vectors) }
        return segments
    }
}

extension CandidateColumns.Segment {
    /// Where vectors and gradients of its rows, and of its columns, stand.
    var rowSide: Int { rows == .anchors ? 0 : 1 }
    var columnSide: Int {
        switch kind {
        case .anchors: 0
        case .documents: 1
        case .added(let index): 2 + index
        }
    }
    fileprivate var excludesOwner: Bool { rowSide == columnSide }
}
