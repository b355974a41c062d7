// Means over queries, and how sure they are.

internal import CSemblanceKernels
public import SemblanceNumerics

/// The mean of a metric over the queries, with the interval in which it would lie for other queries of the same kind.
public struct Estimate: Codable, Hashable, Sendable {
    /// The mean over the queries.
    public let value: Double
    /// The lower end of the 95 % interval.
    public let low: Double
    /// The upper end of the 95 % interval.
    public let high: Double
}

/// The metrics of one system on one set.
///
/// As JSON: `{"queries": 225, "ndcg@10": {"value": 0.4, "low": 0.37, "high": 0.43}, …}`.
public struct RetrievalSummary: Hashable, Sendable {
    /// How many queries there were.
    public let queries: Int
    /// Each metric's mean and interval.
    public let estimates: [RetrievalMetric: Estimate]
}

/// How well a system found the relevant documents of each query of a set.
public struct RetrievalReport: Codable, Hashable, Sendable {
    /// The metrics, in the order asked for.
    public let metrics: [RetrievalMetric]
    /// The queries' ids.
    public let queries: [String]
    /// Each metric's values, in the order of ``queries``.
    public let values: [RetrievalMetric: [Double]]
    /// Each metric's mean and interval.
    public let estimates: [RetrievalMetric: Estimate]

    /// Evaluates rankings.
    ///
    /// An id that equals the query's own is skipped: a query never finds itself. The interval is the bootstrap's: from
    /// the 2.5th to the 97.5th percentile of the means of 2,000 resamples of the queries, with linear interpolation.
    ///
    /// - Parameters:
    ///   - rankings: for each of the set's queries, in their order, the documents' ids, best first; equal scores in a
    ///     fixed order, such as that of the ids. ``RetrievalMetric/hitsNeeded(for:)`` says how many.
    ///   - dataset: the set.
    ///   - metrics: what to measure. The default is ``RetrievalMetric/standard``.
    ///   - seed: of the resamples; the same seed gives the same interval.
    ///   - workers: the threads; the result doesn't depend on their number.
    /// - Note: Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, §13.3.
    public init(
        rankings: [[String]],
        of dataset: RetrievalDataset,
        metrics: [RetrievalMetric] = RetrievalMetric.standard,
        seed: UInt64 = 0,
        workers: Workers = .shared()
    ) {
        precondition(
            rankings.count == dataset.queries.count,
            "\(rankings.count) rankings were given for \(dataset.queries.count) queries"
        )
        let table = Self.table(rankings, dataset, metrics, workers)
        let rows = dataset.queries.count
        self.metrics = metrics
        queries = dataset.queries.map(\.id)
        values = Dictionary(
            metrics.enumerated().map { column, metric in
                (metric, (0..<rows).map { table[$0 * metrics.count + column] })
            },
            uniquingKeysWith: { first, _ in first }
        )
        let means = Self.resampledMeans(of: table, rows: rows, columns: metrics.count, seed: seed, workers)
        estimates = Dictionary(
            metrics.enumerated().map { column, metric in
                let sorted = (0..<Self.resamples).map { means[$0 * metrics.count + column] }.sorted()
                let sum = (0..<rows).reduce(0.0) { $0 + table[$1 * metrics.count + column] }
                return (
                    metric,
                    Estimate(
                        value: sum / Double(rows),
                        low: Self.percentile(0.025, of: sorted),
                        high: Self.percentile(0.975, of: sorted)
                    )
                )
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The mean of one of the ``metrics``.
    public func value(of metric: RetrievalMetric) -> Double {
        guard let estimate = estimates[metric] else { preconditionFailure("\(metric) was not measured") }
        return estimate.value
    }

    /// The metrics without the values of single queries.
    public var summary: RetrievalSummary { RetrievalSummary(queries: queries.count, estimates: estimates) }

    /// The metrics of each query: `[queries, metrics]`, row-major.
    private static func table(
        _ rankings: [[String]],
        _ dataset: RetrievalDataset,
        _ metrics: [RetrievalMetric],
        _ workers: Workers
    ) -> [Double] {
        var table = [Double](repeating: 0, count: rankings.count * metrics.count)
        unsafe table.withUnsafeMutableBufferPointer { table in
            workers.forEach(rankings.count) { row in
                let query = dataset.queries[row].id
                let ranking = rankings[row].filter { $0 != query }
                guard let graded = GradedRanking(ranking, dataset.judgements[query] ?? [:]) else { return }
                for (column, metric) in metrics.enumerated() {
                    unsafe table[row * metrics.count + column] = metric.value(of: graded)
                }
            }
        }
        return table
    }

    private static let resamples = 2000

    private static func resampledMeans(
        of table: [Double],
        rows: Int,
        columns: Int,
        seed: UInt64,
        _ workers: Workers
    ) -> [Double] {
        let block = 50
        var means = [Double](repeating: 0, count: resamples * columns)
        unsafe means.withUnsafeMutableBufferPointer { means in
            guard let first = means.baseAddress else { return }
            workers.forEach(resamples / block) { index in
                unsafe semblance_bootstrap_means(
                    table,
                    rows,
                    columns,
                    seed,
                    index * block,
                    block,
                    first + index * block * columns
                )
            }
        }
        return means
    }

    private static func percentile(_ share: Double, of sorted: [Double]) -> Double {
        let place = share * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
    }
}

extension RetrievalSummary: Codable {
    /// Reads the JSON form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        queries = try container.decode(Int.self, forKey: MetricKey(stringValue: "queries"))
        var estimates: [RetrievalMetric: Estimate] = [:]
        for key in container.allKeys {
            if let metric = RetrievalMetric(key.stringValue) {
                estimates[metric] = try container.decode(Estimate.self, forKey: key)
            }
        }
        self.estimates = estimates
    }

    /// Writes the JSON form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try container.encode(queries, forKey: MetricKey(stringValue: "queries"))
        for (metric, estimate) in estimates {
            try container.encode(estimate, forKey: MetricKey(stringValue: metric.description))
        }
    }
}
