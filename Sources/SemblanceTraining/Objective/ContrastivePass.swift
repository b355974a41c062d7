// One softmax over the candidates of some directions, block of rows by block of rows.

internal import CSemblanceKernels
internal import SemblanceNumerics

/// The softmax of one partition: its columns, keys and products.
struct ContrastivePass {
    private let layout: ContrastiveLayout
    /// Anchors, documents, added candidates: unit rows.
    private let sides: [Matrix]
    private let step: ContrastiveStep
    private let methods: [any ContrastiveMethod]
    private let states: [MethodState]
    private let blockRows: Int
    private let share: Double
    private let smoothing: Float

    private var segments: [CandidateColumns.Segment] { layout.columns.segments }
    private var columnCount: Int { layout.columns.count }
    private var anchorCount: Int { sides[0].rows }
    private var dimension: Int { sides[0].columns }

    /// - Parameters:
    ///   - step: with constants for expressions: blocks run on several threads.
    ///   - share: the weight of this partition in the loss.
    init(
        directions: [ContrastiveDirection],
        step: ContrastiveStep,
        batch: ContrastiveBatch,
        configuration: ContrastiveConfiguration,
        methods: [any ContrastiveMethod],
        states: [MethodState],
        scoreBudget: Int,
        share: Double
    ) {
        layout = ContrastiveLayout(directions, of: step, batch, configuration, mayChangeLogits: !methods.isEmpty)
        sides = ([step.anchors, step.documents] + step.candidates.map(\.vectors)).map(\.value)
        self.step = step
        self.methods = methods
        self.states = states
        self.share = share
        smoothing = configuration.labelSmoothing
        // Rows come in multiples of 64, the block of one thread.
        blockRows = min(sides[0].rows, max(64, scoreBudget / max(layout.columns.count, 1) / 64 * 64))
    }

    /// Adds this partition's loss and gradients (of the unit rows) to `sums`.
    ///
    /// - Parameters:
    ///   - weights: of the anchors; `nil` is 1.
    ///   - onlyLosses: whether nothing but the anchors' losses is wanted.
    func run(weights: [Float]?, onlyLosses: Bool, workers: Workers, into sums: inout ContrastSums) {
        let used = Set(segments.map(\.columnSide))
        let packed = sides.indices.map { used.contains($0) ? PackedSide(sides[$0], workers: workers) : nil }
        var block = Block(rows: blockRows, columns: columnCount)
        let settings = semblance_contrast_settings(
            factor: methods.isEmpty ? step.scale : 1,
            smoothing: smoothing,
            weight: Float(share / Double(anchorCount)),
            leaves_out_targets: 0
        )
        for first in stride(from: 0, to: anchorCount, by: blockRows) {
            let rows = min(blockRows, anchorCount - first)
            scoreRows(first, rows, settings, weights, onlyLosses, packed, &block, workers, &sums)
            for row in 0..<rows { sums.add(block.reports[row], share: share, toRow: first + row) }
            if onlyLosses { continue }
            sumColumns(first, rows, block.scores, workers, &sums)
            collect(block, first, rows, weights, &sums)
        }
        if !onlyLosses { sums.candidatesPerRow += columnCount }
    }

    /// The scores of a block of rows, and what is reported of them.
    private struct Block {
        var scores: Matrix
        var reports: [semblance_contrast_row]
        var masked: [Int32]
        /// Of each task of 64 rows.
        var scaleGradients: [Double]

        init(rows: Int, columns: Int) {
            scores = Matrix(uninitializedRows: rows, columns: columns)
            reports = Array(repeating: semblance_contrast_row(), count: rows)
            masked = Array(repeating: 0, count: rows)
            scaleGradients = Array(repeating: 0, count: (rows + task - 1) / task)
        }
    }

    /// Rows of one thread's turn.
    private static let task = 64

    /// Scores, softmax and the gradient of the rows' own side, for a block of rows; 64 rows a task.
    private func scoreRows(
        _ first: Int,
        _ rows: Int,
        _ settings: semblance_contrast_settings,
        _ weights: [Float]?,
        _ onlyLosses: Bool,
        _ packed: [PackedSide?],
        _ block: inout Block,
        _ workers: Workers,
        _ sums: inout ContrastSums
    ) {
        let n = columnCount, task = Self.task
        var (anchorGradient, documentGradient) = (sums.gradients[0], sums.gradients[1])
        (sums.gradients[0], sums.gradients[1]) = (Matrix(rows: 0, columns: 0), Matrix(rows: 0, columns: 0))
        unsafe block.scores.withMutablePointer { scores in
            unsafe block.reports.withUnsafeMutableBufferPointer { reports in
                unsafe block.masked.withUnsafeMutableBufferPointer { masked in
                    unsafe block.scaleGradients.withUnsafeMutableBufferPointer { scaleGradients in
                        unsafe anchorGradient.withMutablePointer { anchorGradient in
                            unsafe documentGradient.withMutablePointer { documentGradient in
                                workers.forEach((rows + task - 1) / task) { index in
                                    let begin = index * task
                                    let range = first + begin..<first + min(begin + task, rows)
                                    let block = unsafe scores + begin * n
                                    unsafe score(range, packed, block)
                                    if let reports = reports.baseAddress, let masked = masked.baseAddress {
                                        if methods.isEmpty {
                                            unsafe layout.keys.close(block, of: range, countingInto: masked + begin)
                                            unsafe softmax(block, range, settings, weights, reports + begin)
                                        } else {
                                            unsafe scaleGradients[index] = unsafe softmaxWithMethods(
                                                block,
                                                range,
                                                settings,
                                                weights,
                                                onlyLosses,
                                                reports + begin,
                                                masked + begin
                                            )
                                        }
                                    }
                                    if onlyLosses { return }
                                    for segment in segments {
                                        guard let columns = packed[segment.columnSide] else { continue }
                                        let target = unsafe segment.rows == .anchors ? anchorGradient : documentGradient
                                        unsafe columns.forGradients.withPointer {
                                            unsafe semblance_product_packed(
                                                range.count,
                                                dimension,
                                                segment.range.count,
                                                block + segment.range.lowerBound,
                                                n,
                                                1,
                                                $0,
                                                1,
                                                1,
                                                nil,
                                                target + range.lowerBound * dimension,
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
        }
        (sums.gradients[0], sums.gradients[1]) = (anchorGradient, documentGradient)
    }

    /// The cosines of some rows with all columns.
    private func score(_ rows: Range<Int>, _ packed: [PackedSide?], _ block: UnsafeMutablePointer<Float>) {
        for segment in segments {
            guard let columns = packed[segment.columnSide] else { continue }
            unsafe sides[segment.rowSide].withPointer { vectors in
                unsafe columns.forScores.withPointer {
                    unsafe semblance_product_packed(
                        rows.count,
                        segment.range.count,
                        dimension,
                        vectors + rows.lowerBound * dimension,
                        dimension,
                        1,
                        $0,
                        1,
                        0,
                        nil,
                        block + segment.range.lowerBound,
                        columnCount
                    )
                }
            }
        }
    }

    /// Scores of some rows to gradients, in place.
    private func softmax(
        _ block: UnsafeMutablePointer<Float>,
        _ rows: Range<Int>,
        _ settings: semblance_contrast_settings,
        _ weights: [Float]?,
        _ reports: UnsafeMutablePointer<semblance_contrast_row>
    ) {
        var scratch = Matrix(uninitializedRows: 1, columns: columnCount)
        unsafe scratch.withMutablePointer { scratch in
            unsafe semblance_contrast_softmax(
                block,
                columnCount,
                rows.lowerBound,
                rows.count,
                columnCount,
                layout.keys.rowFirst,
                layout.targets,
                layout.twins,
                weights,
                settings,
                scratch,
                reports
            )
        }
    }

    /// The same where methods change logits, masks or targets; returns ∂loss/∂scale.
    private func softmaxWithMethods(
        _ scores: UnsafeMutablePointer<Float>,
        _ rows: Range<Int>,
        _ settings: semblance_contrast_settings,
        _ weights: [Float]?,
        _ onlyLosses: Bool,
        _ reports: UnsafeMutablePointer<semblance_contrast_row>,
        _ masked: UnsafeMutablePointer<Int32>
    ) -> Double {
        let n = columnCount
        var similarities = Matrix(uninitializedRows: rows.count, columns: n)
        unsafe similarities.withMutablePointer { unsafe $0.update(from: scores, count: rows.count * n) }
        var mask = Matrix(rows: rows.count, columns: n)
        unsafe mask.withMutablePointer { unsafe layout.keys.close($0, of: rows, countingInto: masked) }
        var isTarget = Matrix(rows: rows.count, columns: n)
        for row in rows {
            for target in layout.targets(of: row) { isTarget[row - rows.lowerBound, Int(target)] = 1 }
        }
        let tape = Tape(Weights([]), isRecording: !onlyLosses)
        let inputs = [tape.input(similarities), tape.input(Matrix(rows: 1, columns: 1, repeating: step.scale))]
        var block = CandidateBlock(
            rows: rows,
            columns: layout.columns,
            similarities: MatrixExpression(inputs[0], on: tape),
            scale: MatrixExpression(inputs[1], on: tape),
            isTarget: isTarget,
            mask: mask
        )
        var step = step
        for index in methods.indices {
            step.method = index
            methods[index].logits(of: &block, in: step, states[index])
        }
        var settings = settings
        settings.leaves_out_targets = block.leavesOutTargets ? 1 : 0
        let open = MatrixExpression(block.mask).exp
        let counts = (block.leavesOutTargets ? open - MatrixExpression(isTarget) : open).rowSums.value
        for row in 0..<rows.count { unsafe reports[row].open = Int32(counts[row, 0]) }
        var gradient = block.logits.value
        gradient.add(block.mask)
        unsafe gradient.withMutablePointer { gradient in
            if let targets = block.distribution {
                var scratch = Matrix(uninitializedRows: 1, columns: n)
                unsafe scratch.withMutablePointer { scratch in
                    unsafe targets.withPointer { targets in
                        unsafe semblance_contrast_distribution(
                            gradient,
                            n,
                            rows.lowerBound,
                            rows.count,
                            n,
                            targets,
                            n,
                            weights,
                            settings,
                            scratch,
                            reports
                        )
                    }
                }
                for row in 0..<rows.count { unsafe reports[row].hardest_column = -1 }
            } else {
                unsafe softmax(gradient, rows, settings, weights, reports)
                // Suspects are told by their cosines.
                for row in 0..<rows.count where unsafe reports[row].hardest_column >= 0 {
                    unsafe reports[row].hardest = similarities[row, Int(reports[row].hardest_column)]
                    let targets = layout.targets(of: rows.lowerBound + row)
                    unsafe reports[row].positive = similarities[row, Int(targets[targets.startIndex])]
                }
            }
        }
        if onlyLosses { return 0 }
        let found = tape.gradients(of: inputs, from: [(gradient, block.logits.variable)])
        if let dScores = found[0] {
            unsafe dScores.withPointer { unsafe scores.update(from: $0, count: rows.count * n) }
        } else {
            unsafe scores.update(repeating: 0, count: rows.count * n)
        }
        return found[1].map { Double($0[0, 0]) } ?? 0
    }

    /// The gradient of the columns' side: Gᵀ · rows, added block after block.
    private func sumColumns(
        _ first: Int,
        _ rows: Int,
        _ scores: Matrix,
        _ workers: Workers,
        _ sums: inout ContrastSums
    ) {
        let n = columnCount, dimension = dimension, task = 128
        for segment in segments where sums.gradients[segment.columnSide].rows > 0 {
            let packedRows = sides[segment.rowSide].packed(
                rows: rows,
                columns: dimension,
                firstRow: first,
                strides: (dimension, 1),
                workers
            )
            let columns = segment.range
            unsafe sums.gradients[segment.columnSide].withMutablePointer { gradient in
                unsafe packedRows.withPointer { packedRows in
                    unsafe scores.withPointer { scores in
                        workers.forEach((columns.count + task - 1) / task) { index in
                            let begin = index * task
                            unsafe semblance_product_packed(
                                min(task, columns.count - begin),
                                dimension,
                                rows,
                                scores + columns.lowerBound + begin,
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
    }

    private func collect(_ block: Block, _ first: Int, _ rows: Int, _ weights: [Float]?, _ sums: inout ContrastSums) {
        let documents = segments.first { $0.kind == .documents }
        let tasks = (rows + Self.task - 1) / Self.task
        if !methods.isEmpty { sums.scaleGradient += block.scaleGradients.prefix(tasks).reduce(0, +) }
        for (index, report) in block.reports.prefix(rows).enumerated() {
            let weight = Double(weights?[first + index] ?? 1)
            sums.loss += weight * report.loss * share / Double(anchorCount)
            if methods.isEmpty { sums.scaleGradient += report.factor_gradient }
            sums.maskedPerRow += Double(block.masked[index]) / Double(anchorCount)
            guard report.hardest_column >= 0, let documents, documents.range.contains(Int(report.hardest_column))
            else { continue }
            sums.suspects.append(
                Contrast.Suspect(
                    row: first + index,
                    document: Int(report.hardest_column) - documents.range.lowerBound,
                    score: report.hardest,
                    positiveScore: report.positive
                )
            )
        }
    }
}
