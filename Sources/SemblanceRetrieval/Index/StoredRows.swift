// What a sealed part keeps beside FAISS' index: the vectors as they came, where FAISS keeps codes, and payloads.

internal import CSemblanceFAISS
internal import SemblanceNumerics

/// Vectors as they came, one after the other by slot, in memory or in a file that is checked as it is read.
///
/// Neither the matrix nor the mapping ever changes; it is therefore Sendable.
@safe final class FullVectors: @unchecked Sendable {
    let base: UnsafePointer<Float>
    private let matrix: Matrix?
    private let file: BlockFile?

    init(_ matrix: Matrix) {
        // The matrix has its storage as long as it isn't changed, and nobody else can.
        unsafe base = matrix.withPointer { unsafe $0 }
        self.matrix = matrix
        file = nil
    }

    /// - Throws: ``RetrievalError`` with code `.damagedFile` where the file doesn't hold so many floats.
    init(_ file: BlockFile, count: Int, dimension: Int) throws {
        guard file.count == count * dimension * MemoryLayout<Float>.size, let first = unsafe file.bytes.baseAddress
        else {
            throw RetrievalError(
                code: .damagedFile,
                message: "a file of vectors has \(file.count) bytes, not those of \(count) × \(dimension) numbers"
            )
        }
        unsafe base = first.assumingMemoryBound(to: Float.self)
        self.file = file
        matrix = nil
    }

    /// Checks what the rows in some slots are read from.
    func verify(_ slots: some Sequence<Int32>, dimension: Int) throws {
        guard let file else { return }
        let size = dimension * MemoryLayout<Float>.size
        for slot in slots { try file.verify(Int(slot) * size..<(Int(slot) + 1) * size) }
    }

    func verifyAll() throws { try file?.verifyAll() }

    func row(_ slot: Int, dimension: Int) throws -> [Float] {
        try verify(CollectionOfOne(Int32(slot)), dimension: dimension)
        return unsafe Array(UnsafeBufferPointer(start: base + slot * dimension, count: dimension))
    }
}

/// Bytes kept with each vector, in memory or in a file: first where each one's end, then the bytes.
enum Payloads: Sendable {
    case memory([[UInt8]])
    case file(BlockFile, count: Int)

    /// - Throws: ``RetrievalError`` with code `.damagedFile` where the file is too short for so many.
    static func opened(_ file: BlockFile, count: Int) throws -> Payloads {
        guard file.count >= count * 8 else {
            throw RetrievalError(code: .damagedFile, message: "a file of payloads is too short for \(count) of them")
        }
        return .file(file, count: count)
    }

    subscript(slot: Int) -> [UInt8] {
        get throws {
            switch self {
            case .memory(let payloads): return payloads[slot]
            case .file(let file, let count):
                func end(_ slot: Int) throws -> Int {
                    if slot < 0 { return 0 }
                    return try unsafe file.withBytes(slot * 8..<slot * 8 + 8) { bytes in
                        Int(clamping: UInt64(littleEndian: unsafe bytes.loadUnaligned(as: UInt64.self)))
                    }
                }
                let (start, end) = try (end(slot - 1), end(slot))
                guard start <= end, end <= file.count - count * 8 else {
                    throw RetrievalError(code: .damagedFile, message: "payload \(slot) of a file lies outside of it")
                }
                return try unsafe file.withBytes(count * 8 + start..<count * 8 + end) { unsafe Array($0) }
            }
        }
    }

    func verifyAll() throws { if case .file(let file, _) = self { try file.verifyAll() } }
}

extension LiveSlots {
    /// Without those whose id is in a later slot, too.
    fileprivate func without(replacedIn segment: Segment) -> LiveSlots {
        var live = self
        let last = segment.slots(of: unsafe Array(segment.ids))
        for slot in 0..<slots where last[slot] != slot { _ = live.remove(slot) }
        return live
    }
}

extension Part {
    /// Opens the files of a sealed part.
    ///
    /// - Throws: ``RetrievalError`` with code `.damagedFile` where they aren't what was written; ``FileError``.
    init(
        _ entry: IndexManifest.SegmentEntry,
        live: LiveSlots,
        in folder: String,
        manifest: IndexManifest,
        files: any FileLayer
    ) throws {
        func open(_ role: SegmentFiles.Role, _ identity: BlockFileIdentity) throws -> BlockFile {
            try BlockFile.open(folder + "/" + SegmentFiles.name(entry.number, role), expecting: identity, files: files)
        }
        let (index, ids) = try (open(.index, entry.files.index), open(.ids, entry.files.ids))
        try index.verifyAll()
        try ids.verifyAll()
        let name = folder + "/" + SegmentFiles.name(entry.number, .index)
        let full = try entry.files.vectors.map {
            try FullVectors(open(.vectors, $0), count: entry.count, dimension: manifest.dimension)
        }
        let segment = try withExtendedLifetime((index, ids)) {
            try unsafe Segment(
                reading: index.bytes,
                ids: ids.bytes.assumingMemoryBound(to: Int64.self),
                named: name,
                full: full
            )
        }
        guard segment.count == entry.count, segment.dimension == manifest.dimension else {
            throw RetrievalError(
                code: .damagedFile,
                message: "\(name) has \(segment.count) vectors of dimension \(segment.dimension), "
                    + "not \(entry.count) of \(manifest.dimension)"
            )
        }
        let payloads = try entry.files.payloads.map { try Payloads.opened(open(.payloads, $0), count: entry.count) }
        self.init(
            number: entry.number,
            rows: .sealed(segment, payloads: payloads),
            live: segment.hasRepeats ? live.without(replacedIn: segment) : live,
            files: entry.files,
            isGrown: entry.isGrown ?? false
        )
    }
}
