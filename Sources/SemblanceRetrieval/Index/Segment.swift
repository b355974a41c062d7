// The Swift side of one FAISS index: who owns it, and its errors.

internal import CSemblanceFAISS
internal import Foundation
internal import SemblanceNumerics
internal import Synchronization

/// One FAISS index over slots 0..<count, each with an id. Once made it never changes, so that any number of threads may
/// search it; it is therefore Sendable.
///
/// What FAISS computes itself (codes, rotations, the learning of both) goes through OpenBLAS and OpenMP: with one
/// OpenBLAS thread a call (``ProcessSettings``), and OpenMP threads only where vectors are learnt from or added.
@safe final class Segment: @unchecked Sendable {
    private let handle: OpaquePointer
    /// No other segment has it, before or after.
    let serial: Int
    private static let nextSerial = Atomic(0)
    /// The vectors as they came, by slot, where FAISS compresses them.
    let full: FullVectors?
    let count: Int
    let dimension: Int
    let metric: semblance_metric
    let structure: semblance_index_kind
    let usualEffort: Int
    /// How many lists may be probed.
    let lists: Int
    /// Whether ids ascend by slot.
    let isOrdered: Bool
    /// Whether an id is in several slots, of which the last one counts: a grown segment keeps what was replaced.
    let hasRepeats: Bool
    /// How many times the hits asked for are compared again by their vectors, where the kind doesn't say.
    let usualOversampling: Int

    /// Whether ``init(growing:to:buildEffort:workers:between:parts:)`` takes it: a graph of vectors.
    let canGrow: Bool

    private init(_ handle: OpaquePointer, full: FullVectors?) {
        unsafe self.handle = handle
        serial = Self.nextSerial.add(1, ordering: .relaxed).oldValue
        self.full = full
        let about = unsafe semblance_index_describe(handle)
        count = Int(about.count)
        dimension = Int(about.dimension)
        metric = about.metric
        structure = about.kind
        usualEffort = about.usual_effort
        lists = about.lists
        isOrdered = about.ordered
        hasRepeats = about.repeats
        canGrow =
            unsafe structure == SEMBLANCE_INDEX_HNSW && full == nil && semblance_index_rows(handle).base != nil
        // Signs tell little.
        usualOversampling = about.code_bytes * 8 <= dimension ? 20 : 4
    }

    deinit { unsafe semblance_index_destroy(handle) }

    /// The ids by slot.
    var ids: UnsafeBufferPointer<Int64> {
        unsafe UnsafeBufferPointer(start: semblance_index_ids(handle), count: count)
    }

    /// Where the vectors lie.
    var rows: semblance_rows {
        if let full { return unsafe semblance_rows(base: full.base, index: nil) }
        return unsafe semblance_index_rows(handle)
    }

    /// The last slot of each id, −1 where it isn't there.
    func slots(of ids: [Int64]) -> [Int32] {
        unsafe [Int32](unsafeUninitializedCapacity: ids.count) { slots, count in
            if let first = slots.baseAddress { unsafe semblance_index_slots(handle, ids, ids.count, first) }
            count = ids.count
        }
    }

    /// The vector in a slot: as it came, or roughly where only its code is kept.
    func vector(_ slot: Int32) throws -> [Float] {
        if let full { return try full.row(Int(slot), dimension: dimension) }
        return try unsafe [Float](unsafeUninitializedCapacity: dimension) { out, count in
            guard let first = out.baseAddress else { return }
            unsafe out.initialize(repeating: 0)
            try unsafe reporting { message in unsafe semblance_index_vector(handle, slot, first, message) }
            count = dimension
        }
    }

    /// The best `count` of the slots that `allowed` has a bit for, of all where it is `nil`, by FAISS' scores.
    func nearest(
        to queries: UnsafePointer<Float>,
        rows: Int,
        count: Int,
        effort: Int,
        allowed: [UInt8]?,
        workers: Workers
    ) throws -> [[Hit]] {
        try unsafe collectHits(rows: rows, count: min(count, self.count)) { hits, found, message in
            unsafe semblance_index_search(
                handle,
                queries,
                rows,
                min(count, self.count),
                effort,
                allowed,
                allowed?.count ?? 0,
                workers.handle,
                hits,
                found,
                message
            )
        }
    }

    /// Writes FAISS' file, with the ids in it or by slot alone.
    func write(withIDs: Bool = false, to output: (UnsafeRawBufferPointer) throws -> Void) throws {
        try unsafe withoutActuallyEscaping(output) { output in
            var failure: (any Error)?
            let sink = unsafe Sink { bytes in
                do { try unsafe output(bytes) } catch { failure = error }
                return failure == nil
            }
            do {
                try unsafe reporting { message in
                    unsafe semblance_index_write(
                        handle,
                        withIDs,
                        { context, bytes, count in
                            guard let context = unsafe context else { return false }
                            let sink = unsafe Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
                            return unsafe sink.take(UnsafeRawBufferPointer(start: bytes, count: count))
                        },
                        Unmanaged.passUnretained(sink).toOpaque(),
                        message
                    )
                }
            } catch {
                throw failure ?? error
            }
        }
    }

    @safe private final class Sink {
        let take: (UnsafeRawBufferPointer) -> Bool
        init(_ take: @escaping (UnsafeRawBufferPointer) -> Bool) { unsafe self.take = take }
    }
}

// MARK: - Making

extension Segment {
    /// Reads what ``write(withIDs:to:)`` wrote without ids; the bytes must be known to be those.
    convenience init(
        reading bytes: UnsafeRawBufferPointer,
        ids: UnsafeBufferPointer<Int64>,
        named name: String,
        full: FullVectors?
    ) throws {
        ProcessSettings.apply()
        var read: OpaquePointer?
        let nothing: Int64 = 0
        try unsafe withUnsafePointer(to: nothing) { nothing in
            try unsafe reporting { message in
                unsafe semblance_index_read(
                    bytes.baseAddress ?? UnsafeRawPointer(nothing),
                    bytes.count,
                    ids.baseAddress ?? nothing,
                    ids.count,
                    name,
                    &read,
                    message
                )
            }
        }
        unsafe self.init(read.unsafelyUnwrapped, full: full)
    }

    /// Reads a plain FAISS file.
    convenience init(importing file: URL) throws {
        ProcessSettings.apply()
        var read: OpaquePointer?
        try unsafe reporting { message in unsafe semblance_index_import(file.path, &read, message) }
        unsafe self.init(read.unsafelyUnwrapped, full: nil)
    }

    /// Makes an index of `count` vectors that come part by part.
    ///
    /// - Parameters:
    ///   - factory: FAISS' name of it.
    ///   - sample: vectors to learn from, where it learns.
    ///   - full: all of the vectors, where it compresses them.
    ///   - between: is called now and then while a graph is linked; what it throws ends that.
    ///   - parts: calls its argument with the vectors and their ids, in order.
    convenience init(
        dimension: Int,
        metric: Metric,
        recipe: SegmentRecipe,
        count: Int,
        sample: () throws -> Matrix,
        full: FullVectors?,
        workers: Workers,
        between: () throws -> Void,
        parts: ((Matrix, [Int64]) throws -> Void) throws -> Void
    ) throws {
        ProcessSettings.apply()
        var created: OpaquePointer?
        do {
            try unsafe reporting { message in
                unsafe semblance_index_create(
                    Int64(dimension),
                    recipe.factory,
                    metric == .l2 || recipe.comparesByDistance
                        ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT,
                    Int32(recipe.buildEffort),
                    Int32(recipe.effort),
                    &created,
                    message
                )
            }
        } catch let error as RetrievalError where error.code == .backend {
            throw RetrievalError(
                code: .invalidKind,
                message: "FAISS can't make the index '\(recipe.factory)' of dimension \(dimension): \(error.message)"
            )
        }
        let handle = unsafe created.unsafelyUnwrapped
        do {
            if count > 0, unsafe !semblance_index_describe(handle).is_trained {
                let sample = try sample()
                try unsafe sample.withPointer { rows in
                    try unsafe reporting { message in
                        unsafe semblance_index_train(
                            handle,
                            rows,
                            sample.rows,
                            workers.handle,
                            Int32(workers.threads),
                            message
                        )
                    }
                }
            }
            try unsafe reporting { message in unsafe semblance_index_reserve(handle, count, message) }
            try unsafe Self.fill(handle, full: full, workers: workers, between: between, parts: parts)
        } catch {
            unsafe semblance_index_destroy(handle)
            throw error
        }
        unsafe self.init(handle, full: full)
    }

    /// A copy of a graph of vectors, and more vectors that come part by part, linked into it. One whose id is there already
    /// replaces the other, which keeps its slot.
    ///
    /// - Parameters:
    ///   - count: how many slots it will have.
    ///   - between: as above.
    ///   - parts: calls its argument with the new vectors and their ids.
    /// - Complexity: O(count) copied bytes, and the linking of the new vectors alone.
    convenience init(
        growing base: Segment,
        to count: Int,
        buildEffort: Int,
        workers: Workers,
        between: () throws -> Void,
        parts: ((Matrix, [Int64]) throws -> Void) throws -> Void
    ) throws {
        var copied: OpaquePointer?
        try unsafe reporting { message in
            unsafe semblance_index_copy(base.handle, count, Int32(buildEffort), &copied, message)
        }
        let handle = unsafe copied.unsafelyUnwrapped
        do {
            try unsafe Self.fill(handle, full: nil, workers: workers, between: between, parts: parts)
        } catch {
            unsafe semblance_index_destroy(handle)
            throw error
        }
        unsafe self.init(handle, full: nil)
    }

    /// What happens between two steps in C, and the error that ends them.
    private struct Pauses {
        let between: () throws -> Void
        var failure: (any Error)?

        mutating func goOn() -> Bool {
            do { try between() } catch { failure = error }
            return failure == nil
        }
    }

    private static func fill(
        _ handle: OpaquePointer,
        full: FullVectors?,
        workers: Workers,
        between: () throws -> Void,
        parts: ((Matrix, [Int64]) throws -> Void) throws -> Void
    ) throws {
        try parts { vectors, ids in
            try unsafe vectors.withPointer { rows in
                try unsafe reporting { message in
                    unsafe semblance_index_add(
                        handle,
                        rows,
                        ids,
                        ids.count,
                        workers.handle,
                        Int32(workers.threads),
                        message
                    )
                }
            }
        }
        try withoutActuallyEscaping(between) { between in
            var pauses = Pauses(between: between)
            do {
                try unsafe withUnsafeMutablePointer(to: &pauses) { context in
                    try unsafe reporting { message in
                        unsafe semblance_index_finish(
                            handle,
                            full?.base,
                            workers.handle,
                            { unsafe $0?.assumingMemoryBound(to: Pauses.self).pointee.goOn() ?? true },
                            context,
                            message
                        )
                    }
                }
            } catch {
                throw pauses.failure ?? error
            }
        }
    }
}

// MARK: - Calls

/// Hits of a search in C, as values; `search` fills `[rows, found]`, found at most `count`. A NaN stands for none.
func collectHits(
    rows: Int,
    count: Int,
    _ search: (
        UnsafeMutablePointer<semblance_hit>, UnsafeMutablePointer<Int>, UnsafeMutablePointer<semblance_index_message>
    ) throws -> semblance_index_status
) throws -> [[Hit]] {
    guard count > 0, rows > 0 else { return Array(repeating: [], count: rows) }
    let hits = UnsafeMutablePointer<semblance_hit>.allocate(capacity: rows * count)
    defer { unsafe hits.deallocate() }
    var found = 0
    try unsafe reporting { message in try unsafe search(hits, &found, message) }
    return (0..<rows).map { row in
        unsafe UnsafeBufferPointer(start: hits + row * found, count: found).compactMap {
            $0.score.isNaN ? nil : Hit(id: $0.id, score: $0.score)
        }
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
    // Who stopped it knows why.
    case SEMBLANCE_INDEX_STOPPED: throw CancellationError()
    case SEMBLANCE_INDEX_MEMORY: throw RetrievalError(code: .outOfMemory, message: "out of memory")
    default: throw RetrievalError(code: .backend, message: text)
    }
}
