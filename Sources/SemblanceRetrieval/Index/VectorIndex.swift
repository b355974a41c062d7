internal import CSemblanceFAISS
internal import CSemblanceKernels
internal import Foundation
public import SemblanceNumerics
internal import Synchronization

/// Vectors under 64-bit ids, and the search for those nearest to a query, through FAISS.
///
///     let index = try VectorIndex(dimension: 384, kind: .hnsw)
///     try await index.add(vectors, ids: ids)
///     let hits = try index.nearest(to: query, count: 10)
///
/// Any task may search and change at any time. A search sees one state of the index, never waits for a change, and
/// gives as many hits as asked for where the index has them: best first, equal scores by id. A change is whole or not at
/// all, and seen by every search that begins after it returned.
///
/// New vectors are compared one by one until enough of them came together; then they are built into a segment in the
/// background, see ``MaintenanceConfiguration``. What is removed or replaced is never found, and its memory comes back
/// when its segment is built anew.
///
/// An index lives in memory, or in a folder as well (``create(at:dimension:metric:kind:durability:maintenance:options:)``,
/// ``open(at:readOnly:durability:maintenance:options:)``): a change is then on the disk when its call returns, see
/// ``Durability``.
///
/// A vector with a NaN, an infinity or a length beyond 4e18 is refused. Under ``Metric/cosine`` vectors are scaled to
/// unit length as they come; a vector of zeros stays one, and its score is 0 for every query.
public final class VectorIndex: Sendable {
    /// How many components a vector has.
    public let dimension: Int
    /// How vectors are compared.
    public let metric: Metric
    /// The kind that was asked for; ``IndexKind/automatic`` stays so.
    public let kind: IndexKind
    /// How it is kept in shape.
    public let maintenance: MaintenanceConfiguration

    let workers: Workers
    let hasPayloads: Bool
    /// Where it lives beside the memory.
    let place: IndexPlace?
    /// Its files, where it may change them.
    let folder: IndexFolder?
    let durability: Durability
    /// Opened for reading alone, or closed.
    let isReadOnly: Atomic<Bool>
    /// What is searched; replaced by one thread alone, that of the changes.
    let state: Mutex<IndexState>
    let changes = ChangeQueue<IndexJob>()
    let upkeep = Upkeep()
    /// Held while the state is read anew.
    let refreshing = Mutex(())
    /// The number of the next part.
    let nextNumber: Atomic<Int>

    static let largestDimension = 65_536

    /// An empty index in memory.
    ///
    /// - Throws: ``RetrievalError``: `.invalidArgument` for a dimension outside 1...65,536 or a setting out of range;
    ///   `.invalidKind` where FAISS can't make the kind, with its own words.
    public convenience init(
        dimension: Int,
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration(),
        options: ComputeOptions = ComputeOptions()
    ) throws {
        try Self.validate(dimension: dimension, metric: metric, kind: kind, maintenance: maintenance)
        self.init(
            state: IndexState(),
            dimension: dimension,
            metric: metric,
            kind: kind,
            maintenance: maintenance,
            options: options
        )
    }

    /// An index of vectors that are all there, in memory, in one segment; blocks the calling thread.
    ///
    /// - Throws: as ``init(dimension:metric:kind:maintenance:options:)`` and ``add(_:ids:)``.
    package convenience init(
        of vectors: Matrix,
        ids: [Int64],
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        options: ComputeOptions = ComputeOptions()
    ) throws {
        try self.init(dimension: vectors.columns, metric: metric, kind: kind, options: options)
        let change = try change(putting: vectors, ids: ids)
        try state.withLock { state in
            try state.validate(change)
            if let part = try sealed(change, number: newNumber()) { state.insert(part) }
        }
    }

    init(
        state: IndexState,
        dimension: Int,
        metric: Metric,
        kind: IndexKind,
        maintenance: MaintenanceConfiguration,
        options: ComputeOptions,
        hasPayloads: Bool = false,
        place: IndexPlace? = nil,
        folder: IndexFolder? = nil,
        durability: Durability = .everyWrite,
        isReadOnly: Bool = false
    ) {
        self.dimension = dimension
        self.metric = metric
        self.kind = kind
        self.maintenance = maintenance
        self.hasPayloads = hasPayloads
        self.place = place
        self.folder = folder
        self.durability = durability
        self.isReadOnly = Atomic(isReadOnly)
        nextNumber = Atomic((state.parts.map(\.number).max() ?? 0) + 1)
        self.state = Mutex(state)
        workers = Workers.shared(threads: options.threads)
    }

    /// Looks at everything that can be wrong with an index before it has vectors.
    static func validate(
        dimension: Int,
        metric: Metric,
        kind: IndexKind,
        maintenance: MaintenanceConfiguration
    ) throws {
        guard (1...largestDimension).contains(dimension) else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "the dimension of an index is \(dimension); it must be from 1 to \(largestDimension)"
            )
        }
        try kind.validate()
        try maintenance.validate()
        if case .ivf(let configuration) = kind, configuration.lists == nil { return }
        _ = try Segment(
            dimension: dimension,
            metric: metric,
            recipe: SegmentRecipe(kind, count: SegmentRecipe.automaticLimit + 1, dimension: dimension),
            count: 0,
            sample: { Matrix(rows: 0, columns: dimension) },
            full: nil,
            workers: Workers.shared(threads: 1),
            between: {},
            parts: { _ in }
        )
    }

    /// A snapshot: what it holds stays as it is.
    var current: IndexState { state.withLock { $0 } }

    func newNumber() -> Int { nextNumber.add(1, ordering: .relaxed).oldValue }

    /// How many vectors there are.
    public var count: Int { current.count }

    /// Whether there is a vector under `id`.
    public func contains(_ id: Int64) -> Bool { current.place(of: id) != nil }

    /// The vector under `id` as it is compared (of unit length under ``Metric/cosine``), or `nil`.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile` where it must be read from a file that is damaged.
    public func vector(of id: Int64) throws -> [Float]? {
        try current.place(of: id).map { try $0.part.vector($0.slot) }
    }

    /// The ids of all vectors, in order.
    public var ids: [Int64] {
        current.parts.flatMap { part in
            unsafe part.ids.enumerated().compactMap { part.live[$0.offset] ? $0.element : nil }
        }.sorted()
    }

    /// Vectors as they are compared, after a look at every one of them.
    func usable(_ vectors: Matrix) throws -> Matrix {
        guard vectors.columns == dimension else {
            throw RetrievalError(
                code: .dimensionMismatch,
                message: "the vectors have \(vectors.columns) components, the index has dimension \(dimension)"
            )
        }
        let bad = unsafe vectors.withPointer { unsafe semblance_first_unusable_row($0, vectors.rows, dimension) }
        guard bad == vectors.rows else {
            throw RetrievalError(
                code: .unusableVector,
                message: "vector \(bad) holds a NaN or an infinity, or is longer than 4e18"
            )
        }
        return metric == .cosine ? UnitRows(vectors, workers: workers).output : vectors
    }
}
