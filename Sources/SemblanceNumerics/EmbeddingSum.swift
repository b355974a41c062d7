// Sums of table rows by token: word, position and type; forward and backward.
// N tokens, D dimension.

internal import CSemblanceKernels

extension Tape {
    /// One row for each token, the sum of a row of each table.
    ///
    ///     y[n] = Σ over k: tables[k][ids[k][n]]
    ///
    /// - Parameters:
    ///   - tables: indices of weights `[·, D]`.
    ///   - ids: for each table a row number a token, within the table, or −1 for none.
    /// - Returns: `[N, D]`.
    package func embeddingSum(tables: [Int], ids: [[Int32]]) -> Variable {
        let tokens = ids[0].count
        let columns = weights[tables[0]].columns
        var y = Matrix(uninitializedRows: tokens, columns: columns)
        for (index, table) in tables.enumerated() {
            let rows = weights[table].rows
            let wrong = unsafe semblance_first_id_outside(ids[index], tokens, rows)
            precondition(wrong == tokens, "row \(ids[index][min(wrong, tokens - 1)]) of a table of \(rows)")
        }
        unsafe y.withMutablePointer { y in
            (0..<tokens).splitRows(of: columns, on: workers) { part in
                unsafe withTables(tables[...], ids[...], from: part.lowerBound, [], []) { tables, ids in
                    unsafe semblance_gather_sum(
                        tables,
                        ids,
                        tables.count,
                        part.count,
                        columns,
                        y + part.lowerBound * columns
                    )
                }
            }
        }
        return record(y, from: [], parameters: tables) { dY, flow in
            for (table, ids) in zip(tables, ids) where flow.weights.isTrained[table] {
                var offsets: [Int32] = [0]
                for id in ids { offsets.append(offsets[offsets.count - 1] + (id < 0 ? 0 : 1)) }
                flow.add(
                    TokenGradient(ids: ids.filter { $0 >= 0 }, offsets: offsets, gradient: dY, weights: nil),
                    toTable: table
                )
            }
        }
    }

    private func withTables(
        _ tables: ArraySlice<Int>,
        _ ids: ArraySlice<[Int32]>,
        from first: Int,
        _ tablePointers: [UnsafePointer<Float>],
        _ idPointers: [UnsafePointer<Int32>],
        _ body: ([UnsafePointer<Float>], [UnsafePointer<Int32>]) -> Void
    ) {
        guard let table = tables.first, let list = ids.first else { return unsafe body(tablePointers, idPointers) }
        unsafe weights[table].withPointer { table in
            unsafe list.withUnsafeBufferPointer { list in
                guard let list = list.baseAddress else { return }
                unsafe withTables(
                    tables.dropFirst(),
                    ids.dropFirst(),
                    from: first,
                    tablePointers + [table],
                    idPointers + [list + first],
                    body
                )
            }
        }
    }
}
