internal import Foundation
internal import SemblanceNumerics

/// The folders of one generation of a ``SearchIndex``, as `manifest.json` names them.
struct SearchLayout: Hashable, Sendable {
    let generation: Int

    var model: String { "model-\(generation)" }
    var vectors: String { "vectors-\(generation)" }

    static let manifest = "manifest.json"

    private struct Manifest: Codable {
        static let currentFormat = 2

        var format = Self.currentFormat
        var generation: Int
        /// The fingerprint of the model.
        var model: String
    }

    /// Makes this the generation that is opened, in one step.
    func write(to folder: URL, fingerprint: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try AtomicFile.write(
            encoder.encode(Manifest(generation: generation, model: fingerprint)),
            to: folder.appending(path: Self.manifest)
        )
    }

    static func read(from folder: URL) throws -> (layout: SearchLayout, fingerprint: String) {
        let file = folder.appending(path: manifest)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(folder.path) holds no search index (\(manifest) is missing): build one there"
            )
        }
        struct Versioned: Decodable { var format: Int }
        let data: Data
        do { data = try Data(contentsOf: file) } catch {
            throw FileError(.unreadable, message: "\(file.path) can't be read: \(error.localizedDescription)")
        }
        if let found = try? JSONDecoder().decode(Versioned.self, from: data), found.format != Manifest.currentFormat {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(file.path): format \(found.format) is not known, only \(Manifest.currentFormat): "
                    + "build the index anew"
            )
        }
        do {
            let manifest = try JSONDecoder().decode(Manifest.self, from: data)
            return (SearchLayout(generation: manifest.generation), manifest.model)
        } catch {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(file.path) is no manifest of a search index: \(error)"
            )
        }
    }

    /// Removes what an interrupted move left.
    func removeOthers(in folder: URL) {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? [] where name != model && name != vectors {
            if name.hasPrefix("model-") || name.hasPrefix("vectors-") {
                try? files.removeItem(at: folder.appending(path: name))
            }
        }
    }

    /// A digest of all files of a model, with their names.
    static func fingerprint(of folder: URL) throws -> String {
        var digest = SHA256()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() {
            let file = folder.appending(path: name)
            let isFolder = try file.resourceValues(forKeys: [.isDirectoryKey]).isDirectory ?? false
            if !isFolder { digest.update("\(name)\n\(try SHA256.digest(of: file))\n") }
        }
        return digest.finalize()
    }
}
