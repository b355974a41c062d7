package import SemblanceNumerics
package import SemblanceText

/// Tokens to embeddings, chunk by chunk on all threads, nothing kept for a way back.
package struct EmbeddingJob {
    private let encoder: any TextEncoder
    private let weights: Weights
    private let skipped: Int
    private let dimension: Int
    private let normalizes: Bool

    /// - Parameters:
    ///   - weights: the encoder's own, or others of their shapes.
    ///   - skipped: tokens at each text's beginning that are not pooled.
    ///   - dimension: how many components are kept; `nil` is all.
    ///   - normalizes: whether embeddings get unit length.
    package init(
        encoder: any TextEncoder,
        weights: Weights,
        skipped: Int,
        dimension: Int? = nil,
        normalizes: Bool = false
    ) {
        self.encoder = encoder
        self.weights = weights
        self.skipped = skipped
        self.dimension = dimension ?? encoder.dimension
        self.normalizes = normalizes
    }

    /// `[texts, dimension]`, in chunks of the encoder's size.
    package func run(_ tokens: TokenBatch, _ workers: Workers, _ cancellation: Cancellation) throws -> Matrix {
        let chunks =
            encoder.tokensPerChunk.map(tokens.chunks)
            ?? stride(from: 0, to: tokens.count, by: 128).map { $0..<min(tokens.count, $0 + 128) }
        return try run(chunks, texts: tokens.count, workers, cancellation) { tokens.selecting(chunks[$0]) }
    }

    /// `[texts, dimension]`; `tokens` gives a chunk's. Each chunk is one thread's, a single one all threads'.
    func run(
        _ chunks: [Range<Int>],
        texts: Int,
        _ workers: Workers,
        _ cancellation: Cancellation,
        tokens: (Int) -> TokenBatch
    ) throws -> Matrix {
        var result = Matrix(rows: texts, columns: dimension)
        let helpers = chunks.count == 1 ? workers : nil
        unsafe try result.withMutablePointer { target in
            try workers.forEach(
                chunks.count,
                throwing: { index in
                    try cancellation.check()
                    let embeddings = embeddings(of: tokens(index), workers: helpers)
                    unsafe embeddings.withPointer {
                        unsafe (target + chunks[index].lowerBound * dimension).update(
                            from: $0,
                            count: embeddings.count
                        )
                    }
                }
            )
        }
        return result
    }

    private func embeddings(of tokens: TokenBatch, workers: Workers?) -> Matrix {
        let tape = Tape(weights, isRecording: false, workers: workers)
        let embeddings = encoder.encode(tokens, skipping: skipped, on: tape).value.leadingColumns(dimension)
        return normalizes ? UnitRows(embeddings).output : embeddings
    }
}
