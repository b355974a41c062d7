// Rows of a text's tokens to one row a text, forward and backward.
// T texts, N tokens, D dimension.

internal import CSemblanceKernels

extension Tape {
    /// Weighted sums of each text's rows.
    ///
    ///     y[t] = Σ over tokens j of t: weights[j] · x[j]
    ///
    /// - Parameters:
    ///   - x: `[N, D]`.
    ///   - offsets: text t has rows `offsets[t]..<offsets[t + 1]`; a text without any is a zero row.
    ///   - weights: `[N]`, constant.
    /// - Returns: `[T, D]`.
    package func pool(_ x: Variable, offsets: [Int32], weights: [Float]) -> Variable {
        let (texts, columns) = (offsets.count - 1, x.value.columns)
        var y = Matrix(uninitializedRows: texts, columns: columns)
        unsafe y.withMutablePointer { y in
            unsafe x.value.withPointer {
                unsafe semblance_pool_weighted($0, weights, offsets, texts, columns, y)
            }
        }
        let place = x.place
        return record(y, from: [x]) { dY, flow in
            var texts = [Int](repeating: 0, count: weights.count)
            for text in 0..<dY.rows {
                for row in offsets[text]..<offsets[text + 1] { texts[Int(row)] = text }
            }
            flow.add(dY.gatheringRows(texts).scalingRows(by: weights), to: place)
        }
    }

    /// The greatest of each column over the rows `starts[t]..<ends[t]` of each text; without any it is a zero row.
    package func poolMaximum(_ x: Variable, starts: [Int32], ends: [Int32]) -> Variable {
        let (texts, rows, columns) = (starts.count, x.value.rows, x.value.columns)
        var y = Matrix(uninitializedRows: texts, columns: columns)
        var places = [Int32](repeating: -1, count: texts * columns)
        unsafe y.withMutablePointer { y in
            unsafe x.value.withPointer {
                unsafe semblance_pool_maximum($0, starts, ends, texts, columns, y, &places)
            }
        }
        let kept = places
        let place = x.place
        return record(y, from: [x]) { dY, flow in
            var dX = Matrix(rows: rows, columns: columns)
            unsafe dX.withMutablePointer { dX in
                unsafe dY.withPointer { dY in
                    for (index, row) in kept.enumerated() where row >= 0 {
                        unsafe dX[Int(row) * columns + index % columns] = dY[index]
                    }
                }
            }
            flow.add(dX, to: place)
        }
    }

    /// The matrices beside each other: rows of all their columns.
    package func concatenated(_ parts: [Variable]) -> Variable {
        guard parts.count > 1 else { return parts[0] }
        let places = parts.map { ($0.place, columns: $0.value.columns) }
        return record(Matrix.concatenatingColumns(parts.map(\.value)), from: parts) { dY, flow in
            var first = 0
            for (place, columns) in places {
                flow.add(dY.columns(first..<first + columns), to: place)
                first += columns
            }
        }
    }

    /// (x + y) · factor.
    package func sum(_ x: Variable, _ y: Variable, times factor: Float = 1) -> Variable {
        var value = x.value
        value.add(y.value)
        if factor != 1 { value.scale(by: factor) }
        let places = [x.place, y.place]
        return record(value, from: [x, y]) { dY, flow in
            var gradient = dY
            if factor != 1 { gradient.scale(by: factor) }
            for place in places { flow.add(gradient, to: place) }
        }
    }

    /// x with factor · part added to its columns from `column` on.
    package func addingColumns(_ x: Variable, _ part: Variable, at column: Int, times factor: Float) -> Variable {
        var value = x.value
        value.addColumns(from: column, part.value, times: factor)
        let columns = column..<column + part.value.columns
        let (place, partPlace) = (x.place, part.place)
        return record(value, from: [x, part]) { dY, flow in
            flow.add(dY, to: place)
            var gradient = dY.columns(columns)
            gradient.scale(by: factor)
            flow.add(gradient, to: partPlace)
        }
    }
}
