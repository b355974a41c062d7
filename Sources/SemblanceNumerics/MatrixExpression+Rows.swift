// Products, and parts put together and taken apart.

internal import CSemblanceKernels

extension MatrixExpression {
    /// x · y, `[m, k]` by `[k, n]`; or x · yᵀ, `[m, k]` by `[n, k]`.
    public func product(_ other: MatrixExpression, transposed: Bool = false) -> MatrixExpression {
        let (x, y, workers) = (value, other.value, tape?.workers ?? other.tape?.workers)
        let (xPlace, yPlace) = (place, other.place)
        return Self.result(x.product(y, rightTransposed: transposed, workers: workers), of: [self, other]) { dZ, flow in
            // z = x · yᵀ, so dX = dZ · y and dY = dZᵀ · x; z = x · y, so dX = dZ · yᵀ and dY = xᵀ · dZ.
            if flow.reaches(xPlace) {
                flow.add(dZ.product(y, rightTransposed: !transposed, workers: flow.workers), to: xPlace)
            }
            if flow.reaches(yPlace) {
                let dY =
                    transposed
                    ? dZ.product(x, transposed: true, workers: flow.workers)
                    : x.product(dZ, transposed: true, workers: flow.workers)
                flow.add(dY, to: yPlace)
            }
        }
    }

    /// Rows scaled to unit length; a zero row stays zero.
    public var unitRows: MatrixExpression {
        guard let tape else { return MatrixExpression(UnitRows(value).output) }
        return MatrixExpression(tape.unitRows(variable), on: tape)
    }

    /// The rows of a range.
    public func rows(_ range: Range<Int>) -> MatrixExpression {
        let (rows, columns) = (value.rows, value.columns)
        let place = place
        return Self.result(value.rows(range), of: [self]) { dY, flow in
            var dX = Matrix(rows: rows, columns: columns)
            dX.replaceRows(from: range.lowerBound, with: dY)
            flow.add(dX, to: place)
        }
    }

    /// The rows with these numbers, each as often as it is named.
    public func gathering(_ numbers: [Int]) -> MatrixExpression {
        let (rows, columns) = (value.rows, value.columns)
        let place = place
        return Self.result(value.gatheringRows(numbers), of: [self]) { dY, flow in
            var dX = Matrix(rows: rows, columns: columns)
            unsafe dX.withMutablePointer { dX in
                unsafe dY.withPointer { dY in
                    for (row, number) in numbers.enumerated() {
                        unsafe semblance_add_scaled(dX + number * columns, dY + row * columns, columns, 1)
                    }
                }
            }
            flow.add(dX, to: place)
        }
    }

    /// The columns of a range.
    public func columns(_ range: Range<Int>) -> MatrixExpression {
        let (rows, columns) = (value.rows, value.columns)
        let place = place
        return Self.result(value.columns(range), of: [self]) { dY, flow in
            var dX = Matrix(rows: rows, columns: columns)
            dX.addColumns(from: range.lowerBound, dY, times: 1)
            flow.add(dX, to: place)
        }
    }

    /// The matrices below each other.
    public static func stacked(_ parts: [MatrixExpression]) -> MatrixExpression {
        let places = parts.map { ($0.place, rows: $0.value.rows) }
        let value = Matrix.concatenatingRows(parts.map(\.value), columns: parts.first?.value.columns ?? 0)
        return result(value, of: parts) { dY, flow in
            var first = 0
            for (place, rows) in places {
                flow.add(dY.rows(first..<first + rows), to: place)
                first += rows
            }
        }
    }
}
