internal import CSemblanceFAISS
internal import SemblanceNumerics

/// Making one sealed part of live vectors.
///
/// Takes memory for the new part, for 4,096 rows beside it, and for what it learns from.
struct SegmentBuilder {
    let dimension: Int
    let metric: Metric
    var kind: IndexKind
    /// See ``MaintenanceConfiguration/memoryBudget``.
    let memoryBudget: Int?
    /// Who writes the files of a part of that number; `nil` where the index has none.
    let writer: ((Int) -> SegmentFileWriter)?
    let workers: Workers
    /// Called now and then while a graph is linked; what it throws ends that.
    var between: () throws -> Void = {}

    /// One new part of all that is live in others, or `nil` where nothing is, in the order of the ids: what comes out
    /// depends on the vectors and ids alone, and not on where they were.
    func build(_ parts: [Part], number: Int) throws -> Part? {
        try withSources(of: parts) { try build($0, number: number) }
    }

    /// As above, of vectors wherever they are.
    func build(_ sources: [VectorSource], number: Int) throws -> Part? {
        let vectors = CollectedVectors(sources, dimension: dimension)
        let count = vectors.count
        if count == 0 { return nil }
        let live = LiveSlots(slots: count)
        return try part(number, live, payloads: vectors.hasPayloads ? vectors.payload : nil) { files in
            let recipe = SegmentRecipe(kind, count: count, dimension: dimension, memory: memoryBudget)
            let full = recipe.keepsVectors ? nil : try keep(vectors, files: files)
            return try segment(recipe, of: vectors, full: full)
        }
    }

    /// One new part of all that is live in others. Where one of them is a graph that may grow, it is copied and takes
    /// the vectors of the others: that costs their linking alone. What is removed in it stays so.
    ///
    /// - Parameter mayGrow: says which parts aren't worn.
    func grow(_ parts: [Part], number: Int, where mayGrow: (Part) -> Bool) throws -> Part? {
        let count = parts.reduce(0) { $0 + $1.live.count }
        let recipe = SegmentRecipe(kind, count: count, dimension: dimension, memory: memoryBudget)
        let grown = parts.filter { $0.canGrow && mayGrow($0) }.max { $0.live.count < $1.live.count }
        guard recipe.isGraphOfVectors, let grown, let graph = grown.segment else {
            return try build(parts, number: number)
        }
        return try withSources(of: parts.filter { $0.number != grown.number }) { sources in
            let vectors = CollectedVectors(sources, dimension: dimension)
            let slots = grown.live.slots
            var live = grown.live
            live.append(vectors.count)
            func payload(_ slot: Int) throws -> [UInt8] {
                if slot >= slots { return try vectors.payload(slot - slots) }
                return grown.live[slot] ? try grown.payload(slot) : []
            }
            let hasPayloads = vectors.hasPayloads || grown.hasPayloads
            var part = try part(number, live, payloads: hasPayloads ? payload : nil) { _ in
                try Segment(
                    growing: graph,
                    to: live.slots,
                    buildEffort: recipe.buildEffort,
                    workers: workers,
                    between: between,
                    parts: vectors.forEachChunk
                )
            }
            part.isGrown = true
            return part
        }
    }

    /// A part of the segment that `make` makes, with its files, and with payloads by slot where it has any.
    private func part(
        _ number: Int,
        _ live: LiveSlots,
        payloads payload: ((Int) throws -> [UInt8])?,
        _ make: (SegmentFileWriter?) throws -> Segment
    ) throws -> Part {
        let files = writer?(number)
        do {
            let segment = try make(files)
            let payloads = try payload.map { payload -> Payloads in
                if let files { return try files.writePayloads(count: live.slots, payload) }
                return .memory(try (0..<live.slots).map(payload))
            }
            try files?.finish(segment)
            return Part(
                number: number,
                rows: .sealed(segment, payloads: payloads),
                live: live,
                files: files?.identities
            )
        } catch {
            files?.discard()
            throw error
        }
    }

    /// Calls `body` with the vectors of some parts.
    private func withSources<Result>(of parts: [Part], _ body: ([VectorSource]) throws -> Result) throws -> Result {
        // A foreign segment may have codes alone: what they stand for is all there is.
        var decoded: [Matrix] = []
        let sources = try parts.map { part in
            var rows = unsafe part.source
            switch part.rows {
            case .sealed(let segment, _):
                try segment.full?.verifyAll()
                if unsafe rows.base == nil && rows.index == nil {
                    let all = try Matrix(
                        rows: segment.count,
                        columns: dimension,
                        elements: (0..<segment.count).flatMap { try segment.vector(Int32($0)) }
                    )
                    decoded.append(all)
                    unsafe rows.base = all.withPointer { unsafe $0 }
                }
            case .tail: break
            }
            return unsafe VectorSource(
                rows: rows,
                ids: part.ids,
                live: part.live,
                payload: part.payload,
                hasPayloads: part.hasPayloads
            )
        }
        return try withExtendedLifetime((parts, decoded)) { try body(sources) }
    }

    /// A segment by its recipe, or an exact one where there are too few vectors to learn from.
    private func segment(_ recipe: SegmentRecipe, of vectors: CollectedVectors, full: FullVectors?) throws -> Segment {
        func make(_ recipe: SegmentRecipe, _ full: FullVectors?) throws -> Segment {
            try Segment(
                dimension: dimension,
                metric: metric,
                recipe: recipe,
                count: vectors.count,
                sample: { vectors.sample(recipe.sample) },
                full: full,
                workers: workers,
                between: between,
                parts: vectors.forEachChunk
            )
        }
        do {
            return try make(recipe, full)
        } catch let error as RetrievalError where error.code == .backend && recipe.sample > 0 {
            return try make(.exact, nil)
        }
    }

    private func keep(_ vectors: CollectedVectors, files: SegmentFileWriter?) throws -> FullVectors {
        if let files {
            return try files.writeVectors(count: vectors.count, dimension: dimension, vectors.forEachChunk)
        }
        var all = Matrix(uninitializedRows: vectors.count, columns: dimension)
        var done = 0
        try vectors.forEachChunk { vectors, _ in
            unsafe vectors.withPointer { part in
                unsafe all.withMutablePointer {
                    unsafe ($0 + done * dimension).update(from: part, count: vectors.count)
                }
            }
            done += vectors.rows
        }
        return FullVectors(all)
    }
}
