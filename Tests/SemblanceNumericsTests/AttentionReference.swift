import Foundation

/// One text's attention with its gradient, in double precision: the plain formulas, checked by differences themselves.
struct AttentionReference {
    var tokens: Int
    var heads: Int
    var width: Int
    var window: Int?
    /// `[heads, 2 · reach + 1]`.
    var bias: [Double]?
    var reach = 0
    /// `[heads, query, key]`: what dropout multiplies a weight by.
    var kept: [Double]?
    /// `[tokens, 3 · heads · width]`.
    var qkv: [Double]

    var columns: Int { heads * width }

    func q(_ token: Int, _ head: Int) -> Int { token * 3 * columns + head * width }
    func k(_ token: Int, _ head: Int) -> Int { q(token, head) + columns }
    func v(_ token: Int, _ head: Int) -> Int { q(token, head) + 2 * columns }
    func out(_ token: Int, _ head: Int) -> Int { token * columns + head * width }

    func biasPlace(_ head: Int, _ query: Int, _ key: Int) -> Int {
        head * (2 * reach + 1) + reach + max(-reach, min(reach, key - query))
    }

    func keptPlace(_ head: Int, _ query: Int, _ key: Int) -> Int { (head * tokens + query) * tokens + key }

    func seen(_ query: Int) -> Range<Int> {
        guard let window else { return 0..<tokens }
        return max(0, query - window)..<min(tokens, query + window + 1)
    }

    /// Softmax weights of one query, before dropout.
    func weights(_ query: Int, _ head: Int) -> [Double] {
        let scale = 1 / Double(width).squareRoot()
        let scores = seen(query).map { key in
            scale * product(qkv, q(query, head), qkv, k(key, head)) + (bias?[biasPlace(head, query, key)] ?? 0)
        }
        let most = scores.max() ?? 0
        let exponentials = scores.map { exp($0 - most) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
    }

    func product(_ x: [Double], _ first: Int, _ y: [Double], _ second: Int) -> Double {
        var sum = 0.0
        for i in 0..<width { sum += x[first + i] * y[second + i] }
        return sum
    }

    /// `[tokens, heads · width]`.
    var output: [Double] {
        var result = [Double](repeating: 0, count: tokens * columns)
        for head in 0..<heads {
            for query in 0..<tokens {
                for (key, weight) in zip(seen(query), weights(query, head)) {
                    let share = weight * (kept?[keptPlace(head, query, key)] ?? 1)
                    for i in 0..<width { result[out(query, head) + i] += share * qkv[v(key, head) + i] }
                }
            }
        }
        return result
    }

    /// ∂loss/∂qkv and ∂loss/∂bias from ∂loss/∂output.
    ///
    ///     dV = W′ᵀ · dOut,   dW = kept · (dOut · Vᵀ),   dS = W · (dW − Σ W · dW),   dQ = s · dS · K,   dK = s · dSᵀ · Q
    func gradient(_ dOut: [Double]) -> (qkv: [Double], bias: [Double]) {
        var dX = qkv.map { _ in 0.0 }
        var dBias = (bias ?? []).map { _ in 0.0 }
        let scale = 1 / Double(width).squareRoot()
        for head in 0..<heads {
            for query in 0..<tokens {
                let weights = weights(query, head)
                let keys = seen(query)
                let dWeights = keys.map { key -> Double in
                    let factor = kept?[keptPlace(head, query, key)] ?? 1
                    let share = weights[key - keys.lowerBound] * factor
                    for i in 0..<width { dX[v(key, head) + i] += share * dOut[out(query, head) + i] }
                    return factor * product(dOut, out(query, head), qkv, v(key, head))
                }
                let along = zip(weights, dWeights).reduce(0) { $0 + $1.0 * $1.1 }
                for key in keys {
                    let dScore = weights[key - keys.lowerBound] * (dWeights[key - keys.lowerBound] - along)
                    if bias != nil { dBias[biasPlace(head, query, key)] += dScore }
                    for i in 0..<width {
                        dX[q(query, head) + i] += scale * dScore * qkv[k(key, head) + i]
                        dX[k(key, head) + i] += scale * dScore * qkv[q(query, head) + i]
                    }
                }
            }
        }
        return (dX, dBias)
    }
}
