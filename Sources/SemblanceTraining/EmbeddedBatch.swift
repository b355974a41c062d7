// Phases 1 and 3 of a step: a batch through the encoder in chunks, and the gradient back.

internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceText

/// The texts of one role, embedded with a tape for each chunk.
///
/// Chunks depend on the texts alone, and their gradients are added in order: results don't depend on the threads.
struct EmbeddedBatch {
    /// `[texts, dimension]`.
    let embeddings: Matrix
    let tokenCount: Int
    private let chunks: [Chunk]
    private let encoder: any TextEncoder
    private let parameters: [Matrix]

    private struct Chunk {
        let rows: Range<Int>
        let tokens: TokenBatch
        /// The tape with its last variable; `nil` where memory did not last: it is recorded again on the way back.
        var recording: (tape: Tape, output: Variable)?
    }

    /// Texts of one chunk.
    private static let chunkTexts = 128

    /// Embeds `texts`; `parameters` are the role's own.
    ///
    /// - Parameter tapeBudget: bytes of tapes kept; later chunks are recomputed (gradient caching, arXiv:2101.06983).
    init(
        _ texts: [Int32],
        store: TokenStore,
        encoder: any TextEncoder,
        parameters: [Matrix],
        tapeBudget: Int,
        workers: Workers
    ) {
        let count = (texts.count + Self.chunkTexts - 1) / Self.chunkTexts
        var chunks = [Chunk?](repeating: nil, count: count)
        var embeddings = Matrix(uninitializedRows: texts.count, columns: encoder.dimension)
        // Every chunk may keep an equal share, so that which ones do does not depend on their timing.
        let share = tapeBudget / max(count, 1)
        unsafe chunks.withUnsafeMutableBufferPointer { chunks in
            unsafe embeddings.withMutablePointer { target in
                workers.forEach(count) { index in
                    let rows = index * Self.chunkTexts..<min(texts.count, (index + 1) * Self.chunkTexts)
                    let tokens = store.tokens(of: texts[rows])
                    let tape = Tape(parameters: parameters, isRecording: true)
                    let output = encoder.encode(tokens, on: tape)
                    let value = tape[output]
                    unsafe value.withPointer {
                        unsafe (target + rows.lowerBound * value.columns).update(from: $0, count: value.count)
                    }
                    let keeps = tape.byteCount <= share
                    unsafe chunks[index] = Chunk(rows: rows, tokens: tokens, recording: keeps ? (tape, output) : nil)
                }
            }
        }
        self.chunks = chunks.compactMap { $0 }
        self.embeddings = embeddings
        self.encoder = encoder
        self.parameters = parameters
        tokenCount = self.chunks.reduce(0) { $0 + $1.tokens.tokenCount }
    }

    /// Parameter gradients, given ∂loss/∂embeddings.
    func backpropagate(_ gradient: Matrix, workers: Workers) -> ParameterGradients {
        var parts = [ParameterGradients](repeating: ParameterGradients(), count: chunks.count)
        unsafe parts.withUnsafeMutableBufferPointer { parts in
            workers.forEach(chunks.count) { index in
                let chunk = chunks[index]
                var recording = chunk.recording
                if recording == nil {
                    let tape = Tape(parameters: parameters, isRecording: true)
                    recording = (tape, encoder.encode(chunk.tokens, on: tape))
                }
                guard let (tape, output) = recording else { return }
                unsafe parts[index] = tape.backpropagate(gradient.rows(chunk.rows), from: output)
            }
        }
        var sum = ParameterGradients()
        for part in parts { sum.add(part) }
        return sum
    }
}
