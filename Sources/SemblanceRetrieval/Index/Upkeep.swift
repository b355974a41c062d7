internal import CSemblanceKernels
internal import SemblanceNumerics
internal import Synchronization

/// Who keeps an index in shape, and who waits for that.
final class Upkeep: Sendable {
    /// What can fail in the background; each stays failed until it succeeds itself.
    enum Work: CaseIterable {
        /// Sealing and merging.
        case building
        /// Writing the manifest.
        case committing
        /// Syncing the journal, where changes don't wait for that.
        case flushing
    }

    private struct State {
        var isRunning = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        var failures: [Work: any Error] = [:]
        var isFlushing = false
    }

    private let state = Mutex(State())
    private let pressed = Atomic(false)

    /// Changes wait also where there are more sealed parts.
    static let mostParts = 24

    /// Why some work failed that hasn't succeeded since.
    var failure: (any Error)? {
        state.withLock { state in Work.allCases.compactMap { state.failures[$0] }.first }
    }

    func failed(_ work: Work, _ error: any Error) { state.withLock { $0.failures[work] = error } }

    func succeeded(_ work: Work) { state.withLock { $0.failures[work] = nil } }

    /// Says whether the caller should see to the next sync, because nobody does.
    func beginFlush() -> Bool {
        state.withLock { state in
            defer { state.isFlushing = true }
            return !state.isFlushing
        }
    }

    func endFlush() { state.withLock { $0.isFlushing = false } }

    /// Says whether the caller should begin, because nobody is at it.
    func begin() -> Bool {
        state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
    }

    /// A step is done; who waits for room looks again.
    func stepped() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Ends, unless `more` says that there is more to do.
    func end(unless more: () -> Bool) -> Bool {
        state.withLock { state in
            state.isRunning = more()
            return !state.isRunning
        }
    }

    /// Suspends until a step is done, if somebody is at it.
    private func waitForStep() async {
        await withCheckedContinuation { waiter in
            let waits = state.withLock { state in
                if state.isRunning { state.waiters.append(waiter) }
                return state.isRunning
            }
            if !waits { waiter.resume() }
        }
    }

    /// Suspends while more than a full tail waits to be sealed, or there are too many segments, and somebody works on it.
    func waitForRoom(in index: VectorIndex) async {
        while index.current.unsealedRows > index.maintenance.sealingCount
            || index.current.sealedParts > Self.mostParts,
            state.withLock({ $0.isRunning && $0.failures[.building] == nil })
        {
            pressed.store(true, ordering: .relaxed)
            await waitForStep()
        }
    }

    /// Whether changes have waited lately.
    var isPressed: Bool { pressed.load(ordering: .relaxed) }

    /// Forgets that changes have waited; returns whether they have.
    func relax() -> Bool { pressed.exchange(false, ordering: .relaxed) }

    /// Suspends for a second where changes have waited, since more of them may come: what isn't urgent takes the time of
    /// searches. Ends when there is something urgent, or somebody waits for the end.
    func rest(unless isUrgent: () -> Bool) async throws {
        for _ in 0..<200 where isPressed && !isUrgent() { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Suspends until nobody is at it.
    func waitForEnd() async {
        _ = relax()
        while state.withLock({ $0.isRunning }) { await waitForStep() }
    }
}

extension VectorIndex {
    /// Sees to the index in the background, where something is to be done and nobody is at it.
    func keepUp() {
        guard !isReadOnly.load(ordering: .relaxed) else { return }
        guard next(current) != nil else { return upkeep.succeeded(.building) }
        guard upkeep.begin() else { return }
        Task.detached { [self] in
            while true {
                do {
                    repeat {
                        while let parts = next(current) { try await rebuild(parts) }
                        try await upkeep.rest { next(current) != nil }
                    } while upkeep.relax()
                    // Old parts were large, and the C library keeps some of what they leave.
                    semblance_heap_trim()
                    upkeep.succeeded(.building)
                    upkeep.stepped()
                } catch {
                    // The state is as it was; the next change tries again.
                    upkeep.failed(.building, error)
                    _ = upkeep.end(unless: { false })
                    upkeep.stepped()
                    return
                }
                if upkeep.end(unless: { self.next(self.current) != nil }) {
                    upkeep.stepped()
                    return
                }
            }
        }
    }

    /// The parts that should be built into one next.
    private func next(_ state: IndexState) -> [Part]? {
        let sizes = state.parts.enumerated().map { place, part in
            MaintenanceConfiguration.Size(
                slots: part.live.slots,
                live: part.live.count,
                isTail: part.isTail,
                // A tail that isn't the last one takes no rows; one that is full takes none either.
                isClosed: part.isClosed || place + 1 < state.parts.count
            )
        }
        let places = maintenance.next(sizes, bytesOfVector: 4 * dimension, isPressed: upkeep.isPressed)
        return places?.map { state.parts[$0] }
    }

    /// Builds some parts into one, in the background, and puts that in their place.
    private func rebuild(_ old: [Part], with workers: Workers? = nil) async throws {
        let builders = workers ?? Workers.shared(threads: maintenance.threads)
        let fresh = try await (workers ?? .maintenance).run { _ in
            try self.builder(folder: self.folder, workers: builders).build(old, number: self.newNumber())
        }
        try await onChanges { [self] in
            try refuseReadOnly()
            var next = current
            let numbers = Set(old.map(\.number))
            if var fresh {
                // What was removed while it was built.
                for part in old {
                    guard let now = next.parts.first(where: { $0.number == part.number }) else { continue }
                    let gone = part.live.lost(in: now.live)
                    if gone.isEmpty { continue }
                    let ids = gone.map { unsafe part.ids[Int($0)] }
                    for slot in fresh.slots(of: ids) where slot >= 0 { _ = fresh.live.remove(Int(slot)) }
                }
                next.parts.removeAll { numbers.contains($0.number) }
                next.insert(fresh)
            } else {
                next.parts.removeAll { numbers.contains($0.number) }
            }
            let result = next
            state.withLock { $0 = result }
            commit(result)
        }
        upkeep.stepped()
    }

    /// Builds everything into one segment: afterwards there are no removed vectors, and files and results depend on the
    /// vectors and ids alone. Searches and changes go on meanwhile; what is changed meanwhile stays apart.
    ///
    /// - Throws: ``RetrievalError``; ``FileError`` where the index lives in a folder and its disk is full: it is then as
    ///   it was.
    /// - Complexity: that of building an index of all vectors, on all threads of the index; so much more memory, too.
    public func compact() async throws {
        try refuseReadOnly()
        while !upkeep.begin() { await upkeep.waitForEnd() }
        defer {
            _ = upkeep.end(unless: { false })
            upkeep.stepped()
        }
        let parts = try await onChanges { [self] in
            var next = current
            if next.parts.last?.isTail == true {
                next.closeTails()
                let closed = next
                state.withLock { $0 = closed }
            }
            return next.parts
        }
        let isCompact = parts.count == 1 && !parts[0].isTail && parts[0].live.bits == nil
        if !isCompact, !parts.isEmpty { try await rebuild(parts, with: workers) }
        upkeep.succeeded(.building)
    }

    /// Why the background couldn't do some of its work, such as a full disk, until it could; the next change tries
    /// again. `nil` where all is well.
    public var maintenanceFailure: (any Error)? { upkeep.failure }

    /// Suspends until the background has nothing left to do.
    ///
    /// What waits for a full disk, say, stays undone; ``VectorIndex/maintenanceFailure`` says so.
    public func settle() async {
        keepUp()
        await upkeep.waitForEnd()
    }
}
