import SemblanceNumerics
import Testing

@testable import SemblanceTraining

@Suite struct BetaDistributionTests {
    @Test(arguments: [(0.5, 0.5), (2, 8), (1, 1), (8, 2), (0.1, 3)])
    func `mean and variance are the distribution's`(alpha: Double, beta: Double) {
        var random = RandomStream(seed: 11)
        let count = 20_000.0
        let numbers = (0..<Int(count)).map { _ in random.beta(alpha, beta) }
        let mean = numbers.reduce(0, +) / count
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let sum = alpha + beta
        let expected = alpha * beta / (sum * sum * (sum + 1))
        // Five standard errors of the mean; the variance's own is taken to be no larger than a fourth moment of 1 gives.
        #expect(abs(mean - alpha / sum) < 5 * (expected / count).squareRoot())
        #expect(abs(variance - expected) < 0.05 * expected)
        #expect(numbers.allSatisfy { $0 >= 0 && $0 <= 1 })
    }
}
