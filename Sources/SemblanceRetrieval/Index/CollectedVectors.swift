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

/// The live vectors of some sources, in the order of their ids. The sources must be there as long as it is used.
@safe final class CollectedVectors {
    let count: Int
    private let dimension: Int
    private let sources: [VectorSource]
    private let rows: [semblance_rows]
    /// `[count]`: where each one is.
    private let origins: UnsafeMutablePointer<semblance_origin>

    /// Rows that are copied at once.
    private static let chunk = 4096

    init(_ sources: [VectorSource], dimension: Int) {
        (self.sources, self.dimension) = (sources, dimension)
        count = sources.reduce(0) { $0 + $1.live.count }
        unsafe rows = sources.map { unsafe $0.rows }
        unsafe origins = .allocate(capacity: count)
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
    }

    deinit { unsafe origins.deallocate() }

    /// Calls `body` with some thousand vectors and their ids at a time.
    func forEachChunk(_ body: (Matrix, [Int64]) throws -> Void) throws {
        for first in stride(from: 0, to: count, by: Self.chunk) {
            let places = unsafe UnsafeBufferPointer(start: origins + first, count: min(Self.chunk, count - first))
            let (vectors, ids) = gather(unsafe Array(places))
            try body(vectors, ids)
        }
    }

    /// About so many of the vectors, or all.
    func sample(_ wanted: Int) -> Matrix {
        gather(stride(from: 0, to: count, by: max(1, count / max(wanted, 1))).map { unsafe origins[$0] }).0
    }

    var hasPayloads: Bool { sources.contains(where: \.hasPayloads) }

    /// What is kept with one of them.
    func payload(_ place: Int) throws -> [UInt8] {
        let origin = unsafe origins[place]
        return try sources[Int(origin.part)].payload(Int(origin.slot))
    }

    private func gather(_ places: [semblance_origin]) -> (Matrix, [Int64]) {
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
}
