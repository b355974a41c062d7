internal import CSemblanceKernels

extension Matrix {
    /// Adds `factor · other`, element by element.
    package mutating func add(_ other: Matrix, times factor: Float = 1) {
        precondition(rows == other.rows && columns == other.columns, "\(other) cannot be added to \(self)")
        let count = count
        unsafe withMutablePointer { target in
            unsafe other.withPointer { unsafe semblance_add_scaled(target, $0, count, factor) }
        }
    }

    /// Multiplies every element.
    package mutating func scale(by factor: Float) {
        let count = count
        unsafe withMutablePointer { unsafe semblance_scale($0, count, factor) }
    }

    /// Σ x², summed in double precision.
    package var sumOfSquares: Double {
        unsafe withPointer { unsafe semblance_sum_of_squares($0, count) }
    }

    /// Copies all rows of `other` to the rows from `row` on.
    package mutating func replaceRows(from row: Int, with other: Matrix) {
        precondition(
            columns == other.columns && row >= 0 && row + other.rows <= rows,
            "\(other) at row \(row) of \(self)"
        )
        let offset = row * columns
        unsafe withMutablePointer { target in
            unsafe other.withPointer { unsafe (target + offset).update(from: $0, count: other.count) }
        }
    }

    /// The first `dimension` columns of every row.
    package func leadingColumns(_ dimension: Int) -> Matrix { columns(0..<dimension) }

    /// The columns of `range`, copied.
    package func columns(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
        if range.count == columns { return self }
        var result = Matrix(uninitializedRows: rows, columns: range.count)
        unsafe result.withMutablePointer { target in
            unsafe withPointer { source in
                for row in 0..<rows {
                    unsafe (target + row * range.count).update(
                        from: source + row * columns + range.lowerBound,
                        count: range.count
                    )
                }
            }
        }
        return result
    }

    /// The matrices beside each other.
    package static func concatenatingColumns(_ parts: [Matrix]) -> Matrix {
        let rows = parts[0].rows
        var result = Matrix(uninitializedRows: rows, columns: parts.reduce(0) { $0 + $1.columns })
        let columns = result.columns
        var first = 0
        for part in parts {
            precondition(part.rows == rows, "\(part) beside \(rows) rows")
            unsafe result.withMutablePointer { target in
                unsafe part.withPointer { source in
                    for row in 0..<rows {
                        unsafe (target + row * columns + first).update(
                            from: source + row * part.columns,
                            count: part.columns
                        )
                    }
                }
            }
            first += part.columns
        }
        return result
    }

    /// The matrices below each other.
    package static func concatenatingRows(_ parts: [Matrix], columns: Int) -> Matrix {
        var result = Matrix(uninitializedRows: parts.reduce(0) { $0 + $1.rows }, columns: columns)
        var row = 0
        for part in parts {
            result.replaceRows(from: row, with: part)
            row += part.rows
        }
        return result
    }
}

extension Matrix {
    /// Every row times its own factor.
    package func scalingRows(by factors: [Float]) -> Matrix {
        precondition(factors.count == rows, "\(factors.count) factors for \(self)")
        var result = self
        let columns = columns
        unsafe result.withMutablePointer { target in
            for row in factors.indices {
                unsafe semblance_scale(target + row * columns, columns, factors[row])
            }
        }
        return result
    }

    /// The rows with these numbers, copied.
    package func gatheringRows(_ numbers: [Int]) -> Matrix {
        var result = Matrix(uninitializedRows: numbers.count, columns: columns)
        let columns = columns
        unsafe result.withMutablePointer { target in
            unsafe withPointer { source in
                for (index, number) in numbers.enumerated() {
                    precondition(number >= 0 && number < rows, "row \(number) is outside 0..<\(rows)")
                    unsafe (target + index * columns).update(from: source + number * columns, count: columns)
                }
            }
        }
        return result
    }
}

extension Matrix {
    /// The matrix with 1 on its diagonal.
    package static func identity(_ size: Int) -> Matrix {
        var result = Matrix(rows: size, columns: size)
        for index in 0..<size { result[index, index] = 1 }
        return result
    }

    /// Adds all rows of `other` to the rows from `row` on.
    package mutating func addRows(from row: Int, _ other: Matrix) {
        precondition(columns == other.columns && row >= 0 && row + other.rows <= rows, "\(other) at row \(row)")
        let offset = row * columns
        unsafe withMutablePointer { target in
            unsafe other.withPointer { unsafe semblance_add_scaled(target + offset, $0, other.count, 1) }
        }
    }

    /// Adds factor · `other` to the columns from `column` on.
    package mutating func addColumns(from column: Int, _ other: Matrix, times factor: Float) {
        precondition(rows == other.rows && column >= 0 && column + other.columns <= columns, "\(other) at \(column)")
        let columns = columns
        unsafe withMutablePointer { target in
            unsafe other.withPointer { source in
                for row in 0..<other.rows {
                    unsafe semblance_add_scaled(
                        target + row * columns + column,
                        source + row * other.columns,
                        other.columns,
                        factor
                    )
                }
            }
        }
    }
}
