public import SemblanceEncoders
internal import SemblanceNumerics
internal import SemblanceRetrieval
internal import Synchronization

extension SearchIndex {
    /// Moves to another model: embeds all documents with it and puts that in the place of the old one.
    ///
    /// Searches and changes go on with the old model until the new one takes over, in one step, also on the disk: a
    /// process that ends on the way leaves the index as it was. For a moment at the end changes wait.
    ///
    /// - Parameters:
    ///   - embedder: the new model.
    ///   - configuration: how the index is made from then on; `nil`, the default, as before.
    /// - Throws: ``SearchIndexError`` with code `.isMoving`; ``RetrievalError``, ``FileError``, `CancellationError`; the
    ///   index is then as it was.
    /// - Complexity: that of building the index; as much more memory and disk while it lasts.
    public func move(to embedder: Embedder, configuration: SearchConfiguration? = nil) async throws {
        let old = current
        try old.vectors.refuseReadOnly()
        guard gate.beginNoting() else {
            throw SearchIndexError(
                code: .isMoving,
                message: "the index is moving to another model already: wait for it"
            )
        }
        defer { gate.endNoting() }
        try settleManifest()
        // What a move left that failed; what can't be removed now has its number to itself.
        old.layout.removeOthers(in: place)
        let layout = try old.layout.next(in: place)
        let new = try Generation.create(
            layout,
            in: place,
            with: embedder,
            configuration: configuration ?? old.configuration,
            durability: durability,
            maintenance: maintenance,
            compute: compute
        )
        do {
            try await copy(Array(old.table.withLock { $0.entries.keys }), from: old, to: new)
            // What was changed meanwhile, until that is little; then the rest, while nothing changes.
            for _ in 0..<8 {
                let changed = gate.takeNoted()
                try await copy(Array(changed), from: old, to: new)
                if changed.count < Self.documentsPerChange { break }
            }
            await gate.close()
            defer { gate.open() }
            try await copy(Array(gate.takeNoted()), from: old, to: new)
            try await new.vectors.flush()
            isUnsettled.withLock { $0 = true }
            try layout.write(to: place, fingerprint: new.fingerprint)
            generation.withLock { $0 = new }
            isUnsettled.withLock { $0 = false }
        } catch {
            await new.words.settle()
            try? await new.vectors.close()
            if isUnsettled.withLock({ $0 }) { try? settleManifest() } else { layout.remove(from: place) }
            throw error
        }
        await old.words.settle()
        try? await old.vectors.close()
        old.layout.remove(from: place)
    }

    /// Makes certain that the manifest names the generation that is current. Until then both are there, and nothing is
    /// changed.
    private func settleManifest() throws {
        try isUnsettled.withLock { isUnsettled in
            guard isUnsettled else { return }
            let now = current
            try now.layout.write(to: place, fingerprint: now.fingerprint)
            isUnsettled = false
            now.layout.removeOthers(in: place)
        }
    }

    /// Makes the documents under some ids in one generation what they are in another.
    private func copy(_ ids: [String], from old: Generation, to new: Generation) async throws {
        for first in stride(from: 0, to: ids.count, by: Self.documentsPerChange) {
            try Task.checkCancellation()
            let part = ids[first..<min(first + Self.documentsPerChange, ids.count)]
            let documents = try part.compactMap { try old.document($0) }
            try await new.upsert(documents, compute: compute)
            let gone = Set(part).subtracting(documents.map(\.id))
            if !gone.isEmpty { _ = try await new.remove(gone) }
        }
    }

    /// Runs a change of some documents on the generation that is current, and keeps that in place meanwhile.
    func withGeneration<Result>(
        changing ids: [String],
        _ body: (Generation) async throws -> Result
    ) async throws -> Result {
        await gate.enter()
        defer { gate.leave(ids) }
        try settleManifest()
        return try await body(current)
    }
}
