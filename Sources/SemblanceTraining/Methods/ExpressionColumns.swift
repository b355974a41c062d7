// Lists of numbers beside and across each other.

internal import SemblanceNumerics

extension Matrix {
    /// `[n, 1]`.
    init(column numbers: [Float]) { self.init(rows: numbers.count, columns: 1, elements: numbers) }
}

extension MatrixExpression {
    /// `[n, 1]`: numbers that no gradient flows to.
    init(column numbers: [Float]) { self.init(Matrix(column: numbers)) }

    /// `[n, 1]`: keys, exact below 2²⁴.
    init(column keys: [Int32]) { self.init(column: keys.map(Float.init)) }

    /// `[1, n]` of a column `[n, 1]`.
    var asRow: MatrixExpression { MatrixExpression(1).product(self, transposed: true) }

    /// 1 where elements are equal, else 0: a constant.
    func equals(_ other: MatrixExpression) -> MatrixExpression {
        1 - MatrixExpression((self - other).magnitude > MatrixExpression(0))
    }

    /// 0 where a constant is not 0, else −∞: added to logits, it leaves the others out.
    var asMask: MatrixExpression { MatrixExpression(magnitude > MatrixExpression(0)).log }
}
