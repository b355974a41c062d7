internal import Foundation
package import SemblanceNumerics

extension RandomStream {
    /// A number between 0 and 1 of the beta distribution, of density ∝ xᵅ⁻¹ (1 − x)ᵝ⁻¹.
    ///
    /// - Note: Source: x / (x + y) of two gamma variables; each by Marsaglia and Tsang 2000, "A simple method for
    ///   generating gamma variables".
    package mutating func beta(_ alpha: Double, _ beta: Double) -> Double {
        let (x, y) = (gamma(alpha), gamma(beta))
        return x + y > 0 ? x / (x + y) : 0.5
    }

    private mutating func gamma(_ shape: Double) -> Double {
        // A shape below 1 is one above it times a power of a uniform number.
        if shape < 1 { return gamma(shape + 1) * pow(uniform(), 1 / shape) }
        let d = shape - 1 / 3.0
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
            let v = pow(1 + c * x, 3)
            if v > 0, log(uniform()) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }

    /// Above 0 and at most 1, so that it has a logarithm.
    private mutating func uniform() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }
}
