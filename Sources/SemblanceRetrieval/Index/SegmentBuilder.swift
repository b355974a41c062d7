internal import CSemblanceFAISS
internal import SemblanceNumerics

/// Vectors that a part is made of.
@safe struct VectorSource {
    let rows: semblance_rows
    let ids: UnsafeBufferPointer<Int64>
    let live: LiveSlots
    let payload: (Int) throws -> [UInt8]
    let hasPayloads: Bool
}

/// Making one sealed part of live vectors, in the order of their ids: what comes out depends on the vectors and ids
/// alone, and not on where they were.
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

    /// Rows that are copied at once.
    private static let chunk = 4096

    /// One new part of all that is live in others, or `nil` where nothing is.
    func build(_ parts: [Part], number: Int) throws -> Part? {
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
        return try withExtendedLifetime((parts, decoded)) { try build(sources, number: number) }
    }

    /// As above, of vectors wherever they are.
    func build(_ sources: [VectorSource], number: Int) throws -> Part? {
        let count = sources.reduce(0) { $0 + $1.live.count }
        if count == 0 { return nil }
        let origins = UnsafeMutablePointer<semblance_origin>.allocate(capacity: count)
        defer { unsafe origins.deallocate() }
        var collected = 0
        for (index, source) in sources.enumerated() {
            guard source.live.count > 0, let ids = unsafe source.ids.baseAddress else { continue }
            unsafe collected += semblance_origins_collect(
                ids,
                source.live.slots,
                source.live.bits,
                Int32(index),
                origins + collected
            )
        }
        unsafe semblance_origins_sort(origins, count)
        let rows = unsafe sources.map { unsafe $0.rows }

        func gather(_ places: [semblance_origin]) -> (Matrix, [Int64]) {
            var matrix = Matrix(uninitializedRows: places.count, columns: dimension)
            let ids = unsafe [Int64](unsafeUninitializedCapacity: places.count) { ids, filled in
                unsafe matrix.withMutablePointer { out in
                    guard let first = ids.baseAddress else { return }
                    unsafe semblance_origins_gather(places, places.count, rows, dimension, out, first)
                }
                filled = places.count
            }
            return (matrix, ids)
        }
        func chunks(_ body: (Matrix, [Int64]) throws -> Void) throws {
            for first in stride(from: 0, to: count, by: Self.chunk) {
                let places = unsafe UnsafeBufferPointer(start: origins + first, count: min(Self.chunk, count - first))
                let (vectors, ids) = gather(unsafe Array(places))
                try body(vectors, ids)
            }
        }

        let files = writer?(number)
        do {
            let recipe = SegmentRecipe(kind, count: count, dimension: dimension, memory: memoryBudget)
            var full: FullVectors?
            if !recipe.keepsVectors { full = try keep(count: count, files: files, chunks) }
            let segment = try segment(recipe, count: count, full: full, chunks) {
                let step = max(1, count / max(recipe.sample, 1))
                return gather(stride(from: 0, to: count, by: step).map { unsafe origins[$0] }).0
            }
            var payloads: Payloads?
            if sources.contains(where: \.hasPayloads) {
                payloads = try keepPayloads(count: count, files: files) {
                    let origin = unsafe origins[$0]
                    return try sources[Int(origin.part)].payload(Int(origin.slot))
                }
            }
            try files?.finish(segment)
            return Part(
                number: number,
                rows: .sealed(segment, payloads: payloads),
                live: LiveSlots(slots: count),
                files: files?.identities
            )
        } catch {
            files?.discard()
            throw error
        }
    }

    /// A segment by its recipe, or an exact one where there are too few vectors to learn from.
    private func segment(
        _ recipe: SegmentRecipe,
        count: Int,
        full: FullVectors?,
        _ chunks: ((Matrix, [Int64]) throws -> Void) throws -> Void,
        sample: () -> Matrix
    ) throws -> Segment {
        func make(_ recipe: SegmentRecipe, _ full: FullVectors?) throws -> Segment {
            try Segment(
                dimension: dimension,
                metric: metric,
                recipe: recipe,
                count: count,
                sample: sample,
                full: full,
                workers: workers,
                parts: chunks
            )
        }
        do {
            return try make(recipe, full)
        } catch let error as RetrievalError where error.code == .backend && recipe.sample > 0 {
            return try make(.exact, nil)
        }
    }

    private func keep(
        count: Int,
        files: SegmentFileWriter?,
        _ chunks: ((Matrix, [Int64]) throws -> Void) throws -> Void
    ) throws -> FullVectors {
        if let files { return try files.writeVectors(count: count, dimension: dimension, chunks) }
        var all = Matrix(uninitializedRows: count, columns: dimension)
        var done = 0
        try chunks { vectors, _ in
            unsafe vectors.withPointer { part in
                unsafe all.withMutablePointer {
                    unsafe ($0 + done * dimension).update(from: part, count: vectors.count)
                }
            }
            done += vectors.rows
        }
        return FullVectors(all)
    }

    private func keepPayloads(
        count: Int,
        files: SegmentFileWriter?,
        _ payload: (Int) throws -> [UInt8]
    ) throws -> Payloads {
        if let files { return try files.writePayloads(count: count, payload) }
        return .memory(try (0..<count).map(payload))
    }
}
