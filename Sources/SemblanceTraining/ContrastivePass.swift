// One softmax over the candidates of some directions, block of rows by block of rows.

internal import CSemblanceKernels
internal import SemblanceNumerics

/// A direction's place in the score matrix: its rows and columns are anchors or documents.
private struct Segment {
    enum Side { case anchors, documents }
    let rows: Side
    let columns: Side
    let offset: Int
    let excludesOwner: Bool

    init(_ direction: ContrastiveDirection, offset: Int) {
        switch direction {
        case .queryToDocument: (rows, columns) = (.anchors, .documents)
        case .queryToQuery: (rows, columns) = (.anchors, .anchors)
        case .documentToQuery: (rows, columns) = (.documents, .anchors)
        case .documentToDocument: (rows, columns) = (.documents, .documents)
        }
        excludesOwner = rows == columns
        self.offset = offset
    }
}

/// An operand of the products, packed once for scores (`[D, N]`) and once for gradients (`[N, D]`).
private struct PackedSide {
    let forScores: Matrix
    let forGradients: Matrix

    init(_ side: Matrix, workers: Workers) {
        forScores = packed(rows: side.columns, columns: side.rows, of: side, strides: (1, side.columns), workers)
        forGradients = packed(rows: side.rows, columns: side.columns, of: side, strides: (side.columns, 1), workers)
    }
}

/// Packs a right operand on all threads, some panels each.
private func packed(
    rows k: Int,
    columns n: Int,
    of matrix: Matrix,
    firstRow: Int = 0,
    strides: (row: Int, column: Int),
    _ workers: Workers
) -> Matrix {
    var result = Matrix(uninitializedRows: 1, columns: semblance_packed_count(k, n))
    let block = semblance_panel_width() * max(1, 1024 / max(k, 1))
    unsafe result.withMutablePointer { target in
        unsafe matrix.withPointer { source in
            workers.forEach((n + block - 1) / block) { index in
                let first = index * block
                unsafe semblance_pack(
                    k,
                    min(block, n - first),
                    source + firstRow * matrix.columns + first * strides.column,
                    strides.row,
                    strides.column,
                    target + first * k
                )
            }
        }
    }
    return result
}

/// The softmax of one partition: its columns, keys and products.
struct ContrastivePass {
    private let segments: [Segment]
    private let anchors: Matrix
    private let documents: Matrix
    private let columnCount: Int
    private let blockRows: Int
    private let share: Double
    private let smoothing: Float

    private var columnAnchors: [Int32] = []
    private var columnDocuments: [Int32] = []
    private var columnGroups: [Int32] = []
    private var columnOwners: [Int32] = []
    private var columnExcludesOwner: [UInt8] = []

    private var rowAnchors: [Int32]
    private var rowGroups: [Int32]
    private var rowFirst: [Int32] = [0]
    private var rowDocuments: [Int32] = []
    private var rowTargets: [Int32] = []
    private var rowTwins: [Int32]

    /// - Parameter share: the weight of this partition in the loss.
    init(
        directions: [ContrastiveDirection],
        anchors: Matrix,
        documents: Matrix,
        batch: ContrastiveBatch,
        configuration: ContrastiveConfiguration,
        scoreBudget: Int,
        share: Double
    ) {
        var segments: [Segment] = []
        var offset = 0
        for direction in directions {
            let segment = Segment(direction, offset: offset)
            segments.append(segment)
            offset += segment.columns == .anchors ? anchors.rows : documents.rows
        }
        self.segments = segments
        self.anchors = anchors
        self.documents = documents
        self.share = share
        smoothing = configuration.labelSmoothing
        columnCount = offset
        // Rows come in multiples of 64, the block of one thread.
        blockRows = min(anchors.rows, max(64, scoreBudget / max(offset, 1) / 64 * 64))

        let none = [Int32](repeating: -1, count: batch.documents.count)
        let anchorKeys = configuration.masksDuplicates ? batch.anchors : Array(none.prefix(batch.anchors.count))
        let documentKeys = configuration.masksDuplicates ? batch.documents : none
        let groups = configuration.masksGroups ? batch.groups : Array(none.prefix(batch.anchors.count))
        for segment in segments {
            if segment.columns == .anchors {
                columnAnchors += anchorKeys
                columnDocuments += documentKeys.prefix(anchorKeys.count)
                columnGroups += groups
                columnOwners += (0..<anchorKeys.count).map(Int32.init)
            } else {
                for (document, owner) in batch.owners.enumerated() {
                    columnAnchors.append(batch.isPositive[document] ? anchorKeys[Int(owner)] : -1)
                    columnGroups.append(groups[Int(owner)])
                }
                columnDocuments += documentKeys
                columnOwners += batch.owners
            }
            columnExcludesOwner += [UInt8](
                repeating: segment.excludesOwner ? 1 : 0,
                count: columnAnchors.count - columnExcludesOwner.count
            )
        }

        rowAnchors = anchorKeys
        rowGroups = groups
        // The target is the positive: among documents where the direction is query to document, else the own anchor.
        let target = segments.first { $0.rows != $0.columns }
        let targetsAreDocuments = target?.columns == .documents
        let twins = targetsAreDocuments ? segments.first { $0.rows == .documents && $0.columns == .anchors } : nil
        rowTwins = anchorKeys.indices.map { row in twins.map { Int32($0.offset + row) } ?? -1 }
        if batch.hasOnePositiveEach || !targetsAreDocuments {
            // The first positives are the first documents, in the order of the rows.
            rowDocuments = Array(documentKeys.prefix(anchorKeys.count))
            rowTargets = (0..<Int32(anchorKeys.count)).map { $0 }
            rowFirst = (0...Int32(anchorKeys.count)).map { $0 }
            return
        }
        var positives = [[Int32]](repeating: [], count: anchorKeys.count)
        for (document, owner) in batch.owners.enumerated() where batch.isPositive[document] {
            positives[Int(owner)].append(Int32(document))
        }
        for documents in positives {
            rowDocuments += documents.map { documentKeys[Int($0)] }
            rowTargets += documents
            rowFirst.append(Int32(rowTargets.count))
        }
    }

    private func side(_ side: Segment.Side) -> Matrix { side == .anchors ? anchors : documents }

    /// Adds this partition's loss and gradients (of the unit rows) to `result`.
    func run(scale: Float, workers: Workers, into result: inout Contrast) {
        let usesAnchors = segments.contains { $0.columns == .anchors }
        let usesDocuments = segments.contains { $0.columns == .documents }
        let packedAnchors = usesAnchors ? PackedSide(anchors, workers: workers) : nil
        let packedDocuments = usesDocuments ? PackedSide(documents, workers: workers) : nil
        var scores = Matrix(uninitializedRows: blockRows, columns: columnCount)
        var reports = [semblance_contrast_row](repeating: semblance_contrast_row(), count: blockRows)
        let settings = semblance_contrast_settings(
            factor: scale,
            smoothing: smoothing,
            weight: Float(share / Double(anchors.rows))
        )
        for first in stride(from: 0, to: anchors.rows, by: blockRows) {
            let rows = min(blockRows, anchors.rows - first)
            scoreRows(
                first,
                rows,
                settings,
                packed: { $0 == .anchors ? packedAnchors : packedDocuments },
                &scores,
                &reports,
                workers,
                &result
            )
            sumColumns(first, rows, scores, workers, &result)
            collect(reports.prefix(rows), first, &result)
        }
        result.candidatesPerRow += columnCount
    }

    /// Scores, softmax and the gradient of the rows' own side, for a block of rows; 64 rows a task.
    private func scoreRows(
        _ first: Int,
        _ rows: Int,
        _ settings: semblance_contrast_settings,
        packed: (Segment.Side) -> PackedSide?,
        _ scores: inout Matrix,
        _ reports: inout [semblance_contrast_row],
        _ workers: Workers,
        _ result: inout Contrast
    ) {
        let n = columnCount, dimension = anchors.columns, task = 64
        unsafe scores.withMutablePointer { scores in
            unsafe reports.withUnsafeMutableBufferPointer { reports in
                unsafe result.anchorGradient.withMutablePointer { anchorGradient in
                    unsafe result.documentGradient.withMutablePointer { documentGradient in
                        workers.forEach((rows + task - 1) / task) { index in
                            let begin = index * task
                            let count = min(task, rows - begin)
                            let block = unsafe scores + begin * n
                            for segment in segments {
                                guard let columns = packed(segment.columns) else { continue }
                                unsafe side(segment.rows).withPointer { rows in
                                    unsafe columns.forScores.withPointer {
                                        unsafe semblance_product_packed(
                                            count,
                                            side(segment.columns).rows,
                                            dimension,
                                            rows + (first + begin) * dimension,
                                            dimension,
                                            1,
                                            $0,
                                            1,
                                            0,
                                            nil,
                                            block + segment.offset,
                                            n
                                        )
                                    }
                                }
                            }
                            if let reports = reports.baseAddress {
                                unsafe softmax(block, first + begin, count, settings, reports + begin)
                            }
                            for segment in segments {
                                guard let columns = packed(segment.columns) else { continue }
                                let target = unsafe segment.rows == .anchors ? anchorGradient : documentGradient
                                unsafe columns.forGradients.withPointer {
                                    unsafe semblance_product_packed(
                                        count,
                                        dimension,
                                        side(segment.columns).rows,
                                        block + segment.offset,
                                        n,
                                        1,
                                        $0,
                                        1,
                                        1,
                                        nil,
                                        target + (first + begin) * dimension,
                                        dimension
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Scores of `count` rows to gradients, in place.
    private func softmax(
        _ block: UnsafeMutablePointer<Float>,
        _ first: Int,
        _ count: Int,
        _ settings: semblance_contrast_settings,
        _ reports: UnsafeMutablePointer<semblance_contrast_row>
    ) {
        var scratch = Matrix(uninitializedRows: 1, columns: columnCount)
        unsafe scratch.withMutablePointer { scratch in
            unsafe semblance_contrast(
                block,
                columnCount,
                first,
                count,
                columnCount,
                columnAnchors,
                columnDocuments,
                columnGroups,
                columnOwners,
                columnExcludesOwner,
                rowAnchors,
                rowGroups,
                rowFirst,
                rowDocuments,
                rowTargets,
                rowTwins,
                settings,
                scratch,
                reports
            )
        }
    }

    /// The gradient of the columns' side: Gᵀ · rows, added block after block.
    private func sumColumns(
        _ first: Int,
        _ rows: Int,
        _ scores: Matrix,
        _ workers: Workers,
        _ result: inout Contrast
    ) {
        let n = columnCount, dimension = anchors.columns, task = 128
        for segment in segments {
            let packedRows = packed(
                rows: rows,
                columns: dimension,
                of: side(segment.rows),
                firstRow: first,
                strides: (dimension, 1),
                workers
            )
            let columns = side(segment.columns).rows
            func add(to gradient: inout Matrix) {
                unsafe gradient.withMutablePointer { gradient in
                    unsafe packedRows.withPointer { packedRows in
                        unsafe scores.withPointer { scores in
                            workers.forEach((columns + task - 1) / task) { index in
                                let begin = index * task
                                unsafe semblance_product_packed(
                                    min(task, columns - begin),
                                    dimension,
                                    rows,
                                    scores + segment.offset + begin,
                                    1,
                                    n,
                                    packedRows,
                                    1,
                                    1,
                                    nil,
                                    gradient + begin * dimension,
                                    dimension
                                )
                            }
                        }
                    }
                }
            }
            if segment.columns == .anchors {
                add(to: &result.anchorGradient)
            } else {
                add(to: &result.documentGradient)
            }
        }
    }

    private func collect(_ reports: ArraySlice<semblance_contrast_row>, _ first: Int, _ result: inout Contrast) {
        let documents = segments.first { $0.columns == .documents }
        for (index, report) in reports.enumerated() {
            result.loss += report.loss * share / Double(anchors.rows)
            result.scaleGradient += report.factor_gradient
            result.maskedPerRow += Double(report.masked) / Double(anchors.rows)
            guard report.hardest_column >= 0, let documents else { continue }
            let document = Int(report.hardest_column) - documents.offset
            if document >= 0, document < self.documents.rows {
                result.suspects.append(
                    Contrast.Suspect(
                        row: first + index,
                        document: document,
                        score: report.hardest,
                        positiveScore: report.positive
                    )
                )
            }
        }
    }
}
