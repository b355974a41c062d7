/// Where an index lives beside the memory.
struct IndexPlace: Sendable {
    let path: String
    let files: any FileLayer
    /// Of the index that is there.
    let identity: UInt64
}

/// What is in an index.
public struct IndexStatistics: Hashable, Sendable, Codable {
    /// Vectors that can be found.
    public var count = 0
    /// Segments that were built.
    public var segments = 0
    /// Vectors that wait to be built into a segment, and are compared one by one until then.
    public var waiting = 0
    /// Removed or replaced vectors whose memory has not come back yet.
    public var tombstones = 0
    /// Bytes of all files; 0 where the index is in memory alone.
    public var bytes = 0
}

extension VectorIndex {
    /// What is in the index now.
    ///
    /// - Throws: ``FileError`` where its folder can't be looked at.
    public func statistics() throws -> IndexStatistics {
        var statistics = IndexStatistics()
        for part in current.parts {
            statistics.count += part.live.count
            statistics.tombstones += part.live.slots - part.live.count
            if part.isTail { statistics.waiting += part.live.count } else { statistics.segments += 1 }
        }
        if let place {
            statistics.bytes = try place.files.names(in: place.path).reduce(0) {
                $0 + (try place.files.map(place.path + "/" + $1)).count
            }
        }
        return statistics
    }
}
