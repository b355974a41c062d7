internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceRetrieval

/// Where an index lives.
struct SearchPlace: Sendable {
    let path: String
    let files: any FileLayer
    let models: any ModelStore

    init(path: String, files: any FileLayer, models: any ModelStore) {
        (self.path, self.files, self.models) = (path, files, models)
    }

    /// A folder of the system's.
    init(_ folder: URL) {
        self.init(path: folder.path, files: SystemFiles(), models: ModelFolders(folder: folder))
    }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Removes a file, or a folder with all that is in it, as far as that can be done.
    func remove(_ name: String) {
        for inner in (try? files.names(in: self(name))) ?? [] { remove(name + "/" + inner) }
        try? files.remove(self(name))
    }
}

/// Models under names, with fingerprints that tell them apart.
protocol ModelStore: Sendable {
    /// Writes a model, durably; returns its fingerprint.
    func write(_ embedder: Embedder, as name: String) throws -> String
    /// The fingerprint of the model of that name; `nil` where there is none.
    func fingerprint(of name: String) throws -> String?
    func read(_ name: String) throws -> Embedder
}

/// Models in folders that sentence-transformers opens.
struct ModelFolders: ModelStore {
    let folder: URL

    func write(_ embedder: Embedder, as name: String) throws -> String {
        let place = folder.appending(path: name)
        try embedder.write(to: place)
        return try SHA256.digest(ofFolder: place)
    }

    func fingerprint(of name: String) throws -> String? {
        let place = folder.appending(path: name)
        return FileManager.default.fileExists(atPath: place.path) ? try SHA256.digest(ofFolder: place) : nil
    }

    func read(_ name: String) throws -> Embedder { try Embedder(contentsOf: folder.appending(path: name)) }
}
