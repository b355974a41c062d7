internal import SemblanceNumerics
internal import SemblanceRetrieval
internal import Synchronization

extension Generation {
    /// Texts whose words are read at once.
    private static let textsPerRun = 16_384

    /// Reads ids and fields of all documents, and the words of those that no file has.
    func read(workers: Workers) throws {
        let (snapshot, _) = vectors.snapshot {}
        var table = Table()
        var metadata = MetadataIndex()
        try snapshot.forEachPayload(where: { PassageID(row: $0).passage == 0 }) { row, bytes in
            let number = PassageID(row: row).document
            let head = try DocumentRecord.head(of: bytes)
            table.next = max(table.next, number + 1)
            // Two versions of a document are there only after a repair: the newer one counts.
            if let other = table.entries[head.id] {
                if other.number > number { return }
                if let bytes = try snapshot.payload(of: other.rows[0]) {
                    metadata.remove(number: other.number, try DocumentRecord.head(of: bytes).metadata)
                }
            }
            metadata.insert(number: number, head.metadata)
            table.entries[head.id] = Entry(number: number, head)
        }
        let entries = table.entries.values.sorted { $0.number < $1.number }
        var (lexical, missing) = kept(entries)
        try insert(missing, into: &lexical, from: snapshot, workers: workers)
        let result = (Searchable(lexical: lexical, metadata: metadata), table)
        searchable.withLock { $0 = result.0 }
        self.table.withLock { $0 = result.1 }
    }

    /// The words of documents that are in files, and the documents that are in none; both by number.
    private func kept(_ entries: [Entry]) -> (LexicalIndex, [Entry]) {
        let files = words.load()
        var bits = files.map { [UInt64](repeating: 0, count: ($0.segment.count + 63) / 64) }
        let missing = entries.filter { entry in
            for (place, file) in files.enumerated() {
                guard let slot = file.segment.slot(of: entry.number), file.stamp(of: slot) == entry.hash else {
                    continue
                }
                bits[place][slot / 64] |= 1 << UInt64(slot % 64)
                return false
            }
            return true
        }
        let empty = searchable.withLock { $0.lexical }
        do {
            var parts: [LexicalPart] = []
            for (file, kept) in zip(files, bits) where kept.contains(where: { $0 != 0 }) {
                let count = file.segment.count
                let removed = kept.enumerated().map { place, word in
                    ~word & (place * 64 + 64 <= count ? .max : 1 << UInt64(count % 64) - 1)
                }
                parts.append(try LexicalPart(file.segment, removed: removed.allSatisfy { $0 == 0 } ? [] : removed))
            }
            return (try LexicalIndex(parts: parts, configuration: configuration.lexical), missing)
        } catch {
            // Made for another language: as good as none.
            return (empty, entries)
        }
    }

    /// Reads the words of documents.
    func insert(
        _ entries: [Entry],
        into index: inout LexicalIndex,
        from snapshot: IndexSnapshot,
        workers: Workers
    ) throws {
        for first in stride(from: 0, to: entries.count, by: Self.textsPerRun) {
            let part = entries[first..<min(first + Self.textsPerRun, entries.count)]
            let texts: [(number: UInt32, text: String)] = try part.compactMap { entry in
                try snapshot.payload(of: entry.rows[0]).map {
                    (entry.number, try DocumentRecord(reading: $0).document.content)
                }
            }
            try index.insert(texts, workers: workers)
        }
    }

    /// Takes over what another process changed since.
    func refresh(workers: Workers) throws {
        try vectors.refreshNow { [self] snapshot in
            let (old, _) = vectors.snapshot {}
            var (next, table) = (searchable.withLock { $0 }, table.withLock { $0 })
            var fresh = Set(snapshot.ids.lazy.map(PassageID.init(row:)).filter { $0.passage == 0 }.map(\.document))
            var gone: [(number: UInt32, text: String)] = []
            for (id, entry) in table.entries where fresh.remove(entry.number) == nil {
                table.entries[id] = nil
                guard let bytes = try old.payload(of: entry.rows[0]) else { continue }
                let document = try DocumentRecord(reading: bytes).document
                gone.append((entry.number, document.content))
                next.metadata.remove(number: entry.number, document.metadata)
            }
            try next.lexical.remove(gone)
            var entries: [Entry] = []
            for number in fresh.sorted() {
                guard let bytes = try snapshot.payload(of: PassageID(document: number, passage: 0).row) else {
                    continue
                }
                let head = try DocumentRecord.head(of: bytes)
                let entry = Entry(number: number, head)
                next.metadata.insert(number: number, head.metadata)
                table.entries[head.id] = entry
                entries.append(entry)
            }
            try insert(entries, into: &next.lexical, from: snapshot, workers: workers)
            let result = (next, table)
            return { [self] in
                searchable.withLock { $0 = result.0 }
                self.table.withLock { $0 = result.1 }
            }
        }
    }
}
