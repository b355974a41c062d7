internal import SemblanceNumerics

/// How a text's tokens become one vector.
package enum Pooling: String, Sendable, Hashable, Codable {
    /// The first token, [CLS].
    case cls
    case mean
    case max
    /// The sum over the square root of the count.
    case meanSqrt = "mean_sqrt_len_tokens"
    /// The mean weighted by place, the first token once (arXiv:2202.08904).
    case weightedMean = "weightedmean"
    /// The last token.
    case lastToken = "lasttoken"
    /// The mean of the first and the last layer's means (arXiv:2103.15316).
    case firstLastMean = "first_last_mean"

    static func needsFirstLayer(_ poolings: [Pooling]) -> Bool { poolings.contains(.firstLastMean) }

    /// `[texts, width]` from the hidden states of the last layer, `states`' last; a text of no pooled token is zero.
    ///
    /// - Parameter skipped: how many tokens at each text's beginning are left out.
    func apply(to states: [Variable], offsets: [Int32], skipping skipped: Int, on tape: Tape) -> Variable {
        guard let last = states.last, let first = states.first else { preconditionFailure("no hidden state to pool") }
        switch self {
        case .max:
            let ends = Array(offsets.dropFirst())
            let starts = zip(offsets, ends).map { Swift.min($0 + Int32(skipped), $1) }
            return tape.poolMaximum(last, starts: starts, ends: ends)
        case .firstLastMean:
            return tape.pool(
                tape.sum(first, last, times: 0.5),
                offsets: offsets,
                weights: Pooling.mean.weights(offsets: offsets, skipping: skipped)
            )
        case .cls, .mean, .meanSqrt, .weightedMean, .lastToken:
            return tape.pool(last, offsets: offsets, weights: weights(offsets: offsets, skipping: skipped))
        }
    }

    /// Each token's share of its text's vector.
    private func weights(offsets: [Int32], skipping skipped: Int) -> [Float] {
        var weights = [Float](repeating: 0, count: Int(offsets.last ?? 0))
        for text in 0..<offsets.count - 1 {
            let tokens = Int(offsets[text])..<Int(offsets[text + 1])
            let pooled = Swift.min(tokens.lowerBound + skipped, tokens.upperBound)..<tokens.upperBound
            guard let first = pooled.first, let last = pooled.last else {
                // Where all of a text is its prompt, its first token stands for it.
                if self == .cls, !tokens.isEmpty { weights[tokens.lowerBound] = 1 }
                continue
            }
            let count = Float(pooled.count)
            switch self {
            case .cls: weights[first] = 1
            case .lastToken: weights[last] = 1
            case .mean, .max, .firstLastMean: for token in pooled { weights[token] = 1 / count }
            case .meanSqrt: for token in pooled { weights[token] = 1 / count.squareRoot() }
            case .weightedMean:
                let total = pooled.reduce(Float(0)) { $0 + Float($1 - tokens.lowerBound + 1) }
                for token in pooled { weights[token] = Float(token - tokens.lowerBound + 1) / total }
            }
        }
        return weights
    }
}
