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
    /// Published together with the vectors.
    let searchable: Mutex<Searchable>
    let table: Mutex<Table>

    private init(
        layout: SearchLayout,
        embedder: Embedder,
        fingerprint: String,
        configuration: SearchConfiguration,
        vectors: VectorIndex
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
    }

    private enum Attribute {
        static let model = "model"
        static let configuration = "configuration"
    }

    static func create(
        _ layout: SearchLayout,
        in folder: URL,
        with embedder: Embedder,
        configuration: SearchConfiguration,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> Generation {
        try configuration.validate()
        let model = folder.appending(path: layout.model)
        try embedder.write(to: model)
        let fingerprint = try SearchLayout.fingerprint(of: model)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let vectors = try VectorIndex.create(
            at: folder.appending(path: layout.vectors),
            dimension: embedder.dimension,
            metric: configuration.metric,
            kind: configuration.kind,
            attributes: [
                Attribute.model: fingerprint,
                Attribute.configuration: String(decoding: encoder.encode(configuration), as: UTF8.self),
            ],
            durability: durability,
            maintenance: maintenance,
            options: compute
        )
        return try Generation(
            layout: layout,
            embedder: embedder,
            fingerprint: fingerprint,
            configuration: configuration,
            vectors: vectors
        )
    }

    static func open(
        _ layout: SearchLayout,
        in folder: URL,
        fingerprint: String,
        readOnly: Bool,
        durability: Durability,
        maintenance: MaintenanceConfiguration,
        compute: ComputeOptions
    ) throws -> Generation {
        let model = folder.appending(path: layout.model)
        func mismatch(_ path: URL, _ what: String) -> SearchIndexError {
            SearchIndexError(code: .mismatch, message: "\(path.path) \(what); put it back, or build the index anew")
        }
        guard FileManager.default.fileExists(atPath: model.path) else { throw mismatch(model, "is missing") }
        guard try SearchLayout.fingerprint(of: model) == fingerprint else {
            throw mismatch(model, "is damaged or another model than the one that made the vectors")
        }
        let place = folder.appending(path: layout.vectors)
        guard FileManager.default.fileExists(atPath: place.path) else { throw mismatch(place, "is missing") }
        let (vectors, attributes) = try VectorIndex.openWithAttributes(
            at: place,
            readOnly: readOnly,
            durability: durability,
            maintenance: maintenance,
            options: compute
        )
        let embedder = try Embedder(contentsOf: model)
        guard attributes[Attribute.model] == fingerprint, vectors.dimension == embedder.dimension,
            let configuration = attributes[Attribute.configuration].flatMap({
                try? JSONDecoder().decode(SearchConfiguration.self, from: Data($0.utf8))
            })
        else { throw mismatch(place, "belongs to another index or model") }
        let generation = try Generation(
            layout: layout,
            embedder: embedder,
            fingerprint: fingerprint,
            configuration: configuration,
            vectors: vectors
        )
        try generation.read(workers: Workers.shared(threads: compute.threads))
        return generation
    }

    /// Reads words, fields and ids of all documents.
    private func read(workers: Workers) throws {
        let (snapshot, _) = vectors.snapshot {}
        var (searchable, table) = (searchable.withLock { $0 }, Table())
        var texts: [(number: UInt32, text: String)] = []
        func index() throws {
            try searchable.lexical.insert(texts, workers: workers)
            texts.removeAll(keepingCapacity: true)
        }
        try snapshot.forEachPayload(where: { PassageID(row: $0).passage == 0 }) { row, bytes in
            let number = PassageID(row: row).document
            let head = try DocumentRecord.head(of: bytes)
            let record = try DocumentRecord(reading: bytes)
            table.next = max(table.next, number + 1)
            // Two versions of a document are there only after a repair: the newer one counts.
            if let other = table.entries[head.id] {
                if other.number > number { return }
                try index()
                if let bytes = try snapshot.payload(of: other.rows[0]) {
                    let old = try DocumentRecord(reading: bytes).document
                    try searchable.lexical.remove([(other.number, old.content)])
                    searchable.metadata.remove(number: other.number, old.metadata)
                }
            }
            texts.append((number, record.document.content))
            searchable.metadata.insert(number: number, head.metadata)
            table.entries[head.id] = Entry(
                number: number,
                passages: head.passages,
                hash: head.hash,
                metadata: head.metadata.hashValue
            )
            if texts.count == 16_384 { try index() }
        }
        try index()
        let (result, read) = (searchable, table)
        self.searchable.withLock { $0 = result }
        self.table.withLock { $0 = read }
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
