// Arithmetic and functions, element by element.

internal import CSemblanceKernels

extension MatrixExpression {
    /// x + y.
    public static func + (x: MatrixExpression, y: MatrixExpression) -> MatrixExpression {
        combined(SEMBLANCE_OP_ADD, x, y) { dZ, _, _, _ in (dZ, dZ) }
    }

    /// x − y.
    public static func - (x: MatrixExpression, y: MatrixExpression) -> MatrixExpression {
        combined(SEMBLANCE_OP_SUBTRACT, x, y) { dZ, _, _, _ in (dZ, dZ.scaled(by: -1)) }
    }

    /// x · y, element by element.
    public static func * (x: MatrixExpression, y: MatrixExpression) -> MatrixExpression {
        combined(SEMBLANCE_OP_MULTIPLY, x, y) { dZ, x, y, _ in
            (dZ.combined(SEMBLANCE_OP_MULTIPLY, y), dZ.combined(SEMBLANCE_OP_MULTIPLY, x))
        }
    }

    /// x / y, element by element.
    public static func / (x: MatrixExpression, y: MatrixExpression) -> MatrixExpression {
        combined(SEMBLANCE_OP_DIVIDE, x, y) { dZ, _, y, z in
            // z = x / y, so dX = dZ / y and dY = −dZ · z / y.
            let dX = dZ.combined(SEMBLANCE_OP_DIVIDE, y)
            return (dX, dX.combined(SEMBLANCE_OP_MULTIPLY, z).scaled(by: -1))
        }
    }

    /// −x.
    public static prefix func - (x: MatrixExpression) -> MatrixExpression { x * -1 }
    /// x + c.
    public static func + (x: MatrixExpression, c: Float) -> MatrixExpression { x + MatrixExpression(c) }
    /// c + x.
    public static func + (c: Float, x: MatrixExpression) -> MatrixExpression { MatrixExpression(c) + x }
    /// x − c.
    public static func - (x: MatrixExpression, c: Float) -> MatrixExpression { x - MatrixExpression(c) }
    /// c − x.
    public static func - (c: Float, x: MatrixExpression) -> MatrixExpression { MatrixExpression(c) - x }
    /// x · c.
    public static func * (x: MatrixExpression, c: Float) -> MatrixExpression { x * MatrixExpression(c) }
    /// c · x.
    public static func * (c: Float, x: MatrixExpression) -> MatrixExpression { MatrixExpression(c) * x }
    /// x / c.
    public static func / (x: MatrixExpression, c: Float) -> MatrixExpression { x / MatrixExpression(c) }
    /// c / x.
    public static func / (c: Float, x: MatrixExpression) -> MatrixExpression { MatrixExpression(c) / x }

    /// 1 where x > y, else 0.
    public static func > (x: MatrixExpression, y: MatrixExpression) -> Matrix {
        x.value.combined(SEMBLANCE_OP_GREATER, y.value)
    }

    private static func combined(
        _ op: semblance_binary_op,
        _ x: MatrixExpression,
        _ y: MatrixExpression,
        gradients: @escaping (_ dZ: Matrix, _ x: Matrix, _ y: Matrix, _ z: Matrix) -> (Matrix, Matrix)
    ) -> MatrixExpression {
        let z = x.value.combined(op, y.value)
        let (xValue, yValue, xPlace, yPlace) = (x.value, y.value, x.place, y.place)
        return result(z, of: [x, y]) { dZ, flow in
            let (dX, dY) = gradients(dZ, xValue, yValue, z)
            if flow.reaches(xPlace) { flow.add(dX.summed(to: xValue), to: xPlace) }
            if flow.reaches(yPlace) { flow.add(dY.summed(to: yValue), to: yPlace) }
        }
    }
}

extension MatrixExpression {
    /// eˣ.
    public var exp: MatrixExpression { mapped(SEMBLANCE_OP_EXP) }
    /// The natural logarithm.
    public var log: MatrixExpression { mapped(SEMBLANCE_OP_LOG) }
    /// √x; its gradient at 0 is 0.
    public var squareRoot: MatrixExpression { mapped(SEMBLANCE_OP_SQRT) }
    /// x².
    public var squared: MatrixExpression { power(2) }
    /// xᵖ; its gradient at 0 is 0.
    public func power(_ exponent: Float) -> MatrixExpression { mapped(SEMBLANCE_OP_POWER, exponent) }
    /// max(x, floor); its gradient where x ≤ floor is 0.
    public func atLeast(_ floor: Float) -> MatrixExpression { mapped(SEMBLANCE_OP_MAXIMUM, floor) }
    /// max(x, 0).
    public var relu: MatrixExpression { atLeast(0) }
    /// log(1 + eˣ).
    public var softplus: MatrixExpression { mapped(SEMBLANCE_OP_SOFTPLUS) }
    /// 1 / (1 + e⁻ˣ).
    public var sigmoid: MatrixExpression { mapped(SEMBLANCE_OP_SIGMOID) }
    /// The hyperbolic tangent.
    public var tanh: MatrixExpression { mapped(SEMBLANCE_OP_TANH) }
    /// The sine.
    public var sin: MatrixExpression { mapped(SEMBLANCE_OP_SIN) }
    /// The cosine.
    public var cos: MatrixExpression { mapped(SEMBLANCE_OP_COS) }
    /// The angle whose cosine x is, of x brought into −1 … 1; its gradient at the ends is 0.
    public var acos: MatrixExpression { mapped(SEMBLANCE_OP_ACOS) }
    /// |x|; its gradient at 0 is 0.
    public var magnitude: MatrixExpression { mapped(SEMBLANCE_OP_ABS) }

    private func mapped(_ op: semblance_unary_op, _ parameter: Float = 0) -> MatrixExpression {
        let x = value
        let y = x.mapped(op, parameter, workers: tape?.workers)
        let place = place
        return Self.result(y, of: [self]) { dY, flow in
            flow.add(x.gradient(op, parameter, y: y, dY: dY, workers: flow.workers), to: place)
        }
    }
}

extension Matrix {
    /// This matrix and another, element by element; one row, column or element serves all.
    fileprivate func combined(_ op: semblance_binary_op, _ other: Matrix) -> Matrix {
        let (rows, columns) = (max(rows, other.rows), max(columns, other.columns))
        precondition(
            (self.rows == rows || self.rows == 1) && (other.rows == rows || other.rows == 1)
                && (self.columns == columns || self.columns == 1)
                && (other.columns == columns || other.columns == 1),
            "\(self) and \(other) don't go together"
        )
        func steps(_ x: Matrix) -> (row: Int, column: Int) {
            (x.rows == 1 ? 0 : x.columns, x.columns == 1 && columns > 1 ? 0 : 1)
        }
        let (xSteps, ySteps) = (steps(self), steps(other))
        var result = Matrix(uninitializedRows: rows, columns: columns)
        unsafe result.withMutablePointer { result in
            unsafe withPointer { x in
                unsafe other.withPointer { y in
                    unsafe semblance_binary(
                        op,
                        rows,
                        columns,
                        x,
                        xSteps.row,
                        xSteps.column,
                        y,
                        ySteps.row,
                        ySteps.column,
                        result
                    )
                }
            }
        }
        return result
    }

    fileprivate func mapped(_ op: semblance_unary_op, _ parameter: Float, workers: Workers?) -> Matrix {
        var result = Matrix(uninitializedRows: rows, columns: columns)
        unsafe result.withMutablePointer { y in
            unsafe withPointer { x in
                (0..<count).split(by: elementsOfRun, on: workers) { part in
                    unsafe semblance_unary(op, x + part.lowerBound, part.count, parameter, y + part.lowerBound)
                }
            }
        }
        return result
    }

    fileprivate func gradient(
        _ op: semblance_unary_op,
        _ parameter: Float,
        y: Matrix,
        dY: Matrix,
        workers: Workers?
    ) -> Matrix {
        var dX = Matrix(uninitializedRows: rows, columns: columns)
        unsafe dX.withMutablePointer { dX in
            unsafe withPointer { x in
                unsafe y.withPointer { y in
                    unsafe dY.withPointer { dY in
                        (0..<count).split(by: elementsOfRun, on: workers) { part in
                            let first = part.lowerBound
                            unsafe semblance_unary_gradient(
                                op,
                                x + first,
                                y + first,
                                dY + first,
                                part.count,
                                parameter,
                                dX + first
                            )
                        }
                    }
                }
            }
        }
        return dX
    }

    fileprivate func scaled(by factor: Float) -> Matrix {
        var result = self
        result.scale(by: factor)
        return result
    }

    /// The sums over what one row, column or element of `operand` served.
    fileprivate func summed(to operand: Matrix) -> Matrix {
        var result = self
        if operand.columns == 1, result.columns != 1 { result = result.rowSums }
        if operand.rows == 1, result.rows != 1 { result = result.columnSums }
        return result
    }
}
