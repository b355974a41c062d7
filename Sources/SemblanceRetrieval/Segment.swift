// The Swift side of one FAISS index: who owns it, and its errors.

internal import CSemblanceFAISS
internal import Foundation
internal import SemblanceNumerics

/// One FAISS index with its ids.
///
/// What FAISS computes itself (codes, rotations, the learning of both) goes through OpenBLAS and OpenMP: with one
/// OpenBLAS thread a call (``ProcessSettings``), and OpenMP threads only where vectors are learnt from or added.
///
/// The C side lets searches run at once and makes changes wait for them; the handle is freed with this object. It is
/// therefore Sendable.
@safe final class Segment: @unchecked Sendable {
    private let handle: OpaquePointer

    init(dimension: Int, factory: String, l2: Bool, buildEffort: Int = 0, effort: Int = 0) throws {
        ProcessSettings.apply()
        var created: OpaquePointer?
        do {
            try unsafe reporting { message in
                unsafe semblance_index_create(
                    Int64(dimension),
                    factory,
                    l2 ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT,
                    Int32(buildEffort),
                    Int32(effort),
                    &created,
                    message
                )
            }
        } catch let error as RetrievalError where error.code == .backend {
            throw RetrievalError(
                code: .invalidKind,
                message: "FAISS can't make the index '\(factory)' of dimension \(dimension): \(error.message)"
            )
        }
        unsafe handle = created.unsafelyUnwrapped
    }

    /// Reads what ``write(vectors:ids:)`` wrote.
    init(vectors: URL, ids: URL, expecting files: semblance_index_files) throws {
        ProcessSettings.apply()
        var files = files
        ProcessSettings.apply()
        var read: OpaquePointer?
        try unsafe reporting { message in
            unsafe semblance_index_read(vectors.path, ids.path, &files, &read, message)
        }
        unsafe handle = read.unsafelyUnwrapped
    }

    /// Reads a plain FAISS file.
    init(importing file: URL) throws {
        ProcessSettings.apply()
        var read: OpaquePointer?
        try unsafe reporting { message in unsafe semblance_index_import(file.path, &read, message) }
        unsafe handle = read.unsafelyUnwrapped
    }

    deinit { unsafe semblance_index_destroy(handle) }

    var about: semblance_index_info { unsafe semblance_index_describe(handle) }

    func train(_ vectors: Matrix, workers: Workers) throws {
        try unsafe vectors.withPointer { rows in
            try unsafe reporting { message in
                unsafe semblance_index_train(
                    handle,
                    rows,
                    vectors.rows,
                    workers.handle,
                    Int32(workers.threads),
                    message
                )
            }
        }
    }

    func add(_ vectors: Matrix, ids: [Int64], workers: Workers) throws {
        try unsafe vectors.withPointer { rows in
            try unsafe reporting { message in
                unsafe semblance_index_add(
                    handle,
                    rows,
                    ids,
                    vectors.rows,
                    workers.handle,
                    Int32(workers.threads),
                    message
                )
            }
        }
    }

    /// The best `count` of the vectors that `allowed` has a bit for, by slot; of all where it is `nil`.
    func nearest(
        to queries: UnsafeBufferPointer<Float>,
        rows: Int,
        count: Int,
        effort: Int,
        allowed: [UInt8]?,
        workers: Workers
    ) throws -> [[Hit]] {
        // More is never found; what is added meanwhile doesn't count.
        let count = min(count, Int(about.count))
        guard count > 0, let first = queries.baseAddress else { return Array(repeating: [], count: rows) }
        let hits = UnsafeMutablePointer<semblance_hit>.allocate(capacity: rows * count)
        defer { unsafe hits.deallocate() }
        var found = 0
        try unsafe reporting { message in
            unsafe semblance_index_search(
                handle,
                first,
                rows,
                count,
                effort,
                allowed,
                allowed?.count ?? 0,
                workers.handle,
                hits,
                &found,
                message
            )
        }
        return (0..<rows).map { row in
            unsafe UnsafeBufferPointer(start: hits + row * found, count: found).compactMap {
                $0.score.isNaN ? nil : Hit(id: $0.id, score: $0.score)
            }
        }
    }

    func contains(_ id: Int64) -> Bool { unsafe semblance_index_contains(handle, id) }

    func vector(_ id: Int64, dimension: Int) throws -> [Float]? {
        var found = false
        let vector = try unsafe [Float](unsafeUninitializedCapacity: dimension) { out, count in
            guard let first = out.baseAddress else { return }
            unsafe out.initialize(repeating: 0)
            try unsafe reporting { message in unsafe semblance_index_vector(handle, id, first, &found, message) }
            count = dimension
        }
        return found ? vector : nil
    }

    /// All vectors as stored, by slot, and their ids.
    func contents() throws -> (vectors: Matrix, ids: [Int64]) {
        let (count, dimension) = (Int(about.count), Int(about.dimension))
        var vectors = Matrix(uninitializedRows: count, columns: dimension)
        let ids = try unsafe [Int64](unsafeUninitializedCapacity: count) { ids, idCount in
            guard let first = ids.baseAddress else { return }
            try unsafe vectors.withMutablePointer { rows in
                try unsafe reporting { message in unsafe semblance_index_export(handle, count, rows, first, message) }
            }
            idCount = count
        }
        return (vectors, ids)
    }

    /// Writes both files and syncs them; says what is in them.
    func write(vectors: URL, ids: URL) throws -> semblance_index_files {
        var files = semblance_index_files()
        try unsafe reporting { message in
            unsafe semblance_index_write(handle, vectors.path, ids.path, &files, message)
        }
        return files
    }
}

/// Makes an error of what a call to the index says.
func reporting(
    _ call: (UnsafeMutablePointer<semblance_index_message>) throws -> semblance_index_status
) throws {
    var message = semblance_index_message()
    let status = try unsafe withUnsafeMutablePointer(to: &message) { try unsafe call($0) }
    if status == SEMBLANCE_INDEX_OK { return }
    let text = unsafe withUnsafeBytes(of: &message.text) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch status {
    case SEMBLANCE_INDEX_DUPLICATE:
        throw RetrievalError(code: .duplicateID, message: "the id \(text) is in the index already, or given twice")
    case SEMBLANCE_INDEX_FILE: throw RetrievalError(code: .fileSystem, message: text)
    case SEMBLANCE_INDEX_DAMAGED: throw RetrievalError(code: .damagedFile, message: text)
    case SEMBLANCE_INDEX_MEMORY: throw RetrievalError(code: .outOfMemory, message: "out of memory")
    default: throw RetrievalError(code: .backend, message: text)
    }
}
