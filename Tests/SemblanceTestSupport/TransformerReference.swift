// What a transformer does, forward only, in double precision and straight from its definition; gradients come from
// differences.

internal import Foundation

extension DoubleMatrix {
    /// Another matrix of this shape.
    public func mapped(_ function: (Double) -> Double) -> DoubleMatrix {
        DoubleMatrix(rows: rows, columns: columns, elements: elements.map(function))
    }

    /// The sum of two matrices of one shape.
    public static func + (left: DoubleMatrix, right: DoubleMatrix) -> DoubleMatrix {
        precondition(left.rows == right.rows && left.columns == right.columns)
        return DoubleMatrix(
            rows: left.rows,
            columns: left.columns,
            elements: zip(left.elements, right.elements).map { $0 + $1 }
        )
    }

    /// Σ of the products of elements.
    public func dot(_ other: DoubleMatrix) -> Double { SemblanceTestSupport.dot(elements, other.elements) }

    /// x · Wᵀ + b.
    public func linear(_ weight: DoubleMatrix, bias: DoubleMatrix? = nil) -> DoubleMatrix {
        let elements = (0..<rows).flatMap { row -> [Double] in
            let x = self[row: row]
            return (0..<weight.rows).map { SemblanceTestSupport.dot(x, weight[row: $0]) + (bias?[0, $0] ?? 0) }
        }
        return DoubleMatrix(rows: rows, columns: weight.rows, elements: elements)
    }

    /// γ · (x − mean) / √(var + ε) + β of each row.
    public func layerNorm(gamma: DoubleMatrix, beta: DoubleMatrix?, epsilon: Double) -> DoubleMatrix {
        let elements = (0..<rows).flatMap { row -> [Double] in
            let x = self[row: row]
            let mean = x.reduce(0, +) / Double(columns)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            return x.enumerated().map { column, value in
                gamma[0, column] * (value - mean) / (variance + epsilon).squareRoot() + (beta?[0, column] ?? 0)
            }
        }
        return DoubleMatrix(rows: rows, columns: columns, elements: elements)
    }

    /// Softmax attention of rows [q, k, v] within each text; `kept` is what dropout multiplies a weight by.
    public func attention(
        heads: Int,
        offsets: [Int32],
        window: Int? = nil,
        bias: DoubleMatrix? = nil,
        kept: (_ row: Int, _ head: Int, _ key: Int) -> Double = { _, _, _ in 1 }
    ) -> DoubleMatrix {
        let width = columns / 3 / heads
        let reach = (bias?.columns ?? 1) / 2
        var result = DoubleMatrix(
            rows: rows,
            columns: columns / 3,
            elements: Array(repeating: 0, count: rows * columns / 3)
        )
        func part(_ row: Int, _ kind: Int, _ head: Int) -> ArraySlice<Double> {
            let first = row * columns + kind * columns / 3 + head * width
            return elements[first..<first + width]
        }
        for text in 0..<offsets.count - 1 {
            let tokens = Int(offsets[text])..<Int(offsets[text + 1])
            for head in 0..<heads {
                for query in tokens {
                    let seen = tokens.filter { abs($0 - query) <= window ?? .max }
                    let scores = seen.map { key -> Double in
                        let score = zip(part(query, 0, head), part(key, 1, head)).reduce(0) { $0 + $1.0 * $1.1 }
                        let place = max(-reach, min(reach, key - query)) + reach
                        return score / Double(width).squareRoot() + (bias?[head, place] ?? 0)
                    }
                    let most = scores.max() ?? 0
                    let weights = scores.map { exp($0 - most) }
                    let sum = weights.reduce(0, +)
                    for (key, weight) in zip(seen, weights) {
                        let share = weight / sum * kept(query, head, key - tokens.lowerBound)
                        for (column, value) in part(key, 2, head).enumerated() {
                            result.elements[query * columns / 3 + head * width + column] += share * value
                        }
                    }
                }
            }
        }
        return result
    }
}

/// x · Φ(x).
public func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }
