internal import Foundation
internal import SemblanceNumerics

/// The folders of one generation of a ``SearchIndex``, as `manifest.json` names them.
struct SearchLayout: Hashable, Sendable {
    let generation: Int

    var model: String { "model-\(generation)" }
    var vectors: String { "vectors-\(generation)" }
    /// What may be missing: the words of the documents.
    var words: String { "words-\(generation)" }

    private var names: [String] { [model, vectors, words] }

    static let manifest = "manifest.json"

    private struct Manifest: Codable {
        static let currentFormat = 2

        var format = Self.currentFormat
        var generation: Int
        /// The fingerprint of the model.
        var model: String
    }

    /// Makes this the generation that is opened, in one step.
    func write(to place: SearchPlace, fingerprint: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try place.files.write(
            encoder.encode(Manifest(generation: generation, model: fingerprint)),
            to: place(Self.manifest)
        )
    }

    static func read(from place: SearchPlace) throws -> (layout: SearchLayout, fingerprint: String) {
        let file = place(manifest)
        guard place.files.exists(file) else {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(place.path) holds no search index (\(manifest) is missing): build one there"
            )
        }
        struct Versioned: Decodable { var format: Int }
        let data = try unsafe place.files.read(file).withBytes { unsafe Data($0) }
        if let found = try? JSONDecoder().decode(Versioned.self, from: data), found.format != Manifest.currentFormat {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(file): format \(found.format) is not known, only \(Manifest.currentFormat): "
                    + "build the index anew"
            )
        }
        do {
            let manifest = try JSONDecoder().decode(Manifest.self, from: data)
            return (SearchLayout(generation: manifest.generation), manifest.model)
        } catch {
            throw SearchIndexError(
                code: .notAnIndex,
                message: "\(file) is no manifest of a search index: \(error)"
            )
        }
    }

    /// The next generation, of whose folders none is there.
    func next(in place: SearchPlace) throws -> SearchLayout {
        let names = Set(try place.files.names(in: place.path))
        var next = SearchLayout(generation: generation + 1)
        while !names.isDisjoint(with: next.names) { next = SearchLayout(generation: next.generation + 1) }
        return next
    }

    /// Removes what an interrupted move left.
    func removeOthers(in place: SearchPlace) {
        for name in (try? place.files.names(in: place.path)) ?? [] where !names.contains(name) {
            if ["model-", "vectors-", "words-"].contains(where: name.hasPrefix) { place.remove(name) }
        }
    }

    /// Removes all that is of this generation.
    func remove(from place: SearchPlace) {
        for name in names { place.remove(name) }
    }
}
