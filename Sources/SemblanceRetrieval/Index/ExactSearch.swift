internal import CSemblanceFAISS
package import SemblanceNumerics

/// The rows of one matrix nearest to those of another, compared one by one.
package enum ExactSearch {
    /// What was found: `count` rows for each query, best first, equal scores by row.
    package struct Found: Sendable {
        /// Results for each query: the number asked for, or all rows where there are fewer.
        package let count: Int
        /// `[queries, count]`: row numbers.
        package let rows: [Int32]
        /// `[queries, count]`: their scores, greater is better.
        package let scores: [Float]
    }

    /// The best `count` rows of `corpus` for each row of `queries`, the same for any number of threads.
    ///
    /// Rows are compared as they are: for cosines, scale both sides to unit length first. A score that is NaN is worse
    /// than any other and its row is left out (the place says row 0, score NaN).
    ///
    /// - Precondition: both have the same number of columns, and the corpus fewer than 2³¹ rows.
    package static func nearest(
        to queries: Matrix,
        in corpus: Matrix,
        count: Int,
        metric: Metric = .innerProduct,
        workers: Workers
    ) -> Found {
        precondition(queries.columns == corpus.columns, "\(queries) can't be searched for in \(corpus)")
        precondition(corpus.rows <= Int(Int32.max), "\(corpus) has more rows than an Int32 counts")
        let count = min(max(count, 0), corpus.rows)
        let total = queries.rows * count
        if total == 0 { return Found(count: count, rows: [], scores: []) }
        let hits = UnsafeMutablePointer<semblance_hit>.allocate(capacity: total)
        defer { unsafe hits.deallocate() }
        var message = semblance_index_message()
        var found = 0
        let status = unsafe queries.withPointer { queries_ in
            unsafe corpus.withPointer { corpus_ in
                unsafe semblance_exact_search(
                    queries_,
                    queries.rows,
                    corpus_,
                    corpus.rows,
                    corpus.columns,
                    metric == .l2 ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT,
                    nil,
                    nil,
                    0,
                    count,
                    workers.handle,
                    hits,
                    &found,
                    &message
                )
            }
        }
        // As for a matrix: without memory there is no state to go on from.
        guard status == SEMBLANCE_INDEX_OK else { fatalError("out of memory in a search for \(count) of \(corpus)") }
        var scores: [Float] = []
        let rows = unsafe [Int32](unsafeUninitializedCapacity: total) { rows, rowCount in
            scores = unsafe [Float](unsafeUninitializedCapacity: total) { scores, scoreCount in
                if let rows = rows.baseAddress, let scores = scores.baseAddress {
                    unsafe semblance_split_hits(hits, total, rows, scores)
                }
                scoreCount = total
            }
            rowCount = total
        }
        return Found(count: count, rows: rows, scores: scores)
    }
}
