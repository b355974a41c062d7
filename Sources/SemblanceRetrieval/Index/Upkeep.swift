internal import CSemblanceKernels
internal import SemblanceNumerics
internal import Synchronization

/// Who keeps an index in shape, and who waits for that.
final class Upkeep: Sendable {
    /// Two things go on side by side.
    enum Lane: CaseIterable {
        /// New vectors become a segment, or part of one.
        case sealing
        /// Segments become one.
        case merging
    }

    /// What can fail in the background; each stays failed until it succeeds itself.
    enum Work: Hashable {
        case building(Lane)
        /// Writing the manifest.
        case committing
        /// Syncing the journal, where changes don't wait for that.
        case flushing
    }

    private struct State {
        var running: Set<Lane> = []
        /// The numbers of the parts that are being built into another.
        var claimed: Set<Int> = []
        var waiters: [CheckedContinuation<Void, Never>] = []
        var failures: [Work: any Error] = [:]
        var isFlushing = false

        /// Whether somebody is at it, and with success.
        var isAtWork: Bool { !running.isEmpty && Lane.allCases.allSatisfy { failures[.building($0)] == nil } }
    }

    private let state = Mutex(State())
    private let pressed = Atomic(false)

    /// Why some work failed that hasn't succeeded since.
    var failure: (any Error)? {
        let inOrder = Lane.allCases.map(Work.building) + [.committing, .flushing]
        return state.withLock { state in inOrder.compactMap { state.failures[$0] }.first }
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
    func begin(_ lane: Lane) -> Bool { state.withLock { $0.running.insert(lane).inserted } }

    /// Whether nobody else is at it.
    func isLast(_ lane: Lane) -> Bool { state.withLock { $0.running == [lane] } }

    /// As ``begin(_:)``, with all lanes at once.
    private func beginAll() -> Bool {
        state.withLock { state in
            guard state.running.isEmpty else { return false }
            state.running = Set(Lane.allCases)
            return true
        }
    }

    /// Suspends until nobody is at it, and begins with all lanes.
    func takeAll() async { while !beginAll() { await waitForEnd() } }

    /// The parts that `choose` chooses, given those that are being built into others, are the caller's.
    func claim(_ choose: (Set<Int>) -> [Part]?) -> [Part]? {
        state.withLock { state in
            let parts = choose(state.claimed)
            state.claimed.formUnion(parts?.map(\.number) ?? [])
            return parts
        }
    }

    /// Whether `choose` would choose parts, given those that are being built into others.
    func finds(_ choose: (Set<Int>) -> [Part]?) -> Bool { state.withLock { choose($0.claimed) != nil } }

    /// A step with some parts is done, or failed; who waits for room looks again.
    func release(_ parts: [Part]) {
        state.withLock { $0.claimed.subtract(parts.map(\.number)) }
        stepped()
    }

    /// Who waits looks again.
    func stepped() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Ends, unless `more`, given the parts that are being built into others, says that there is more to do.
    func end(_ lane: Lane, unless more: (Set<Int>) -> Bool = { _ in false }) -> Bool {
        let ends = state.withLock { state in
            let ends = !more(state.claimed)
            if ends { state.running.remove(lane) }
            return ends
        }
        if ends { stepped() }
        return ends
    }

    /// Suspends until a step is done, if somebody is at it.
    private func waitForStep() async {
        await withCheckedContinuation { waiter in
            let waits = state.withLock { state in
                if !state.running.isEmpty { state.waiters.append(waiter) }
                return !state.running.isEmpty
            }
            if !waits { waiter.resume() }
        }
    }

    /// Suspends while more than a full tail waits to be sealed, or there are too many segments, and somebody works on it.
    func waitForRoom(in index: VectorIndex) async {
        while index.lacksRoom, state.withLock({ $0.isAtWork }) {
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
        while state.withLock({ !$0.running.isEmpty }) { await waitForStep() }
    }
}

extension VectorIndex {
    /// Sees to the index in the background, where something is to be done and nobody is at it.
    func keepUp() {
        guard !isReadOnly.load(ordering: .relaxed) else { return }
        for lane in Upkeep.Lane.allCases {
            let isWanted = next(lane) != nil
            if !isWanted { upkeep.succeeded(.building(lane)) }
            // Where changes have waited, what isn't urgent is looked at later.
            if isWanted || lane == .merging && upkeep.isPressed, upkeep.begin(lane) {
                Task.detached { await self.work(lane) }
            }
        }
    }

    /// Changes wait also where there are more sealed parts, or more graphs: each of these takes a search long.
    private static let (mostParts, mostGraphs) = (24, 5)

    /// Whether so much waits for the background that changes wait, too.
    var lacksRoom: Bool {
        let state = current
        if state.unsealedRows > maintenance.sealingCount { return true }
        // Where a limit keeps segments apart, waiting would not make them fewer.
        return (state.sealedParts > Self.mostParts || state.graphs > Self.mostGraphs) && next(.merging) != nil
    }

    private func work(_ lane: Upkeep.Lane) async {
        repeat {
            do {
                repeat {
                    while let parts = upkeep.claim({ next(lane, but: $0) }) {
                        try await rebuild(parts, in: lane)
                        // What is sealed may be merged, and the other way round.
                        keepUp()
                    }
                    if lane == .merging { try await upkeep.rest { upkeep.finds { next(lane, but: $0) } } }
                } while lane == .merging && upkeep.relax()
                // Old parts were large, and the C library keeps some of what they leave.
                if upkeep.isLast(lane) { semblance_heap_trim() }
                upkeep.succeeded(.building(lane))
            } catch {
                // The state is as it was; the next change tries again.
                upkeep.failed(.building(lane), error)
                _ = upkeep.end(lane)
                return
            }
        } while !upkeep.end(lane, unless: { next(lane, but: $0) != nil })
    }

    /// The parts that should be built into one next.
    private func next(_ lane: Upkeep.Lane, but claimed: Set<Int> = []) -> [Part]? {
        let parts = current.parts
        let sizes = parts.enumerated().map { place, part in
            var size = MaintenanceConfiguration.Size(part)
            // A tail that isn't the last one takes no rows; one that is full takes none either.
            size.isClosed = part.isClosed || place + 1 < parts.count
            size.isClaimed = claimed.contains(part.number)
            return size
        }
        let places =
            switch lane {
            case .sealing: maintenance.nextSealing(sizes, bytesOfVector: 4 * dimension)
            case .merging:
                maintenance.nextMerging(sizes, bytesOfVector: 4 * dimension, isPressed: upkeep.isPressed)
            }
        return places?.map { parts[$0] }
    }

    /// As many are linked within a second or two.
    private static let fewVectors = 20_000

    /// Builds some parts into one, in the background, and puts that in their place.
    private func rebuild(_ old: [Part], in lane: Upkeep.Lane) async throws {
        defer { upkeep.release(old) }
        let builders = Workers.shared(threads: maintenance.threads)
        let isLong = lane == .merging && old.reduce(0) { $0 + $1.live.count } > Self.fewVectors
        let built = try await (isLong ? SpareTime.long : .short).run { [self] goOn in
            try withoutActuallyEscaping(goOn) { goOn in
                try BuildTurn.shared.run(patience: isLong ? nil : 0.5) { pass in
                    try withoutActuallyEscaping(pass) { pass in
                        var builder = builder(folder: folder, workers: builders)
                        builder.between = {
                            try goOn()
                            pass()
                        }
                        return try builder.grow(old, number: newNumber()) {
                            !MaintenanceConfiguration.Size($0).isWorn(beyond: maintenance.removedShare)
                        }
                    }
                }
            }
        }
        try await replace(old, by: built)
    }

    private func replace(_ old: [Part], by built: Part?) async throws {
        try await onChanges { [self] in
            try refuseReadOnly()
            var next = current
            var built = built
            // What was removed while it was built.
            for part in old {
                guard let now = next.parts.first(where: { $0.number == part.number }) else { continue }
                let gone = part.live.lost(in: now.live)
                if gone.isEmpty { continue }
                let ids = gone.map { unsafe part.ids[Int($0)] }
                for slot in built?.slots(of: ids) ?? [] where slot >= 0 { _ = built?.live.remove(Int(slot)) }
            }
            let numbers = Set(old.map(\.number))
            next.parts.removeAll { numbers.contains($0.number) }
            if let built { next.insert(built) }
            let result = next
            state.withLock { $0 = result }
            commit(result)
        }
    }

    /// Builds everything into one segment: afterwards there are no removed vectors, and files and results depend on the
    /// vectors and ids alone. Searches and changes go on meanwhile; what is changed meanwhile stays apart.
    ///
    /// - Throws: ``RetrievalError``; ``FileError`` where the index lives in a folder and its disk is full;
    ///   `CancellationError`: it is then as it was.
    /// - Complexity: that of building an index of all vectors, on all threads of the index; so much more memory, too.
    public func compact() async throws {
        try refuseReadOnly()
        await upkeep.takeAll()
        do {
            defer { _ = upkeep.end(.merging) }
            let parts = try await allParts()
            defer { upkeep.release(parts) }
            if !parts.isEmpty, parts.count > 1 || !parts[0].isCompact {
                let built = try await workers.run { [self] cancellation in
                    var builder = builder(folder: folder, workers: workers)
                    builder.between = cancellation.check
                    return try builder.build(parts, number: newNumber())
                }
                try await replace(parts, by: built)
            }
        }
        for lane in Upkeep.Lane.allCases { upkeep.succeeded(.building(lane)) }
        keepUp()
    }

    /// All parts, none of which changes; they are claimed, and what comes now is sealed meanwhile.
    private func allParts() async throws -> [Part] {
        defer { _ = upkeep.end(.sealing) }
        let parts = try await onChanges { [self] in
            var next = current
            if next.parts.last?.isTail == true {
                next.closeTails()
                let closed = next
                state.withLock { $0 = closed }
            }
            return next.parts
        }
        return upkeep.claim { _ in parts } ?? []
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
