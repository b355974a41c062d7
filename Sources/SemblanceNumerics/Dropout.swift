// Dropout, forward and backward; which elements fall is a function of the seed, the stream and their place.

internal import CSemblanceKernels

/// What a tape's dropout draws from: `stream` and the 2¹⁶ after it belong to this tape.
package struct DropoutRandomness: Hashable, Sendable {
    package let seed: UInt64
    package let stream: UInt64
    /// Used instead of the ops' own rates, where given.
    package let rate: Float?

    package init(seed: UInt64, stream: UInt64, rate: Float? = nil) {
        self.seed = seed
        self.stream = stream
        self.rate = rate
    }
}

/// One op's dropout.
struct Dropout {
    let rate: Float
    let seed: UInt64
    let stream: UInt64

    /// Elements of `x` zero with probability `rate`, else times 1 / (1 − rate).
    func apply(to x: Matrix, workers: Workers?) -> Matrix {
        var y = Matrix(uninitializedRows: x.rows, columns: x.columns)
        unsafe y.withMutablePointer { y in
            unsafe x.withPointer { x_ in
                // Runs begin at whole blocks of random words.
                (0..<x.count).split(by: elementsOfRun, on: workers) { part in
                    unsafe semblance_dropout(
                        seed,
                        stream,
                        UInt64(part.lowerBound / 4),
                        rate,
                        x_ + part.lowerBound,
                        part.count,
                        y + part.lowerBound
                    )
                }
            }
        }
        return y
    }
}

extension Tape {
    /// Dropout (Srivastava et al. 2014): elements fall with probability `rate`, the others grow to keep the mean. Without
    /// the tape's randomness, as when texts are embedded, `x` itself.
    package func dropout(_ x: Variable, rate: Float) -> Variable {
        guard let dropout = nextDropout(rate: rate) else { return x }
        let place = x.place
        return record(dropout.apply(to: x.value, workers: workers), from: [x]) { dY, flow in
            flow.add(dropout.apply(to: dY, workers: flow.workers), to: place)
        }
    }
}
