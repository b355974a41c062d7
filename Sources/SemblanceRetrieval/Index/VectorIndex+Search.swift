internal import CSemblanceFAISS
internal import Foundation
public import SemblanceNumerics

// MARK: - Searching

extension VectorIndex {
    /// The vectors nearest to one query.
    ///
    /// Runs on the calling thread, and on others where very many vectors are compared.
    ///
    /// - Parameters:
    ///   - query: `[dimension]`.
    ///   - count: how many; fewer come only where fewer may be found, none for 0 or less.
    ///   - effort: candidates kept (graph) or lists probed (lists); more finds more of the true nearest and takes
    ///     longer. `nil`, the default, is the kind's own. Other kinds ignore it.
    ///   - filter: the ids that may be found; `nil`, the default, is all.
    /// - Throws: ``RetrievalError`` with code `.dimensionMismatch` or `.unusableVector`; `.invalidArgument` for an effort
    ///   below 1; `.damagedFile` where vectors are read from a file that is damaged.
    public func nearest(to query: [Float], count: Int, effort: Int? = nil, where filter: IDFilter? = nil) throws
        -> [Hit]
    {
        let query = Matrix(rows: 1, columns: query.count, elements: query)
        return try nearestNow(to: query, count: count, effort: effort, where: filter)[0]
    }

    /// The vectors nearest to each row of `queries`, on all threads of the index.
    ///
    /// - Parameters: as for one query; `queries` is `[n, dimension]`; the search ends when `deadline` is over.
    /// - Returns: `[n]` lists of hits; a query's hits are those it has alone, in one state of the index.
    /// - Throws: ``RetrievalError`` as for one query, naming the row, and `.deadlineExceeded`; `CancellationError`.
    public func nearest(
        to queries: Matrix,
        count: Int,
        effort: Int? = nil,
        where filter: IDFilter? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> [[Hit]] {
        try await workers.run { cancellation in
            let state = self.current
            var hits: [[Hit]] = []
            for first in stride(from: 0, to: queries.rows, by: 1024) {
                try cancellation.check()
                if let deadline, ContinuousClock.now > deadline {
                    throw RetrievalError(
                        code: .deadlineExceeded,
                        message: "the deadline was over after \(first) of \(queries.rows) queries"
                    )
                }
                let part = queries.rows(first..<min(first + 1024, queries.rows))
                hits += try self.nearest(to: part, in: state, count: count, effort: effort, where: filter)
            }
            return hits
        }
    }

    /// All vectors whose score is at least `score`, best first.
    ///
    /// - Parameters: as for ``nearest(to:count:effort:where:)``; `limit` bounds how many come.
    /// - Throws: as ``nearest(to:count:effort:where:)``.
    public func matches(
        for query: [Float],
        scoring score: Float,
        limit: Int = .max,
        effort: Int? = nil,
        where filter: IDFilter? = nil
    ) throws -> [Hit] {
        let state = current
        let query = Matrix(rows: 1, columns: query.count, elements: query)
        var count = min(64, limit)
        while true {
            let hits = try nearest(to: query, in: state, count: count, effort: effort, where: filter)[0]
            if hits.count < count || count >= limit || hits.last.map({ $0.score < score }) ?? true {
                return Array(hits.prefix { $0.score >= score })
            }
            count = min(count * 4, limit)
        }
    }

    /// How a search would go through the index.
    public func explain(count: Int, effort: Int? = nil, where filter: IDFilter? = nil) -> SearchPlan {
        explain(in: IndexSnapshot(state: current), count: count, effort: effort, where: filter)
    }

    package func explain(in snapshot: IndexSnapshot, count: Int, effort: Int?, where filter: IDFilter?) -> SearchPlan {
        SearchPlan(steps: plan(snapshot.state, count: count, effort: effort, where: filter).map(\.step))
    }

    /// How a search goes through each part, and what it may find there.
    private func plan(
        _ state: IndexState,
        count: Int,
        effort: Int?,
        where filter: IDFilter?
    ) -> [(part: Part, allowed: AllowedSlots, step: SearchPlan.Step)] {
        let allowed = state.parts.map { $0.allowed(filter) }
        let all = allowed.reduce(0) { $0 + $1.count }
        return zip(state.parts, allowed).map {
            ($0, $1, .init($0, allowed: $1.count, of: all, count: count, effort: effort, kind: kind))
        }
    }

    /// As the searches above, on the calling thread and the index's, which it blocks.
    package func nearestNow(
        to queries: Matrix,
        count: Int,
        effort: Int? = nil,
        where filter: IDFilter? = nil
    ) throws -> [[Hit]] {
        try nearest(to: queries, in: current, count: count, effort: effort, where: filter)
    }

    /// As the searches above, in one snapshot, blocking the calling thread.
    package func nearest(
        to queries: Matrix,
        in snapshot: IndexSnapshot,
        count: Int,
        effort: Int? = nil,
        where filter: IDFilter? = nil
    ) throws -> [[Hit]] {
        try nearest(to: queries, in: snapshot.state, count: count, effort: effort, where: filter)
    }

    func nearest(
        to queries: Matrix,
        in state: IndexState,
        count: Int,
        effort: Int?,
        where filter: IDFilter?
    ) throws -> [[Hit]] {
        if let effort, effort < 1 {
            throw RetrievalError(
                code: .invalidArgument,
                message: "the effort of a search is \(effort); it must be 1 or more"
            )
        }
        let queries = try usable(queries)
        var found: [[Hit]] = []
        var parts = 0
        let plan = count > 0 ? plan(state, count: count, effort: effort, where: filter) : []
        for (part, allowed, step) in plan {
            guard let hits = try search(part, for: queries, by: step, count: count, allowed: allowed) else { continue }
            parts += 1
            if parts == 1 {
                found = hits
            } else {
                for row in found.indices { found[row] = merge(found[row], hits[row], count: count) }
            }
        }
        return parts == 0 ? Array(repeating: [], count: queries.rows) : found
    }

    /// The best of two lists that have none in common, each best first.
    private func merge(_ left: [Hit], _ right: [Hit], count: Int) -> [Hit] {
        var merged: [Hit] = []
        let total = min(count, left.count + right.count)
        merged.reserveCapacity(total)
        var (l, r) = (0, 0)
        while merged.count < total {
            if r == right.count || l < left.count && left[l].precedes(right[r]) {
                merged.append(left[l])
                l += 1
            } else {
                merged.append(right[r])
                r += 1
            }
        }
        return merged
    }

    /// The best of one part; `nil` where it has none.
    private func search(
        _ part: Part,
        for queries: Matrix,
        by step: SearchPlan.Step,
        count: Int,
        allowed: AllowedSlots
    ) throws -> [[Hit]]? {
        switch step.strategy {
        case .nothing: return nil
        case .allowed: return try compare(allowed.slots(of: part), in: part, with: queries, count: count)
        case .all, .structure, .codes: break
        }
        switch part.rows {
        case .tail(let tail):
            return try unsafe queries.withPointer { rows in
                try unsafe collectHits(rows: queries.rows, count: min(count, allowed.count)) { hits, found, message in
                    unsafe semblance_exact_search(
                        rows,
                        queries.rows,
                        tail.rows,
                        part.live.slots,
                        dimension,
                        faissMetric,
                        tail.ids,
                        allowed.bits,
                        allowed.bits?.count ?? 0,
                        count,
                        workers.handle,
                        hits,
                        found,
                        message
                    )
                }
            }
        case .sealed(let segment, _):
            var (wanted, effort) = (count, 1)
            if case .structure(let scaled) = step.strategy { effort = scaled }
            // A structure over codes is rescored, too.
            if segment.full != nil {
                wanted = min(allowed.count, max(count, min(count, part.live.slots) * kind.oversampling(in: segment)))
            }
            let hits = try unsafe queries.withPointer { rows in
                try unsafe segment.nearest(
                    to: rows,
                    rows: queries.rows,
                    count: wanted,
                    effort: effort,
                    allowed: allowed.bits,
                    workers: workers
                )
            }
            guard segment.full != nil else { return hits }
            return try (0..<queries.rows).map { row in
                let slots = segment.slots(of: hits[row].map(\.id))
                return try compare(slots, in: part, with: queries.rows(row..<row + 1), count: count)[0]
            }
        }
    }

    /// The best of some slots, each compared with each query.
    private func compare(_ slots: [Int32], in part: Part, with queries: Matrix, count: Int) throws -> [[Hit]] {
        if case .sealed(let segment, _) = part.rows { try segment.full?.verify(slots, dimension: dimension) }
        func best(_ row: Int) throws -> [Hit] {
            try unsafe queries.withPointer { rows in
                try unsafe collectHits(rows: 1, count: min(count, slots.count)) { hits, found, message in
                    unsafe semblance_rows_among(
                        part.source,
                        part.ids.baseAddress.unsafelyUnwrapped,
                        dimension,
                        faissMetric,
                        rows + row * dimension,
                        slots,
                        slots.count,
                        count,
                        hits,
                        found,
                        message
                    )
                }[0]
            }
        }
        return queries.rows == 1 ? [try best(0)] : try workers.map(queries.rows, best)
    }

    private var faissMetric: semblance_metric {
        metric == .l2 ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT
    }
}

extension Hit {
    /// Best first, equal scores by id.
    func precedes(_ other: Hit) -> Bool { score > other.score || score == other.score && id < other.id }
}
