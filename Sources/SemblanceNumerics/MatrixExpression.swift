// Formulas over matrices that know how to be differentiated.

/// A matrix, and how it was computed from others: what the formulas of a training objective are written in.
///
/// Arithmetic, functions and reductions of expressions are expressions. Operands of different shapes meet as in other
/// libraries: a matrix of one row, of one column, or of one element serves every row, column or element. The gradient of
/// a result with respect to all it came from is found on the way back; no formula needs a derivative written by hand.
///
/// An expression belongs to the step, or the block of rows, it was made in.
public struct MatrixExpression {
    /// What it comes to.
    public let value: Matrix
    package let place: Variable.Place
    /// `nil` for a constant.
    let tape: Tape?

    package init(_ variable: Variable, on tape: Tape) {
        value = variable.value
        place = variable.place
        self.tape = tape
    }

    /// A matrix that no gradient flows to.
    public init(_ constant: Matrix) {
        value = constant
        place = .none
        tape = nil
    }

    /// A number that no gradient flows to, `[1, 1]`.
    public init(_ constant: Float) { self.init(Matrix(rows: 1, columns: 1, repeating: constant)) }

    /// The same matrix as a constant.
    public var detached: MatrixExpression { MatrixExpression(value) }

    /// Whether no gradient flows to it.
    package var isConstant: Bool { tape == nil }

    package var variable: Variable { Variable(value: value, place: place) }

    /// The result of an op on `inputs`, with the way back.
    static func result(_ value: Matrix, of inputs: [MatrixExpression], backward: @escaping Tape.Backward)
        -> MatrixExpression
    {
        let tapes = inputs.compactMap(\.tape)
        guard let tape = tapes.first else { return MatrixExpression(value) }
        precondition(tapes.allSatisfy { $0 === tape }, "expressions of different steps or blocks meet: detach one")
        return MatrixExpression(tape.record(value, from: inputs.map(\.variable), backward: backward), on: tape)
    }
}

extension MatrixExpression: CustomStringConvertible {
    /// The shape, for messages.
    public var description: String { "MatrixExpression(\(value.rows) × \(value.columns))" }
}
