// Phases 1 and 3 of a step: a batch through the encoder in chunks, and the gradient back.

internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceText

/// The texts of one role, embedded with a tape for each chunk.
///
/// Chunks depend on the texts alone, and their gradients are added in order: results don't depend on the threads. Where a
/// text is little work, threads take chunks side by side; where it is much, as with transformers, they share each chunk,
/// so that gradients as large as the model exist once.
struct EmbeddedBatch {
    /// `[texts, dimension]`, or beside it as much for each layer.
    let embeddings: Matrix
    let tokenCount: Int
    private let chunks: [Chunk]
    private let source: Source

    /// What chunks are embedded with, and embedded again.
    struct Source {
        let store: TokenStore
        /// The step of training, which texts may be edited for.
        let step: Int
        let encoder: any TextEncoder
        /// The role's own.
        let weights: Weights
        /// Of dropout; a chunk has the streams from `stream + chunk · 2¹⁶` on.
        let randomness: DropoutRandomness?
        /// Whose embeddings are wanted beside the last one's.
        let layers: [Int]
        let workers: Workers

        /// Whether all threads work on one chunk.
        var sharesChunks: Bool { encoder.tokensPerChunk != nil }

        func record(_ chunk: Int, _ tokens: TokenBatch) -> (tape: Tape, output: Variable) {
            let tape = Tape(
                weights,
                isRecording: true,
                workers: sharesChunks ? workers : nil,
                randomness: randomness.map {
                    DropoutRandomness(seed: $0.seed, stream: $0.stream + UInt64(chunk) << 16, rate: $0.rate)
                }
            )
            return (tape, encoder.encode(tokens, skipping: store.skippedTokens, layers: layers, on: tape))
        }

        func forEach(_ chunks: Int, _ body: (Int) -> Void) {
            if sharesChunks { (0..<chunks).forEach(body) } else { workers.forEach(chunks, body) }
        }
    }

    private struct Chunk {
        let rows: Range<Int>
        let tokens: TokenBatch
        /// The tape with its last variable; `nil` where memory did not last: it is recorded again on the way back.
        var recording: (tape: Tape, output: Variable)?
    }

    /// Embeds texts by their numbers.
    ///
    /// - Parameter tapeBudget: bytes of tapes kept; later chunks are recomputed (gradient caching, arXiv:2101.06983).
    init(_ texts: [Int32], from source: Source, tapeBudget: Int) {
        let tokens = source.store.tokens(of: texts, step: source.step)
        let ranges = Self.ranges(of: tokens, source)
        var chunks = [Chunk?](repeating: nil, count: ranges.count)
        var embeddings = Matrix(
            uninitializedRows: texts.count,
            columns: source.encoder.dimension * (1 + source.layers.count)
        )
        // Every chunk may keep an equal share, so that which ones do does not depend on their timing.
        let share = tapeBudget / max(ranges.count, 1)
        unsafe chunks.withUnsafeMutableBufferPointer { chunks in
            unsafe embeddings.withMutablePointer { target in
                source.forEach(ranges.count) { index in
                    let rows = ranges[index]
                    let tokens = tokens.selecting(rows)
                    let recording = source.record(index, tokens)
                    let value = recording.output.value
                    unsafe value.withPointer {
                        unsafe (target + rows.lowerBound * value.columns).update(from: $0, count: value.count)
                    }
                    let keeps = recording.tape.byteCount <= share
                    unsafe chunks[index] = Chunk(rows: rows, tokens: tokens, recording: keeps ? recording : nil)
                }
            }
        }
        self.chunks = chunks.compactMap { $0 }
        self.embeddings = embeddings
        self.source = source
        tokenCount = self.chunks.reduce(0) { $0 + $1.tokens.tokenCount }
    }

    private static func ranges(of texts: TokenBatch, _ source: Source) -> [Range<Int>] {
        // Large enough that adding a chunk's gradient to the others' costs little beside it.
        if let tokens = source.encoder.tokensPerChunk {
            return texts.chunks(tokens: 5 * tokens)
        }
        return stride(from: 0, to: texts.count, by: 128).map { $0..<min(texts.count, $0 + 128) }
    }

    /// Adds the gradients of the weights, given ∂loss/∂embeddings.
    func backpropagate(_ gradient: Matrix, into sum: inout ParameterGradients) {
        func gradients(of index: Int, into sum: inout ParameterGradients) {
            let chunk = chunks[index]
            let (tape, output) = chunk.recording ?? source.record(index, chunk.tokens)
            tape.backpropagate(gradient.rows(chunk.rows), from: output, into: &sum)
        }
        if source.sharesChunks {
            for index in chunks.indices { gradients(of: index, into: &sum) }
            return
        }
        var parts = [ParameterGradients](repeating: ParameterGradients(), count: chunks.count)
        unsafe parts.withUnsafeMutableBufferPointer { parts in
            source.workers.forEach(chunks.count) { index in unsafe gradients(of: index, into: &parts[index]) }
        }
        for part in parts { sum.add(part) }
    }
}
