public import SemblanceNumerics
internal import SemblanceText

/// A dual encoder: texts in, vectors out.
///
/// Queries and documents share one tower or have one each, and each role may have a prompt put before its texts.
/// Immutable and Sendable: any number of tasks may embed at once. Train one with `Embedder.fit`, open one with
/// ``init(contentsOf:)``.
public struct Embedder: Sendable {
    package var queryTower: Tower
    package var documentTower: Tower
    /// Whether both roles use the same weights.
    public let sharesWeights: Bool
    /// Text put before every text of a role.
    public let prompts: [Role: String]
    /// Whether embeddings are scaled to unit length, so that the dot product is the cosine.
    public let normalizes: Bool
    /// The dialect of the folder it came from, kept for writing.
    package let format: FolderFormat

    package init(
        queryTower: Tower,
        documentTower: Tower? = nil,
        prompts: [Role: String] = [:],
        normalizes: Bool,
        format: FolderFormat = .sentenceTransformers()
    ) {
        self.queryTower = queryTower
        self.documentTower = documentTower ?? queryTower
        sharesWeights = documentTower == nil
        self.prompts = prompts
        self.normalizes = normalizes
        self.format = format
    }

    /// The dimension of an embedding.
    public var dimension: Int { documentTower.encoder.dimension }

    /// Whether a text has the same embedding as a query and as a document.
    package var embedsRolesAlike: Bool {
        sharesWeights && prompts[.query] ?? "" == prompts[.document] ?? ""
    }

    package func tower(for role: Role) -> Tower { role == .query ? queryTower : documentTower }

    /// How texts are embedded in one call.
    public struct Options: Hashable, Sendable {
        /// Keeps the first so many components (Matryoshka, arXiv:2205.13147); `nil` is all.
        public var dimension: Int?
        /// Scales embeddings to unit length or leaves them; `nil` is as the model says.
        public var normalizes: Bool?
        /// How the machine is used.
        public var compute: ComputeOptions

        /// The defaults: all components, as the model says, all cores.
        public init(dimension: Int? = nil, normalizes: Bool? = nil, compute: ComputeOptions = ComputeOptions()) {
            self.dimension = dimension
            self.normalizes = normalizes
            self.compute = compute
        }
    }

    /// The embeddings of texts, a row each.
    ///
    /// A text without tokens is a zero row. An embedding does not depend on the texts it comes with.
    ///
    /// - Returns: `[texts, dimension]`.
    /// - Throws: ``EncoderError`` where the dimension asked for is not within the model's; `CancellationError`.
    public func embed(
        _ texts: [String],
        as role: Role = .document,
        options: Options = Options()
    ) async throws -> Matrix {
        let workers = Workers.shared(threads: options.compute.threads)
        return try await workers.run { cancellation in
            try embed(texts, as: role, options: options, workers: workers, cancellation: cancellation).embeddings
        }
    }

    /// The embedding of one text.
    public func embed(_ text: String, as role: Role = .query, options: Options = Options()) async throws -> [Float] {
        try await embed([text], as: role, options: options)[row: 0]
    }

    /// As the public call, on the calling thread and its workers; also how many tokens there were.
    package func embed(
        _ texts: [String],
        as role: Role,
        options: Options,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> (embeddings: Matrix, tokenCount: Int) {
        let dimension = options.dimension ?? dimension
        guard dimension >= 1, dimension <= self.dimension else {
            throw EncoderError(
                code: .invalidDimension,
                message:
                    "a dimension of \(dimension) was asked for: this model's embeddings have 1 to \(self.dimension)"
            )
        }
        try options.compute.validate()
        if options.compute.precision == .int8 { try checkSums(of: role) }
        let tower = tower(for: role)
        let prompt = prompts[role] ?? ""
        let (encoder, weights) = tower.prepared(options.compute.precision)
        let job = EmbeddingJob(
            encoder: encoder,
            weights: weights,
            skipped: tower.skippedTokens(prompt: prompt),
            dimension: dimension,
            normalizes: options.normalizes ?? self.normalizes
        )
        guard tower.encoder.tokensPerChunk == nil else {
            let tokens = try tokenize(texts, tower, prompt: prompt, workers: workers, cancellation: cancellation)
            return (try job.run(tokens, workers, cancellation), tokens.tokenCount)
        }
        let chunks = Self.chunks(of: texts)
        var tokenCounts = [Int](repeating: 0, count: chunks.count)
        let embeddings = unsafe try tokenCounts.withUnsafeMutableBufferPointer { tokenCounts in
            try job.run(chunks, texts: texts.count, workers, cancellation) { index in
                let tokens = tower.tokenize(texts[chunks[index]], prompt: prompt)
                unsafe tokenCounts[index] = tokens.tokenCount
                return tokens
            }
        }
        return (embeddings, tokenCounts.reduce(0, +))
    }

    /// int8 sums fit 32 bits up to a number of products.
    private func checkSums(of role: Role) throws {
        let longest = tower(for: role).encoder.parameters.map(\.value.columns).max() ?? 0
        guard longest > PackedMatrix.mostBytes else { return }
        throw EncoderError(
            code: .unsupportedModel,
            message: "int8 is for layers of at most \(PackedMatrix.mostBytes) inputs, and this model has one of "
                + "\(longest): use bf16 or fp32"
        )
    }

    /// The tokens of all texts.
    private func tokenize(
        _ texts: [String],
        _ tower: Tower,
        prompt: String,
        workers: Workers,
        cancellation: Cancellation
    ) throws -> TokenBatch {
        let chunks = Self.chunks(of: texts)
        var parts = [TokenBatch](repeating: TokenBatch(), count: chunks.count)
        unsafe try parts.withUnsafeMutableBufferPointer { parts in
            try workers.forEach(
                chunks.count,
                throwing: { index in
                    try cancellation.check()
                    unsafe parts[index] = tower.tokenize(texts[chunks[index]], prompt: prompt)
                }
            )
        }
        var tokens = TokenBatch()
        for part in parts { tokens.append(contentsOf: part) }
        return tokens
    }

    /// Consecutive texts of about 16 KB together: small enough to share among threads, large enough to cost nothing.
    private static func chunks(of texts: [String]) -> [Range<Int>] {
        var chunks: [Range<Int>] = []
        var first = 0
        var bytes = 0
        for (index, text) in texts.enumerated() {
            bytes += text.utf8.count
            if bytes >= 16_384 || index - first >= 127 {
                chunks.append(first..<index + 1)
                first = index + 1
                bytes = 0
            }
        }
        if first < texts.count { chunks.append(first..<texts.count) }
        return chunks
    }
}
