internal import CSemblanceFAISS
internal import Foundation
public import SemblanceNumerics
internal import Synchronization

/// What the thread of the changes does, one after the other.
enum IndexJob: Sendable {
    /// A change, and who waits for what became of it: how many vectors it removed or replaced.
    case change(Change, CheckedContinuation<Int, any Error>)
    /// Something that needs the state to itself.
    case work(@Sendable () -> Void)
}

// MARK: - Changing

extension VectorIndex {
    /// Adds vectors under their ids, all of them or, where it throws, none.
    ///
    /// - Parameters:
    ///   - vectors: `[n, dimension]`.
    ///   - ids: `[n]`, none twice and none that is in the index.
    /// - Throws: ``RetrievalError``: `.dimensionMismatch`, `.invalidArgument` (not one id for each row),
    ///   `.unusableVector`, `.duplicateID`, `.readOnly`; ``FileError`` where the index lives in a folder.
    /// - Complexity: O(n · dimension), and what building takes where n is at least
    ///   ``MaintenanceConfiguration/sealingCount``.
    public func add(_ vectors: Matrix, ids: [Int64]) async throws {
        var change = try change(putting: vectors, ids: ids)
        change.refusesTakenIDs = true
        try await apply(change)
    }

    /// Adds vectors, in place of those that are there under the same ids.
    ///
    /// - Returns: how many were replaced.
    /// - Throws: as ``add(_:ids:)``, but for ids that are in the index.
    @discardableResult
    public func upsert(_ vectors: Matrix, ids: [Int64]) async throws -> Int {
        try await apply(change(putting: vectors, ids: ids))
    }

    /// Removes the vectors under some ids; others are no error.
    ///
    /// - Returns: how many were removed.
    /// - Throws: ``RetrievalError`` with code `.readOnly`; ``FileError`` where the index lives in a folder.
    @discardableResult
    public func remove(_ ids: [Int64]) async throws -> Int {
        try await apply(Change(removed: ids, vectors: Matrix(rows: 0, columns: dimension)))
    }

    /// Whether it can be changed.
    package var isWritable: Bool { !isReadOnly.load(ordering: .relaxed) }

    package func refuseReadOnly() throws {
        guard isReadOnly.load(ordering: .relaxed) else { return }
        throw RetrievalError(
            code: .readOnly,
            message: "the index was opened for reading alone, or closed; open it again to change it"
        )
    }

    package func change(putting vectors: Matrix, ids: [Int64], payloads: [[UInt8]] = []) throws -> Change {
        guard ids.count == vectors.rows else {
            throw RetrievalError(
                code: .invalidArgument,
                message: "\(vectors.rows) vectors were given with \(ids.count) ids; each needs one"
            )
        }
        return Change(
            ids: ids,
            vectors: ids.isEmpty ? Matrix(rows: 0, columns: dimension) : try usable(vectors),
            payloads: payloads
        )
    }

    /// Makes a change; its vectors are usable ones.
    @discardableResult
    package func apply(_ change: Change) async throws -> Int {
        try refuseReadOnly()
        if change.ids.isEmpty && change.removed.isEmpty { return 0 }
        if change.ids.count >= maintenance.sealingCount { return try await applySealed(change) }
        await upkeep.waitForRoom(in: self)
        let removed = try await withCheckedThrowingContinuation { submit(.change(change, $0)) }
        keepUp()
        return removed
    }

    /// Makes a change whose removals are known only when it is its turn, and lets the caller publish what goes with it.
    ///
    /// - Parameters:
    ///   - change: its ids are free ones; no other change uses them.
    ///   - removing: says, on the thread of the changes, which ids go; what it throws ends the change.
    ///   - publish: is called when the change is durable, in one step with its becoming visible to ``snapshot(with:)``.
    package func apply(
        _ change: Change,
        removing: @escaping @Sendable () throws -> [Int64],
        publish: @escaping @Sendable () -> Void
    ) async throws {
        try refuseReadOnly()
        var part: Part?
        if change.ids.count >= maintenance.sealingCount {
            part = try await workers.run { _ in try self.sealed(change, number: self.newNumber()) }
        } else {
            await upkeep.waitForRoom(in: self)
        }
        let sealed = part
        try await onChanges { [self] in
            do {
                try refuseReadOnly()
                var change = change
                change.removed = try removing()
                var next = current
                if let sealed {
                    _ = try install(sealed, removing: change.removed, in: &next)
                } else {
                    _ = try put(change, in: &next)
                    if let folder { try synchronise(folder) }
                }
                let result = next
                state.withLock { state in
                    state = result
                    publish()
                }
                if sealed != nil { commit(result) } else { boundJournal() }
            } catch {
                if let sealed { folder?.removeFiles(of: sealed) }
                throw error
            }
        }
        keepUp()
    }

    /// Makes a large change: its vectors become a segment at once.
    private func applySealed(_ change: Change) async throws -> Int {
        try current.validate(change)
        let part = try await workers.run { _ in try self.sealed(change, number: self.newNumber()) }
        guard let part else { return 0 }
        let removed = try await onChanges { [self] in
            do {
                try refuseReadOnly()
                var next = current
                try next.validate(change)
                let removed = try install(part, removing: change.removed + next.live(change.ids), in: &next)
                let result = next
                state.withLock { $0 = result }
                commit(result)
                return removed
            } catch {
                folder?.removeFiles(of: part)
                throw error
            }
        }
        keepUp()
        return removed
    }

    /// A segment of the vectors of a change.
    func sealed(_ change: Change, number: Int) throws -> Part? {
        try unsafe change.ids.withUnsafeBufferPointer { ids in
            try unsafe change.vectors.withPointer { rows in
                let source = unsafe VectorSource(
                    rows: semblance_rows(base: rows, index: nil),
                    ids: ids,
                    live: LiveSlots(slots: change.ids.count),
                    payload: { change.payloads.isEmpty ? [] : change.payloads[$0] },
                    hasPayloads: hasPayloads
                )
                return try builder(folder: folder, workers: workers).build([source], number: number)
            }
        }
    }

    func builder(folder: IndexFolder?, workers: Workers) -> SegmentBuilder {
        SegmentBuilder(
            dimension: dimension,
            metric: metric,
            kind: kind,
            memoryBudget: maintenance.memoryBudget,
            writer: folder?.files(of:),
            workers: workers
        )
    }
}

// MARK: - On the thread of the changes

extension VectorIndex {
    func submit(_ job: IndexJob) {
        changes.submit(job) { [self] jobs in
            var changes: [(Change, CheckedContinuation<Int, any Error>)] = []
            for job in jobs {
                switch job {
                case .change(let change, let waiter): changes.append((change, waiter))
                case .work(let work):
                    make(changes)
                    changes = []
                    work()
                }
            }
            make(changes)
        }
    }

    /// Runs `body` on the thread of the changes.
    func onChanges<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await Handover.wait { leave in submit(.work { leave(Swift.Result(catching: body)) }) }
    }

    /// Makes changes that came together: each as a whole, all in one sync of the disk.
    private func make(_ changes: [(change: Change, waiter: CheckedContinuation<Int, any Error>)]) {
        if changes.isEmpty { return }
        var next = current
        var done: [(waiter: CheckedContinuation<Int, any Error>, removed: Int)] = []
        var sequence = folder?.lastSequence ?? 0
        for (change, waiter) in changes {
            do {
                try refuseReadOnly()
                done.append((waiter, try put(change, in: &next)))
                sequence += 1
            } catch {
                waiter.resume(throwing: error)
                // A sync that failed on the way took those before it along.
                guard let folder, durability == .everyWrite, folder.lastSequence != sequence else { continue }
                for (waiter, _) in done { waiter.resume(throwing: error) }
                (done, next, sequence) = ([], current, folder.lastSequence)
            }
        }
        do {
            if let folder, !done.isEmpty { try synchronise(folder) }
            state.withLock { $0 = next }
            boundJournal()
            for (waiter, removed) in done { waiter.resume(returning: removed) }
        } catch {
            // None of them is in the journal any more, and the tail's rows behind the last published one are free.
            for (waiter, _) in done { waiter.resume(throwing: error) }
        }
    }

    /// Puts a change into a state and the journal, which is not synced yet; where it throws, neither has it.
    private func put(_ change: Change, in next: inout IndexState) throws -> Int {
        try next.validate(change)
        if !next.hasRoom(for: change.ids.count) { try beginTail(in: &next) }
        try folder?.append(.change(change))
        return next.apply(change)
    }

    /// Puts a segment that has its files into a state, durably.
    private func install(_ part: Part, removing removed: [Int64], in next: inout IndexState) throws -> Int {
        if let folder {
            try folder.append(part, removed: removed)
            try synchronise(folder)
        }
        let count = next.remove(removed)
        next.insert(part)
        return count
    }

    private func beginTail(in next: inout IndexState) throws {
        try folder?.beginJournalFile()
        let tail = Tail(dimension: dimension, capacity: maintenance.sealingCount, hasPayloads: hasPayloads)
        next.beginTail(tail, number: newNumber(), journal: folder?.journalNumber ?? 0)
    }

    private func synchronise(_ folder: IndexFolder) throws {
        switch durability {
        case .everyWrite: try folder.synchronise()
        case .interval(let seconds):
            guard upkeep.beginFlush() else { return }
            Task.detached { [self] in
                try? await Task.sleep(for: .seconds(seconds))
                upkeep.endFlush()
                do { try await flush() } catch { upkeep.failed(.flushing, error) }
            }
        case .manual: break
        }
    }

    /// Makes every change that returned durable, where the index' ``Durability`` doesn't already.
    ///
    /// - Throws: ``FileError``: changes since the last success may then not be there when the index is opened again.
    public func flush() async throws {
        guard let folder else { return }
        try await onChanges { try folder.synchronise() }
        upkeep.succeeded(.flushing)
    }

    /// Writes down which segments there are. Where that fails, the journal still has all that the old manifest lacks,
    /// and the next time may succeed.
    func commit(_ state: IndexState) {
        guard let folder else { return }
        do {
            try folder.commit(state)
            upkeep.succeeded(.committing)
        } catch {
            upkeep.failed(.committing, error)
        }
    }

    /// Ends a journal that grows by changes which fill no tail, such as removals: closes the tail, so that it is sealed,
    /// or writes the manifest, where there is none.
    private func boundJournal() {
        guard let folder, folder.overhead > Self.largestOverhead * maintenance.sealingCount else { return }
        let tails = current.parts.filter(\.isTail)
        if tails.isEmpty {
            commit(current)
        } else if tails.allSatisfy({ !$0.isClosed }) {
            state.withLock { $0.closeTails() }
        }
    }

    /// Bytes that the journal may have beside vectors and payloads, for each row of a tail: twice what a tail that is
    /// filled row by row has.
    private static let largestOverhead = 256
}
