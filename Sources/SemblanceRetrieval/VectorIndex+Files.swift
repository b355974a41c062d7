internal import CSemblanceFAISS
public import Foundation
public import SemblanceNumerics

// An index is a folder: `vectors.faiss` (FAISS' own format; FAISS reads it alone, ids being the order of adding),
// `ids.int64` (little-endian, in that order) and `index.json`, which has the size and hash of both.

/// What `index.json` says.
private struct Manifest: Codable, Equatable {
    struct File: Codable, Equatable {
        var name: String
        var bytes: UInt64
        /// XXH64 in hexadecimal.
        var hash: String
    }
    var format = 1
    var metric: Metric
    var kind: IndexKind
    var dimension: Int
    var count: Int
    var vectors: File
    var ids: File

    static let name = "index.json"

    /// The bytes that are hashed and written.
    func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

/// The manifest with a hash of its own.
private struct Sealed: Codable {
    var index: Manifest
    var hash: String
}

private func hexadecimal(_ hash: UInt64) -> String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

private func hash(of data: Data) -> String { hexadecimal(XXH64.hash(of: data)) }

extension VectorIndex {
    /// Writes the index as a folder, so that at any moment there is the old one, or nothing, or the new one.
    ///
    /// Searches go on meanwhile; changes wait. Everything is on the disk when this returns. Blocks the calling thread.
    ///
    /// - Parameter folder: what isn't there yet, or the folder of an index, which is replaced.
    /// - Throws: ``RetrievalError`` with code `.fileSystem`; what was there is still there then.
    public func write(to folder: URL) throws {
        let isIndex = FileManager.default.fileExists(atPath: folder.appendingPathComponent(Manifest.name).path)
        do {
            try AtomicFolder.write(to: folder, overwriting: isIndex) { try writeFiles(in: $0) }
        } catch let error as RetrievalError {
            throw error
        } catch {
            throw RetrievalError(code: .fileSystem, message: "the index could not be written: \(error)")
        }
    }

    private func writeFiles(in folder: URL) throws {
        let (vectors, ids) = ("vectors.faiss", "ids.int64")
        let written = try current.write(
            vectors: folder.appendingPathComponent(vectors),
            ids: folder.appendingPathComponent(ids)
        )
        let manifest = Manifest(
            metric: metric,
            kind: kind,
            dimension: dimension,
            count: Int(written.count),
            vectors: .init(name: vectors, bytes: written.vectors_bytes, hash: hexadecimal(written.vectors_hash)),
            ids: .init(name: ids, bytes: written.ids_bytes, hash: hexadecimal(written.ids_hash))
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let sealed = try encoder.encode(Sealed(index: manifest, hash: hash(of: manifest.data())))
        try AtomicFile.write(sealed, to: folder.appendingPathComponent(Manifest.name))
    }

    /// Opens the folder that ``write(to:)`` wrote, or a plain file of FAISS.
    ///
    /// The folder's files are checked against their hashes before FAISS reads them. A plain file has no hash: open only
    /// one you trust. Its ids are its own where it has some (`IDMap`, lists with ids), else the order of adding; its
    /// metric is inner product or L2, so scale queries of cosine indexes yourself.
    ///
    /// - Throws: ``RetrievalError``: `.fileSystem` where something can't be read, `.damagedFile` where it is not what
    ///   was written.
    public static func open(at url: URL, options: ComputeOptions = ComputeOptions()) throws -> VectorIndex {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw RetrievalError(code: .fileSystem, message: "there is no index at \(url.path)")
        }
        return isFolder.boolValue ? try open(folder: url, options) : try open(file: url, options)
    }

    private static func open(folder: URL, _ options: ComputeOptions) throws -> VectorIndex {
        let url = folder.appendingPathComponent(Manifest.name)
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw RetrievalError(
                code: .fileSystem,
                message: "\(url.path) can't be read: \(error.localizedDescription)"
            )
        }
        func damaged(_ what: String) -> RetrievalError {
            RetrievalError(code: .damagedFile, message: "\(url.path) \(what)")
        }
        let manifest: Manifest
        do {
            let sealed = try JSONDecoder().decode(Sealed.self, from: data)
            guard sealed.index.format == 1 else {
                throw damaged("has format \(sealed.index.format); this version reads format 1")
            }
            guard try hash(of: sealed.index.data()) == sealed.hash else {
                throw damaged("doesn't have the contents that were written")
            }
            manifest = sealed.index
        } catch let error as RetrievalError where error.code == .damagedFile {
            throw error
        } catch {
            throw damaged("is no manifest of an index: \(error)")
        }
        guard let vectors = UInt64(manifest.vectors.hash, radix: 16), let ids = UInt64(manifest.ids.hash, radix: 16)
        else { throw damaged("has a hash that is no number") }
        let segment = try Segment(
            vectors: folder.appendingPathComponent(manifest.vectors.name),
            ids: folder.appendingPathComponent(manifest.ids.name),
            expecting: semblance_index_files(
                count: Int64(manifest.count),
                dimension: Int64(manifest.dimension),
                vectors_bytes: manifest.vectors.bytes,
                vectors_hash: vectors,
                ids_bytes: manifest.ids.bytes,
                ids_hash: ids
            )
        )
        return VectorIndex(
            dimension: manifest.dimension,
            metric: manifest.metric,
            kind: manifest.kind,
            segment: segment,
            options: options
        )
    }

    private static func open(file: URL, _ options: ComputeOptions) throws -> VectorIndex {
        let segment = try Segment(importing: file)
        let about = segment.about
        let kind: IndexKind
        switch about.kind {
        case SEMBLANCE_INDEX_EXACT: kind = .exact
        case SEMBLANCE_INDEX_HNSW: kind = .hnsw
        case SEMBLANCE_INDEX_IVF: kind = .ivf
        default: kind = .factory("a file of FAISS")
        }
        return VectorIndex(
            dimension: Int(about.dimension),
            metric: about.metric == SEMBLANCE_METRIC_L2 ? .l2 : .innerProduct,
            kind: kind,
            segment: segment,
            options: options
        )
    }
}
