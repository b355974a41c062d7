internal import CSemblanceKernels
public import SemblanceNumerics

/// Picks hits that are relevant and unlike each other:
///
///     next = argmax over d not picked yet of  λ · score(d) − (1 − λ) · max over s picked of  ⟨d, s⟩
///
/// At λ = 1 that is the order of the scores; at 0 relevance counts only for the first one, which is always the best.
/// Scores and inner products are taken as they are and so should be on one scale, as the cosines of unit vectors are;
/// fused scores are not.
///
/// - Note: Source: J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
///   producing summaries", SIGIR 1998.
public struct MaximalMarginalRelevance: Codable, Hashable, Sendable {
    /// What relevance counts, from 0 to 1; the rest is for being unlike.
    ///
    /// The default is 0.5.
    public var lambda = 0.5

    /// MMR with the default λ, or another.
    public init(lambda: Double = 0.5) { self.lambda = lambda }

    /// Throws ``RetrievalError`` with code `.invalidArgument` for a λ out of its range.
    public func validate() throws(RetrievalError) {
        guard lambda >= 0, lambda <= 1 else {
            throw RetrievalError(code: .invalidArgument, message: "λ of MMR is \(lambda); it must be from 0 to 1")
        }
    }

    /// The places of up to `count` candidates, in the order in which they are picked; of equals the first one.
    ///
    /// - Parameters:
    ///   - scores: `[n]`; NaN is less than any other.
    ///   - vectors: `[n, d]`, a row for each.
    /// - Throws: ``RetrievalError`` with code `.invalidArgument`: as ``validate()``, or there aren't as many vectors as
    ///   scores.
    /// - Complexity: O(count · n · d) multiplications in a kernel.
    public func pick(_ count: Int, scores: [Float], vectors: Matrix) throws(RetrievalError) -> [Int] {
        try validate()
        guard vectors.rows == scores.count else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "MMR got \(scores.count) scores and \(vectors.rows) vectors; give one vector for each score"
            )
        }
        let (n, d) = (scores.count, vectors.columns)
        let count = min(max(count, 0), n)
        guard count > 0 else { return [] }
        let kernels = unsafe semblance_distances_at(semblance_cpu())
        var similarities = [Float](repeating: 0, count: n)
        var nearest = [Float](repeating: -.infinity, count: n)
        var taken = [UInt8](repeating: 0, count: n)
        var picked = [Int(unsafe semblance_greatest(scores, n))]
        while true {
            let last = picked[picked.count - 1]
            taken[last] = 1
            guard picked.count < count else { return picked }
            unsafe vectors.withPointer { rows in
                unsafe kernels.pointee.inner_product_ny(rows + last * d, rows, d, n, &similarities)
            }
            picked.append(Int(unsafe semblance_marginal_next(scores, similarities, taken, Float(lambda), n, &nearest)))
        }
    }
}
