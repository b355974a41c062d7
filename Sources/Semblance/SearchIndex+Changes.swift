internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceRetrieval
internal import Synchronization

/// What became of documents that were put in.
public struct UpsertReport: Hashable, Sendable, Codable {
    /// Documents under new ids.
    public var added = 0
    /// Documents in place of others.
    public var replaced = 0
    /// Documents that were there as they are, and weren't touched.
    public var unchanged = 0
    /// Documents whose texts were embedded; those of which only the fields are new keep their vectors.
    public var embedded = 0

    /// Nothing yet.
    public init() {}

    static func += (left: inout UpsertReport, right: UpsertReport) {
        left.added += right.added
        left.replaced += right.replaced
        left.unchanged += right.unchanged
        left.embedded += right.embedded
    }
}

extension SearchIndex {
    /// Documents that are embedded and written together.
    static let documentsPerChange = 512

    /// Puts documents in, in place of those under the same ids; what hasn't changed is not embedded again.
    ///
    /// They go in several hundred at a time, each such part as a whole, and the next part is embedded when the one
    /// before is in: memory stays bounded, and after an error or a cancellation the parts before are there.
    ///
    /// - Returns: what became of them, once all are durable.
    /// - Throws: ``SearchIndexError`` with code `.repeatedIdentifier` (an id comes twice) or `.unusableDocument`, before
    ///   anything is changed; ``RetrievalError`` with code `.readOnly`; ``FileError``; `CancellationError`.
    @discardableResult
    public func upsert(_ documents: [SearchDocument]) async throws -> UpsertReport {
        try Generation.check(documents)
        var report = UpsertReport()
        for first in stride(from: 0, to: documents.count, by: Self.documentsPerChange) {
            try Task.checkCancellation()
            let part = Array(documents[first..<min(first + Self.documentsPerChange, documents.count)])
            report += try await withGeneration(changing: part.map(\.id)) { generation in
                try await generation.upsert(part, compute: self.compute)
            }
        }
        return report
    }

    /// Puts in the documents of a sequence as they come, no faster than they can be embedded and written.
    ///
    /// - Returns: what became of them; of two with one id the later one counts.
    /// - Throws: as ``upsert(_:)-([SearchDocument])``, and what the sequence throws; what came before is there then.
    @discardableResult
    public func upsert<Documents: AsyncSequence>(_ documents: Documents) async throws -> UpsertReport
    where Documents.Element == SearchDocument {
        var report = UpsertReport()
        var waiting: [SearchDocument] = [], ids: Set<String> = []
        for try await document in documents {
            if !ids.insert(document.id).inserted || waiting.count == Self.documentsPerChange {
                report += try await upsert(waiting)
                waiting.removeAll(keepingCapacity: true)
                ids = [document.id]
            }
            waiting.append(document)
        }
        report += try await upsert(waiting)
        return report
    }

    /// Removes the documents under some ids; others are no error.
    ///
    /// - Returns: how many were removed, durably.
    /// - Throws: ``RetrievalError`` with code `.readOnly`; ``FileError``.
    @discardableResult
    public func remove(_ ids: [String]) async throws -> Int {
        try await withGeneration(changing: ids) { try await $0.remove(Set(ids)) }
    }
}

extension Generation {
    /// Looks at what is wrong with documents before anything is done.
    static func check(_ documents: [SearchDocument]) throws {
        var ids: Set<String> = []
        for (index, document) in documents.enumerated() {
            guard !document.id.isEmpty else {
                throw SearchIndexError(
                    code: .unusableDocument,
                    message: "document \(index + 1) has an empty id: give it one of its own"
                )
            }
            guard ids.insert(document.id).inserted else {
                throw SearchIndexError(
                    code: .repeatedIdentifier,
                    message:
                        "document \(index + 1) has the id \"\(document.id)\", which another one has: ids must differ"
                )
            }
            do { try document.metadata.validate() } catch {
                throw SearchIndexError(
                    code: .unusableDocument,
                    message: "document \"\(document.id)\": \(error.message)"
                )
            }
        }
    }

    /// A document on its way into the index.
    private struct Incoming {
        var document: SearchDocument
        var entry: Entry
        var ranges: [Range<Int>]
        /// Where its vectors are; `nil` where it must be embedded.
        var vectors: [[Float]]?

        var record: DocumentRecord {
            DocumentRecord(document: document, passages: ranges.count, firstPassage: ranges[0].upperBound)
        }
    }

    @discardableResult
    func upsert(_ documents: [SearchDocument], compute: ComputeOptions) async throws -> UpsertReport {
        var report = UpsertReport()
        let workers = Workers.shared(threads: compute.threads)
        let (incoming, unchanged) = try await workers.run { _ in try self.prepare(documents) }
        report.unchanged = unchanged
        report.embedded = incoming.count { $0.vectors == nil }
        if incoming.isEmpty { return report }
        let texts = incoming.filter { $0.vectors == nil }.flatMap { incoming in
            incoming.ranges.map { incoming.document.joined(to: incoming.document.text.utf8Slice($0)) }
        }
        let embedded = try await embedder.embed(texts, as: .document, options: .init(compute: compute))
        let change = try await workers.run { _ in try self.change(of: incoming, embedded: embedded) }
        let done = try await put(change, of: incoming, removing: incoming.map(\.document.id))
        report.replaced = done
        report.added = incoming.count - done
        return report
    }

    func remove(_ ids: Set<String>) async throws -> Int {
        let none = Change(vectors: Matrix(rows: 0, columns: vectors.dimension))
        return try await put(none, of: [], removing: Array(ids))
    }

    /// What must be done for each document, and how many need nothing.
    private func prepare(_ documents: [SearchDocument]) throws -> (incoming: [Incoming], unchanged: Int) {
        let (snapshot, _) = vectors.snapshot {}
        var incoming: [Incoming] = []
        for document in documents {
            let hash = DocumentRecord.hash(of: document)
            let metadata = document.metadata.hashValue
            let old = entry(document.id)
            if let old, old.hash == hash, old.metadata == metadata { continue }
            var ranges: [Range<Int>] = [], kept: [[Float]]?
            if let old, old.hash == hash, let found = try vectors(of: old, in: snapshot, text: document.text) {
                (ranges, kept) = found
            } else {
                ranges = splitter?.passages(of: document.text).map(\.range) ?? [0..<document.text.utf8.count]
            }
            guard ranges.count <= PassageID.limit else {
                throw SearchIndexError(
                    code: .unusableDocument,
                    message: "document \"\(document.id)\" has \(ranges.count) passages; "
                        + "\(PassageID.limit) is the most: cut it into several"
                )
            }
            let number = try table.withLock { table in
                guard table.next < .max else {
                    throw SearchIndexError(
                        code: .unusableDocument,
                        message: "4294967295 documents have come and gone: build the index anew"
                    )
                }
                defer { table.next += 1 }
                return table.next
            }
            let entry = Entry(number: number, passages: ranges.count, hash: hash, metadata: metadata)
            incoming.append(Incoming(document: document, entry: entry, ranges: ranges, vectors: kept))
        }
        return (incoming, documents.count - incoming.count)
    }

    /// The vectors of a document whose text stays, and where its passages are.
    private func vectors(
        of entry: Entry,
        in snapshot: IndexSnapshot,
        text: String
    ) throws -> (ranges: [Range<Int>], vectors: [[Float]])? {
        var (ranges, vectors): ([Range<Int>], [[Float]]) = ([], [])
        for (passage, row) in entry.rows.enumerated() {
            guard let bytes = try snapshot.payload(of: row), let vector = try snapshot.vector(of: row) else {
                return nil
            }
            ranges.append(
                passage == 0
                    ? 0..<(try DocumentRecord(reading: bytes).firstPassage)
                    : PassageRecord.range(reading: bytes, in: text)
            )
            vectors.append(vector)
        }
        return (ranges, vectors)
    }

    private func change(of incoming: [Incoming], embedded: Matrix) throws -> Change {
        let rows = incoming.reduce(0) { $0 + $1.ranges.count }
        var vectors = Matrix(rows: rows, columns: self.vectors.dimension)
        var (ids, payloads): ([Int64], [[UInt8]]) = ([], [])
        ids.reserveCapacity(rows)
        payloads.reserveCapacity(rows)
        var next = 0
        for document in incoming {
            for (passage, range) in document.ranges.enumerated() {
                if let kept = document.vectors {
                    vectors[row: ids.count] = kept[passage]
                } else {
                    vectors[row: ids.count] = embedded[row: next]
                    next += 1
                }
                ids.append(document.entry.rows[passage])
                payloads.append(
                    passage == 0
                        ? try document.record.encoded(hash: document.entry.hash)
                        : PassageRecord.encoded(range)
                )
            }
        }
        return try self.vectors.change(putting: vectors, ids: ids, payloads: payloads)
    }

    /// Makes a change of the vectors and of what is searched beside them, as one; documents under the ids go.
    ///
    /// - Returns: how many were there.
    private func put(_ change: Change, of incoming: [Incoming], removing ids: [String]) async throws -> Int {
        let fresh = Mutex<(searchable: Searchable, removed: [(id: String, entry: Entry)])?>(nil)
        try await vectors.apply(change) { [self] in
            let removed = table.withLock { table in ids.compactMap { id in table.entries[id].map { (id, $0) } } }
            let (snapshot, _) = vectors.snapshot {}
            var next = searchable.withLock { $0 }
            var gone: [(number: UInt32, text: String)] = []
            for (_, entry) in removed {
                guard let bytes = try snapshot.payload(of: entry.rows[0]) else { continue }
                let document = try DocumentRecord(reading: bytes).document
                gone.append((entry.number, document.content))
                next.metadata.remove(number: entry.number, document.metadata)
            }
            try next.lexical.remove(gone)
            try next.lexical.insert(incoming.map { ($0.entry.number, $0.document.content) })
            for document in incoming { next.metadata.insert(number: document.entry.number, document.document.metadata) }
            let result = next
            fresh.withLock { $0 = (result, removed) }
            return removed.flatMap(\.1.rows)
        } publish: { [self] in
            fresh.withLock { fresh in
                guard let fresh else { return }
                searchable.withLock { $0 = fresh.searchable }
                table.withLock { table in
                    for (id, _) in fresh.removed { table.entries[id] = nil }
                    for document in incoming { table.entries[document.document.id] = document.entry }
                }
            }
        }
        keepUp()
        return fresh.withLock { $0?.removed.count ?? 0 }
    }
}

extension String {
    /// A part, by offsets into the UTF-8.
    func utf8Slice(_ range: Range<Int>) -> String {
        if range == 0..<utf8.count { return self }
        let start = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
        return String(decoding: utf8[start..<utf8.index(start, offsetBy: range.count)], as: UTF8.self)
    }
}
