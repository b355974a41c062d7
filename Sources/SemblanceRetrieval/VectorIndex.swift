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
/// Any task may search at any time. A change excludes searches and other changes while it is made: searches that come
/// meanwhile wait. Every query sees one state of the index. Hits come best first, equal scores by id, always as many as
/// asked for where the index has them.
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

    private let workers: Workers
    /// What readers search; replaced when an automatic index becomes a graph or lists get their number.
    private let segment: Mutex<Segment>
    /// Held by the one who changes.
    private let changing = Mutex(())

    /// From so many vectors on an automatic index is a graph: an exact search of 384 dimensions takes milliseconds.
    static let automaticLimit = 20_000

    /// An empty index.
    ///
    /// - Throws: ``RetrievalError``: `.invalidArgument` for a dimension outside 1...65,536; `.invalidKind` where FAISS
    ///   can't make the kind, with its own words.
    public convenience init(
        dimension: Int,
        metric: Metric = .cosine,
        kind: IndexKind = .automatic,
        options: ComputeOptions = ComputeOptions()
    ) throws {
        guard (1...65_536).contains(dimension) else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "the dimension of an index is \(dimension); it must be from 1 to 65536"
            )
        }
        try kind.validate()
        let segment = try Self.segment(of: kind, dimension: dimension, metric: metric)
        self.init(dimension: dimension, metric: metric, kind: kind, segment: segment, options: options)
    }

    init(dimension: Int, metric: Metric, kind: IndexKind, segment: Segment, options: ComputeOptions) {
        self.dimension = dimension
        self.metric = metric
        self.kind = kind
        self.segment = Mutex(segment)
        workers = Workers.shared(threads: options.threads)
    }

    /// An empty segment of a kind; lists whose number isn't known yet begin as an exact one.
    private static func segment(of kind: IndexKind, dimension: Int, metric: Metric) throws -> Segment {
        switch kind {
        case .automatic, .exact:
            try Segment(dimension: dimension, factory: "Flat", l2: metric == .l2)
        case .hnsw(let configuration):
            try Segment(
                dimension: dimension,
                factory: "HNSW\(configuration.links),Flat",
                l2: metric == .l2,
                buildEffort: configuration.buildEffort,
                effort: configuration.effort
            )
        case .ivf(let configuration):
            try Segment(
                dimension: dimension,
                factory: configuration.lists.map { "IVF\($0),Flat" } ?? "Flat",
                l2: metric == .l2,
                effort: configuration.probes
            )
        case .factory(let string):
            try Segment(dimension: dimension, factory: string, l2: metric == .l2)
        }
    }

    /// What is searched now; it may be replaced at any time, but stays as good as it is.
    var current: Segment { segment.withLock { $0 } }

    /// How many vectors there are.
    public var count: Int { Int(current.about.count) }

    /// Whether a vector was added under `id`.
    public func contains(_ id: Int64) -> Bool { current.contains(id) }

    /// The vector added under `id`, or `nil`: as it is compared (of unit length under ``Metric/cosine``), and only
    /// roughly where the kind compresses.
    public func vector(of id: Int64) throws -> [Float]? { try current.vector(id, dimension: dimension) }
}

// MARK: - Adding

extension VectorIndex {
    /// Adds vectors under their ids, all of them or, where it throws, none.
    ///
    /// A kind that learns from vectors (lists, codes) learns from the first ones added, unless ``train(on:)`` was called
    /// before. A graph is the same for any number of threads. Cancelling the task has no effect once adding has begun.
    ///
    /// - Parameters:
    ///   - vectors: `[n, dimension]`.
    ///   - ids: `[n]`, none twice and none that is in the index.
    /// - Throws: ``RetrievalError``: `.dimensionMismatch`, `.invalidArgument` (not one id for each row),
    ///   `.unusableVector`, `.duplicateID`, `.tooFewVectors` (to learn from).
    public func add(_ vectors: Matrix, ids: [Int64]) async throws {
        try await workers.run { _ in try self.addNow(vectors, ids: ids) }
    }

    /// As ``add(_:ids:)``, on the calling thread, which it blocks.
    package func addNow(_ vectors: Matrix, ids: [Int64]) throws {
        guard ids.count == vectors.rows else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "\(vectors.rows) vectors were given with \(ids.count) ids; each needs one"
            )
        }
        if vectors.rows == 0 { return }
        let vectors = try usable(vectors)
        try changing.withLock { _ in
            if !isTrained { try learn(from: vectors) }
            let segment = current
            try segment.add(vectors, ids: ids, workers: workers)
            if kind == .automatic, segment.about.kind == SEMBLANCE_INDEX_EXACT, count > Self.automaticLimit {
                try becomeGraph()
            }
        }
    }

    /// Learns lists or codes from vectors, without adding them; kinds that learn nothing ignore it.
    ///
    /// - Throws: ``RetrievalError`` as ``add(_:ids:)``, and `.invalidArgument` where the index has vectors already.
    public func train(on vectors: Matrix) async throws {
        try await workers.run { _ in
            let vectors = try self.usable(vectors)
            try self.changing.withLock { _ in
                guard self.count == 0 else {
                    throw RetrievalError(
                        code: .invalidArgument,
                        message: "the index has learnt from its first vectors already; train before adding"
                    )
                }
                try self.learn(from: vectors)
            }
        }
    }

    /// Whether vectors can be added as things are.
    private var isTrained: Bool {
        if case .ivf = kind { return current.about.is_trained && current.about.kind == SEMBLANCE_INDEX_IVF }
        return current.about.is_trained
    }

    private func learn(from vectors: Matrix) throws {
        if case .ivf(var configuration) = kind {
            // No list of its own for less than a dozen vectors.
            let usual = max(1, min(Int(4 * Double(vectors.rows).squareRoot()), vectors.rows / 12))
            let lists = configuration.lists ?? usual
            configuration.lists = lists
            guard vectors.rows >= lists else {
                throw RetrievalError(
                    code: .tooFewVectors,
                    message: "\(lists) lists can't be learnt from \(vectors.rows) vectors; add more at first, "
                        + "or ask for fewer lists"
                )
            }
            let fresh = try Self.segment(of: .ivf(configuration), dimension: dimension, metric: metric)
            try fresh.train(vectors, workers: workers)
            segment.withLock { $0 = fresh }
            return
        }
        do {
            try current.train(vectors, workers: workers)
        } catch let error as RetrievalError where error.code == .backend {
            throw RetrievalError(
                code: .tooFewVectors,
                message: "the index '\(kind)' could not learn from \(vectors.rows) vectors, in the words of FAISS: "
                    + error.message
            )
        }
    }

    private func becomeGraph() throws {
        let (vectors, ids) = try current.contents()
        let graph = try Self.segment(of: .hnsw, dimension: dimension, metric: metric)
        try graph.add(vectors, ids: ids, workers: workers)
        segment.withLock { $0 = graph }
    }

    /// Vectors as they are compared, after a look at every one of them.
    private func usable(_ vectors: Matrix) throws -> Matrix {
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

// MARK: - Searching

extension VectorIndex {
    /// The vectors nearest to one query.
    ///
    /// Runs on the calling thread, and on others for an exact search of many vectors.
    ///
    /// - Parameters:
    ///   - query: `[dimension]`.
    ///   - count: how many; fewer come only where the index has fewer, none for 0 or less.
    ///   - effort: candidates kept (graph) or lists probed (lists); more finds more of the true nearest and takes
    ///     longer. `nil`, the default, is the kind's own. Other kinds ignore it.
    /// - Throws: ``RetrievalError`` with code `.dimensionMismatch` or `.unusableVector`.
    public func nearest(to query: [Float], count: Int, effort: Int? = nil) throws -> [Hit] {
        try nearestNow(to: Matrix(rows: 1, columns: query.count, elements: query), count: count, effort: effort)[0]
    }

    /// The vectors nearest to each row of `queries`, on all threads of the index.
    ///
    /// - Parameters: as for one query; `queries` is `[n, dimension]`.
    /// - Returns: `[n]` lists of hits; a query's hits are those it has alone.
    /// - Throws: ``RetrievalError`` as for one query, naming the row; `CancellationError`.
    public func nearest(to queries: Matrix, count: Int, effort: Int? = nil) async throws -> [[Hit]] {
        try await workers.run { cancellation in
            var hits: [[Hit]] = []
            for first in stride(from: 0, to: queries.rows, by: 1024) {
                try cancellation.check()
                let part = queries.rows(first..<min(first + 1024, queries.rows))
                hits += try self.nearestNow(to: part, count: count, effort: effort)
            }
            return hits
        }
    }

    /// As the searches above, on the calling thread and the index's, which it blocks.
    ///
    /// - Parameter allowed: a bit for each slot (in the order of adding) that may be found.
    package func nearestNow(
        to queries: Matrix,
        count: Int,
        effort: Int? = nil,
        allowed: [UInt8]? = nil
    ) throws -> [[Hit]] {
        let queries = try usable(queries)
        if count <= 0 { return Array(repeating: [], count: queries.rows) }
        let segment = current
        return try unsafe queries.withPointer { rows in
            try unsafe segment.nearest(
                to: UnsafeBufferPointer(start: rows, count: queries.count),
                rows: queries.rows,
                count: count,
                effort: max(1, effort ?? segment.about.usual_effort),
                allowed: allowed,
                workers: workers
            )
        }
    }
}
