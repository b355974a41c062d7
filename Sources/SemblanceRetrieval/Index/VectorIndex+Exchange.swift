internal import CSemblanceFAISS
public import Foundation
internal import SemblanceNumerics
internal import SemblanceText
internal import Synchronization

// Files that others write and read. Vectors come and go as they are compared: of unit length under the cosine.

/// A vector as a line of JSON: `{"id": 7, "vector": [0.1, …]}`.
private struct VectorLine: Codable {
    var id: Int64
    var vector: [Float]
}

extension VectorIndex {
    /// Writes all vectors as one file of FAISS, of this index' kind, with the ids in it (`IndexIDMap`).
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidArgument` where there are no vectors; ``FileError``.
    /// - Complexity: that of building an index of all vectors, in time and memory.
    public func exportFAISS(to file: URL) async throws {
        let segment = try await copy(as: kind)
        try await workers.run { _ in
            try AtomicFile.write(to: file) { output in
                try unsafe segment.write(withIDs: true) { bytes in
                    if let first = bytes.baseAddress { try unsafe output.write(first, count: bytes.count) }
                }
            }
        }
    }

    /// Writes all vectors as an array of NumPy, `[count, dimension]`, and their ids, `[count]`, in order.
    ///
    /// - Throws: as ``exportFAISS(to:)``.
    public func exportNPY(vectors: URL, ids: URL) async throws {
        let all = try await contents()
        try await workers.run { _ in
            try NPY.write(all.vectors, to: vectors)
            try NPY.write(all.ids, to: ids)
        }
    }

    /// Writes all vectors as lines of JSON, `{"id": 7, "vector": [0.1, …]}`, in the order of their ids.
    ///
    /// - Throws: as ``exportFAISS(to:)``, and ``DataFileError``.
    public func exportJSONLines(to file: URL) async throws {
        let all = try await contents()
        try await workers.run { _ in
            try JSONLines.write(
                all.ids.lazy.enumerated().map { VectorLine(id: $1, vector: all.vectors[row: $0]) },
                to: file
            )
        }
    }

    /// Puts in the vectors of an array of NumPy, under the ids of another, or under the numbers of their rows.
    ///
    /// - Returns: how many vectors were read.
    /// - Throws: ``FileError`` for a file that is none; ``RetrievalError`` as ``upsert(_:ids:)``.
    @discardableResult
    public func upsertNPY(vectors: URL, ids: URL? = nil) async throws -> Int {
        let (rows, numbers) = try await workers.run { _ in
            let rows = try NPY.readMatrix(from: vectors)
            return (rows, try ids.map { try NPY.readNumbers(from: $0) } ?? (0..<Int64(rows.rows)).map { $0 })
        }
        try await upsert(rows, ids: numbers)
        return rows.rows
    }

    /// Puts in the vectors of lines of JSON, several thousand at a time.
    ///
    /// - Returns: how many vectors were read.
    /// - Throws: ``DataFileError`` that names the line; ``RetrievalError`` as ``upsert(_:ids:)``. What came before is there
    ///   then.
    @discardableResult
    public func upsertJSONLines(_ file: URL) async throws -> Int {
        let lines = try await workers.run { _ in
            var lines: [VectorLine] = []
            try JSONLines.forEach(VectorLine.self, in: file) { line, number in
                guard line.vector.count == self.dimension else {
                    throw RetrievalError(
                        code: .dimensionMismatch,
                        message: "\(file.path), line \(number): the vector has \(line.vector.count) components, "
                            + "the index has dimension \(self.dimension)"
                    )
                }
                lines.append(line)
            }
            return lines
        }
        for first in stride(from: 0, to: lines.count, by: 8192) {
            let part = lines[first..<min(first + 8192, lines.count)]
            var rows = Matrix(rows: part.count, columns: dimension)
            for (row, line) in part.enumerated() { rows[row: row] = line.vector }
            try await upsert(rows, ids: part.map(\.id))
        }
        return lines.count
    }

    /// The same vectors in memory in an index of another kind.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidKind`.
    /// - Complexity: that of building an index of all vectors.
    public func converted(to kind: IndexKind) async throws -> VectorIndex {
        let other = try VectorIndex(
            dimension: dimension,
            metric: metric,
            kind: kind,
            maintenance: maintenance,
            options: ComputeOptions(threads: workers.threads)
        )
        let parts = current.parts
        let part = try await workers.run { [workers] _ in
            try other.builder(folder: nil, workers: workers).build(parts, number: other.newNumber())
        }
        if let part { other.state.withLock { $0.insert(part) } }
        return other
    }

    /// All vectors as one segment, which is no part of the index.
    private func copy(as kind: IndexKind) async throws -> Segment {
        let parts = current.parts
        let part = try await workers.run { [self] _ in
            var builder = builder(folder: nil, workers: workers)
            builder.kind = kind
            return try builder.build(parts, number: 0)
        }
        guard let part, case .sealed(let segment, _) = part.rows else {
            throw RetrievalError(code: .invalidArgument, message: "the index has no vectors that could be written")
        }
        return segment
    }

    private func contents() async throws -> (vectors: Matrix, ids: [Int64]) {
        let segment = try await copy(as: .exact)
        var vectors = Matrix(uninitializedRows: segment.count, columns: dimension)
        guard let base = unsafe segment.rows.base else { return (vectors, []) }
        unsafe vectors.withMutablePointer { unsafe $0.update(from: base, count: segment.count * dimension) }
        return withExtendedLifetime(segment) { (vectors, unsafe Array(segment.ids)) }
    }
}
