import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Synchronization

@testable import Semblance

/// Models that are kept in memory, whatever becomes of the disk.
final class MemoryModels: ModelStore {
    private let models = Mutex<[String: Embedder]>([:])

    func write(_ embedder: Embedder, as name: String) throws -> String {
        models.withLock { $0[name] = embedder }
        return "model of dimension \(embedder.dimension)"
    }

    func fingerprint(of name: String) throws -> String? {
        models.withLock { $0[name] }.map { "model of dimension \($0.dimension)" }
    }

    func read(_ name: String) throws -> Embedder { try models.withLock { $0[name] }.unwrapped() }

    /// A model that was trained on a few words, the same for all.
    static let small = Task {
        var configuration = TrainingConfiguration(epochs: 1, batchSize: 4, seed: 1)
        configuration.compute.threads = 1
        return try await Embedder.fit(
            SimulatedSearch.words.map { TrainingPair(anchor: $0, positive: $0 + " " + $0) },
            configuration: configuration
        )
    }
}

extension Optional {
    fileprivate struct Missing: Error {}

    fileprivate func unwrapped() throws -> Wrapped {
        guard let self else { throw Missing() }
        return self
    }
}

/// Indexes on a simulated disk, and what must be found in them.
enum SimulatedSearch {
    static let words = ["rocks", "stars", "pipes", "bread", "ships", "songs", "trees", "coins"]
    static let path = "/data/index"

    typealias Contents = [String: SearchDocument]

    static func disk(seed: UInt64 = 0) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try disk.createFolder("/data")
        try disk.createFolder(path)
        try disk.synchronise(folder: "/data")
        try disk.synchronise(folder: "/")
        return disk
    }

    static func create(
        on disk: SimulatedDisk,
        _ models: MemoryModels,
        configuration: SearchConfiguration = SearchConfiguration(kind: .exact),
        maintenance: MaintenanceConfiguration
    ) async throws -> SearchIndex {
        try SearchIndex.fill(
            SearchPlace(path: path, files: disk, models: models),
            with: try await MemoryModels.small.value,
            configuration: configuration,
            durability: .everyWrite,
            maintenance: maintenance,
            compute: ComputeOptions(threads: 1)
        )
    }

    static func open(
        _ disk: SimulatedDisk,
        _ models: MemoryModels,
        readOnly: Bool = false,
        maintenance: MaintenanceConfiguration = MaintenanceConfiguration()
    ) throws -> SearchIndex {
        try SearchIndex.open(
            in: SearchPlace(path: path, files: disk, models: models),
            readOnly: readOnly,
            maintenance: maintenance,
            compute: ComputeOptions(threads: 1)
        )
    }

    /// A document of some of the words.
    static func document(_ number: Int, version: Int, _ random: inout RandomStream) -> SearchDocument {
        let text = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
            words[Int.random(in: 0..<words.count, using: &random)]
        }
        return SearchDocument(
            id: "d\(number)",
            title: "v\(version)",
            text: text.joined(separator: " "),
            metadata: ["version": .number(Double(version % 7))]
        )
    }

    /// What is wrong with what is found by ids, words and fields, if these are the documents; `nil` if nothing is.
    static func difference(_ index: SearchIndex, _ contents: Contents) async throws -> String? {
        guard index.count == contents.count else { return "\(index.count) documents, not \(contents.count)" }
        for (id, document) in contents {
            let found = try index.document(id)
            if found != document { return "\(id) is \(String(describing: found)), not \(document)" }
        }
        let lexical = SearchOptions(mode: .lexical)
        for word in words {
            let found = try await index.search(word, count: 1000, options: lexical).map(\.document.id)
            let expected = contents.values.filter { $0.text.contains(word) }.map(\.id)
            if Set(found) != Set(expected) || found.count != expected.count {
                return "\(word): \(found), not \(expected)"
            }
        }
        for version in 0..<7 {
            let value = MetadataValue.number(Double(version))
            let found = try await index.search("rocks", count: 1000, where: .equals("version", value)).map(
                \.document.id
            )
            let expected = contents.values.filter { $0.metadata.fields["version"] == value }.map(\.id)
            if found.sorted() != expected.sorted() { return "version \(version): \(found), not \(expected)" }
        }
        return nil
    }
}
