internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceRetrieval
internal import Synchronization

/// The documents of a ``SearchIndex`` under one model.
final class Generation: Sendable {
    /// What is kept of a document in memory beside its words and fields.
    struct Entry: Hashable {
        var number: UInt32
        var passages: Int
        /// Of title and text.
        var hash: UInt64
        /// Of the fields, in this process.
        var metadata: Int

        init(number: UInt32, passages: Int, hash: UInt64, metadata: Int) {
            (self.number, self.passages, self.hash, self.metadata) = (number, passages, hash, metadata)
        }

        init(number: UInt32, _ head: DocumentRecord.Head) {
            self.init(number: number, passages: head.passages, hash: head.hash, metadata: head.metadata.hashValue)
        }

        /// The ids of its vectors.
        var rows: [Int64] { (0..<passages).map { PassageID(document: number, passage: $0).row } }
    }

    /// What is searched beside the vectors: values, whose copies stay as they are.
    struct Searchable {
        var lexical: LexicalIndex
        var metadata = MetadataIndex()
    }

    struct Table {
        var entries: [String: Entry] = [:]
        /// Above every number that was given to a document.
        var next: UInt32 = 0
    }

    let layout: SearchLayout
    let embedder: Embedder
    let fingerprint: String
    let configuration: SearchConfiguration
    let vectors: VectorIndex
    let splitter: PassageSplitter?
    let words: WordFiles
    /// Published together with the vectors.
    let searchable: Mutex<Searchable>
    let table: Mutex<Table>

    private init(
        layout: SearchLayout,
        embedder: Embedder,
        fingerprint: String,
        configuration: SearchConfiguration,
        vectors: VectorIndex,
        place: SearchPlace
    ) throws {
        self.layout = layout
        self.embedder = embedder
        self.fingerprint = fingerprint
        self.configuration = configuration
        self.vectors = vectors
        let tokenizer = embedder.tower(for: .document).tokenizer
        splitter = try configuration.passages.map { try PassageSplitter($0, tokenizer: tokenizer) }
        searchable = Mutex(Searchable(lexical: try LexicalIndex(configuration: configuration.lexical)))
        table = Mutex(Table())
        words = WordFiles(
            folder: place(layout.words),
            files: place.files,
            leastCount: max(1, vectors.maintenance.sealingCount / 4)
        )
    }

    private enum Attribute {
        static let model = "model"
        static let configuration = "configuration"

        static func all(model: String, configuration: SearchConfiguration) throws -> [String: String] {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            return [
                Self.model: model,
                Self.configuration: String(decoding: try encoder.encode(configuration), as: UTF8.self),
            ]
        }
    }

    static func create(
        _ layout: SearchLayout,
        in place: SearchPlace,
        with embedder: Embedder,
        configuration: SearchConfiguration,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> Generation {
        try configuration.validate()
        let fingerprint = try place.models.write(embedder, as: layout.model)
        let vectors = try VectorIndex.create(
            at: place(layout.vectors),
            dimension: embedder.dimension,
            metric: configuration.metric,
            kind: configuration.kind,
            attributes: Attribute.all(model: fingerprint, configuration: configuration),
            durability: durability,
            maintenance: maintenance,
            options: compute,
            files: place.files
        )
        return try Generation(
            layout: layout,
            embedder: embedder,
            fingerprint: fingerprint,
            configuration: configuration,
            vectors: vectors,
            place: place
        )
    }

    static func open(
        _ layout: SearchLayout,
        in place: SearchPlace,
        fingerprint: String,
        readOnly: Bool,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> Generation {
        func mismatch(_ name: String, _ what: String) -> SearchIndexError {
            SearchIndexError(code: .mismatch, message: "\(place(name)) \(what); put it back, or build the index anew")
        }
        guard let found = try place.models.fingerprint(of: layout.model) else {
            throw mismatch(layout.model, "is missing")
        }
        guard found == fingerprint else {
            throw mismatch(layout.model, "is damaged or another model than the one that made the vectors")
        }
        guard place.files.exists(place(layout.vectors)) else { throw mismatch(layout.vectors, "is missing") }
        let (vectors, attributes) = try VectorIndex.openWithAttributes(
            at: place(layout.vectors),
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            options: compute,
            files: place.files
        )
        let embedder = try place.models.read(layout.model)
        guard attributes[Attribute.model] == fingerprint, vectors.dimension == embedder.dimension,
            let configuration = attributes[Attribute.configuration].flatMap({
                try? JSONDecoder().decode(SearchConfiguration.self, from: Data($0.utf8))
            })
        else { throw mismatch(layout.vectors, "belongs to another index or model") }
        let generation = try Generation(
            layout: layout,
            embedder: embedder,
            fingerprint: fingerprint,
            configuration: configuration,
            vectors: vectors,
            place: place
        )
        try generation.read(workers: Workers.shared(threads: compute.threads))
        if !readOnly { generation.keepUp() }
        return generation
    }

    /// Makes what is there now the first generation of another place. Words are read from the documents there.
    func write(to place: SearchPlace) throws {
        let layout = SearchLayout(generation: 1)
        let fingerprint = try place.models.write(embedder, as: layout.model)
        try vectors.writeNow(
            to: URL(filePath: place(layout.vectors)),
            attributes: Attribute.all(model: fingerprint, configuration: configuration)
        )
        try layout.write(to: place, fingerprint: fingerprint)
    }

    /// Ends the changes; what isn't saved of the words is.
    func close() async throws {
        await words.settle()
        if vectors.isWritable {
            let (index, stamps) = wordsNow()
            // What can't be saved is read from the documents when the index is opened.
            try? await Workers.maintenance.run { [words] _ in try words.saveAll(index, stamps: stamps) }
        }
        try await vectors.close()
    }

    /// Sees to the words' files in the background.
    func keepUp() { words.keepUp(wordsNow, with: searchable.withLock { $0.lexical }) }

    private func wordsNow() -> (LexicalIndex, [UInt32: UInt64]) {
        let (index, entries) = (searchable.withLock { $0.lexical }, table.withLock { $0.entries })
        return (index, Dictionary(entries.values.lazy.map { ($0.number, $0.hash) }) { $1 })
    }

    /// Vectors of no document, which only a repair leaves.
    func strays() throws -> [Int64] {
        let (snapshot, _) = vectors.snapshot {}
        let passages = table.withLock { table in
            Dictionary(uniqueKeysWithValues: table.entries.values.map { ($0.number, $0.passages) })
        }
        var strays: [Int64] = []
        try snapshot.forEachPayload { row in
            let id = PassageID(row: row)
            if Int(id.passage) >= passages[id.document] ?? 0 { strays.append(row) }
            return false
        } _: { _, _ in
        }
        return strays
    }

    func entry(_ id: String) -> Entry? { table.withLock { $0.entries[id] } }

    func document(_ id: String) throws -> SearchDocument? {
        // A change between the two looks leaves no document under the old number: look again.
        while let entry = entry(id) {
            let (snapshot, _) = vectors.snapshot {}
            let row = PassageID(document: entry.number, passage: 0).row
            if let bytes = try snapshot.payload(of: row) { return try DocumentRecord(reading: bytes).document }
            if self.entry(id) == entry { return nil }
        }
        return nil
    }
}
