internal import CSemblanceFAISS
internal import SemblanceNumerics

/// Writes the files of one sealed part.
final class SegmentFileWriter {
    private let number: Int
    private let folder: String
    private let files: any FileLayer
    private var open: [BlockFileWriter] = []
    private var vectors: BlockFileIdentity?
    private var payloads: BlockFileIdentity?
    /// What was written, once ``finish(_:)`` has returned.
    private(set) var identities: SegmentFiles?

    init(number: Int, folder: String, files: any FileLayer) {
        (self.number, self.folder, self.files) = (number, folder, files)
    }

    private func path(_ role: SegmentFiles.Role) -> String { folder + "/" + SegmentFiles.name(number, role) }

    private func write(_ role: SegmentFiles.Role, _ body: (BlockFileWriter) throws -> Void) throws -> BlockFileIdentity
    {
        let writer = try BlockFileWriter(path(role), files: files)
        open.append(writer)
        try body(writer)
        return try writer.finish()
    }

    /// The vectors as they came, for an index that compresses them.
    func writeVectors(
        count: Int,
        dimension: Int,
        _ chunks: ((Matrix, [Int64]) throws -> Void) throws -> Void
    ) throws -> FullVectors {
        let identity = try write(.vectors) { writer in
            try chunks { vectors, _ in
                try unsafe vectors.withPointer {
                    try unsafe writer.write(
                        UnsafeRawBufferPointer(UnsafeBufferPointer(start: $0, count: vectors.count))
                    )
                }
            }
        }
        vectors = identity
        return try FullVectors(
            BlockFile.open(path(.vectors), expecting: identity, files: files),
            count: count,
            dimension: dimension
        )
    }

    func writePayloads(count: Int, _ payload: (Int) throws -> [UInt8]) throws -> Payloads {
        let identity = try write(.payloads) { writer in
            var end: UInt64 = 0
            for slot in 0..<count {
                end += UInt64(try payload(slot).count)
                try unsafe withUnsafeBytes(of: end.littleEndian) { try unsafe writer.write($0) }
            }
            for slot in 0..<count {
                try unsafe payload(slot).withUnsafeBytes { try unsafe writer.write($0) }
            }
        }
        payloads = identity
        return try .opened(BlockFile.open(path(.payloads), expecting: identity, files: files), count: count)
    }

    /// Writes the index itself; everything is durable then.
    func finish(_ segment: Segment) throws {
        let index = try write(.index) { writer in
            try unsafe segment.write { try unsafe writer.write($0) }
        }
        let ids = try write(.ids) { try unsafe $0.write(UnsafeRawBufferPointer(segment.ids)) }
        try files.synchronise(folder: folder)
        identities = SegmentFiles(index: index, ids: ids, vectors: vectors, payloads: payloads)
    }

    /// Removes what was written.
    func discard() { for writer in open { writer.discard() } }
}
