// Whether one system is better than another, or was lucky with the queries.

internal import CSemblanceKernels
public import SemblanceNumerics

/// The outcome of a paired randomisation test.
public struct PairedTest: Codable, Hashable, Sendable {
    /// How much greater the first system's mean is.
    public let difference: Double
    /// How often chance alone would make so great a difference, of either sign.
    public let pValue: Double

    /// Compares two lists of values of the same queries.
    ///
    /// If both systems were alike, each query's difference could as well have the other sign. Signs are drawn at random
    /// `permutations` times; b of the sums are as far from 0 as the one seen, or farther:
    ///
    ///     p = (b + 1) / (permutations + 1)
    ///
    /// - Parameters:
    ///   - first: the first system's values.
    ///   - second: the second system's values, of the same queries in the same order.
    ///   - permutations: how many times signs are drawn. The default is 10,000.
    ///   - seed: of the signs; the same seed gives the same p.
    ///   - workers: the threads; the result doesn't depend on their number.
    /// - Note: Source: M. D. Smucker, J. Allan and B. Carterette, CIKM 2007, §3.1; the added ones: B. Phipson and G. K.
    ///   Smyth, arXiv:1603.05766.
    public init(
        _ first: [Double],
        _ second: [Double],
        permutations: Int = 10_000,
        seed: UInt64 = 0,
        workers: Workers = .shared()
    ) {
        precondition(
            first.count == second.count && !first.isEmpty && permutations > 0,
            "\(first.count) and \(second.count) values, \(permutations) permutations"
        )
        let all = zip(first, second).map { $0 - $1 }
        let sum = all.reduce(0, +)
        let differences = all.filter { $0 != 0 }
        difference = sum / Double(all.count)
        // Sums that are equal but for rounding count as equal: 1e-9 of the greatest sum there can be.
        let bar = abs(sum) - 1e-9 * differences.reduce(0) { $0 + abs($1) }
        let block = 250
        let blocks = (permutations + block - 1) / block
        var found = [Int](repeating: 0, count: blocks)
        unsafe found.withUnsafeMutableBufferPointer { found in
            workers.forEach(blocks) { index in
                let start = index * block
                unsafe found[index] = semblance_sign_flips_at_least(
                    differences,
                    differences.count,
                    seed,
                    start,
                    min(block, permutations - start),
                    bar
                )
            }
        }
        pValue = Double(found.reduce(0, +) + 1) / Double(permutations + 1)
    }
}

extension RetrievalReport {
    /// Compares this system with another on the same queries.
    ///
    /// - Throws: ``EvaluationError`` with code `.notComparable` if the other's queries differ or lack the metric.
    public func pairedRandomizationTest(
        against other: RetrievalReport,
        on metric: RetrievalMetric,
        permutations: Int = 10_000,
        seed: UInt64 = 0,
        workers: Workers = .shared()
    ) throws(EvaluationError) -> PairedTest {
        guard queries == other.queries else {
            throw EvaluationError(
                .notComparable,
                "the reports are of different queries (\(queries.count) and \(other.queries.count)); evaluate on one set"
            )
        }
        guard let mine = values[metric], let others = other.values[metric] else {
            throw EvaluationError(.notComparable, "\(metric) is not in both reports; measure it in both")
        }
        return PairedTest(mine, others, permutations: permutations, seed: seed, workers: workers)
    }
}
