// One rule for "equal": |found − expected| ≤ absolute + relative · largest |expected|. NaN is never equal.

public import SemblanceNumerics
public import Testing

/// How far numbers may be apart.
public struct Tolerance: Sendable {
    /// What is allowed whatever the numbers are.
    public var absolute: Double
    /// What is allowed of the largest expected number.
    public var relative: Double

    /// A tolerance.
    public init(relative: Double, absolute: Double = 0) {
        self.relative = relative
        self.absolute = absolute
    }
}

/// The largest difference between two lists, as a multiple of what the tolerance allows: at most 1 is equal.
public func excess(_ found: [Double], over expected: [Double], _ tolerance: Tolerance) -> (ratio: Double, index: Int) {
    guard found.count == expected.count else { return (.infinity, -1) }
    let scale = expected.reduce(0) { max($0, abs($1)) }
    let allowed = tolerance.absolute + tolerance.relative * scale
    var worst = (ratio: 0.0, index: 0)
    for index in found.indices {
        let difference = abs(found[index] - expected[index])
        let ratio = difference == 0 ? 0 : difference / allowed
        if !(ratio <= worst.ratio) { worst = (ratio.isNaN ? .infinity : ratio, index) }
    }
    return worst
}

/// Expects two lists to be equal within a tolerance, and says where they are not.
public func expectClose(
    _ found: [Double],
    _ expected: [Double],
    _ tolerance: Tolerance,
    _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let worst = excess(found, over: expected, tolerance)
    guard !(worst.ratio <= 1) else { return }
    let values =
        worst.index >= 0
        ? "element \(worst.index): \(found[worst.index]), expected \(expected[worst.index])"
        : "\(found.count) elements, expected \(expected.count)"
    Issue.record("\(what) \(values) (\(worst.ratio) times the tolerance)", sourceLocation: sourceLocation)
}

/// Expects a matrix to have the shape and, within a tolerance, the elements of a reference.
public func expectClose(
    _ found: Matrix,
    _ expected: DoubleMatrix,
    _ tolerance: Tolerance,
    _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.rows == expected.rows && found.columns == expected.columns, sourceLocation: sourceLocation)
    expectClose(found.elements.map(Double.init), expected.elements, tolerance, what, sourceLocation: sourceLocation)
}
