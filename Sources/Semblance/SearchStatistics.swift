public import SemblanceRetrieval
internal import Synchronization

/// What is in a ``SearchIndex``.
public struct SearchStatistics: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Documents.
    public var count: Int
    /// Their vectors: as many, or more where texts are cut into passages.
    public var vectors: Int
    /// See ``IndexStatistics/segments``.
    public var segments: Int
    /// See ``IndexStatistics/waiting``.
    public var waiting: Int
    /// See ``IndexStatistics/tombstones``.
    public var tombstones: Int
    /// Bytes of the files of vectors and documents.
    public var bytes: Int
    /// The dimension of the vectors.
    public var dimension: Int
    /// How vectors are found.
    public var kind: IndexKind
    /// How they are compared.
    public var metric: Metric
    /// The fingerprint of the model.
    public var model: String

    /// Some lines.
    public var description: String {
        """
        \(count) documents, \(vectors) vectors of dimension \(dimension) (\(kind), \(metric.rawValue))
        \(segments) segments, \(waiting) vectors wait for one, \(tombstones) removed ones are still there
        \(bytes) bytes, model \(model.prefix(12))…
        """
    }
}

extension SearchIndex {
    /// What is in the index now.
    ///
    /// - Throws: ``FileError`` where its folder can't be looked at.
    public func statistics() throws -> SearchStatistics {
        let generation = current
        let vectors = try generation.vectors.statistics()
        return SearchStatistics(
            count: generation.searchable.withLock { $0.lexical.count },
            vectors: vectors.count,
            segments: vectors.segments,
            waiting: vectors.waiting,
            tombstones: vectors.tombstones,
            bytes: vectors.bytes,
            dimension: generation.vectors.dimension,
            kind: generation.configuration.kind,
            metric: generation.configuration.metric,
            model: generation.fingerprint
        )
    }
}
