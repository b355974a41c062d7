// The reference: plain loops in double precision, written for reading.

public import SemblanceNumerics

/// A row-major matrix of doubles.
public struct DoubleMatrix: Sendable {
    /// How many rows there are.
    public let rows: Int
    /// How many columns there are.
    public let columns: Int
    /// All elements, row after row.
    public var elements: [Double]

    /// A matrix of these elements.
    public init(rows: Int, columns: Int, elements: [Double]) {
        precondition(elements.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    /// The same elements, exactly.
    public init(_ matrix: Matrix) {
        self.init(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map(Double.init))
    }

    /// The same elements, rounded.
    public var float: Matrix { Matrix(rows: rows, columns: columns, elements: elements.map(Float.init)) }

    /// One element.
    public subscript(row: Int, column: Int) -> Double { elements[row * columns + column] }

    /// One row.
    public subscript(row row: Int) -> [Double] { Array(elements[row * columns..<(row + 1) * columns]) }

    /// Rows scaled to unit length; a zero row stays zero.
    public var unitRows: DoubleMatrix {
        var result = self
        for row in 0..<rows {
            let norm = self[row: row].reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard norm > 0 else { continue }
            for column in 0..<columns { result.elements[row * columns + column] /= norm }
        }
        return result
    }
}

/// The gradient of `function` at `x` by central differences.
public func differences(at x: DoubleMatrix, step: Double = 1e-5, of function: (DoubleMatrix) -> Double) -> DoubleMatrix
{
    var gradient = x
    for index in x.elements.indices {
        var moved = x
        moved.elements[index] = x.elements[index] + step
        let above = function(moved)
        moved.elements[index] = x.elements[index] - step
        gradient.elements[index] = (above - function(moved)) / (2 * step)
    }
    return gradient
}

/// The dot product of two lists.
public func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }

extension RandomStream {
    /// A matrix of normal numbers that floats hold exactly.
    package mutating func reference(rows: Int, columns: Int, deviation: Float = 1) -> DoubleMatrix {
        DoubleMatrix(normal(rows: rows, columns: columns, deviation: deviation))
    }
}
