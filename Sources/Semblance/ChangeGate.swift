internal import Synchronization

/// Who changes an index, so that it can be exchanged when nobody does, and what was changed meanwhile.
final class ChangeGate: Sendable {
    private struct State {
        var active = 0
        var isClosed = false
        /// What was changed since somebody wanted to know.
        var changed: Set<String>?
        var waiting: [CheckedContinuation<Void, Never>] = []
        var closing: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Begins to note what is changed; `false` where that is done already.
    func beginNoting() -> Bool {
        state.withLock { state in
            if state.changed != nil { return false }
            state.changed = []
            return true
        }
    }

    func endNoting() { state.withLock { $0.changed = nil } }

    /// What was changed since the last call.
    func takeNoted() -> Set<String> {
        state.withLock { state in
            defer { state.changed = [] }
            return state.changed ?? []
        }
    }

    /// Begins a change, as soon as the gate is open.
    func enter() async {
        while true {
            let entered = state.withLock { state in
                if state.isClosed { return false }
                state.active += 1
                return true
            }
            if entered { return }
            await withCheckedContinuation { waiter in
                let isOpen = state.withLock { state in
                    if state.isClosed { state.waiting.append(waiter) }
                    return !state.isClosed
                }
                if isOpen { waiter.resume() }
            }
        }
    }

    /// Ends a change; its documents are noted as changed, whatever became of it.
    func leave(_ ids: some Sequence<String>) {
        let closing = state.withLock { state in
            state.active -= 1
            state.changed?.formUnion(ids)
            guard state.active == 0, state.isClosed else { return nil as CheckedContinuation<Void, Never>? }
            defer { state.closing = nil }
            return state.closing
        }
        closing?.resume()
    }

    /// Lets no change begin, and suspends until none is under way.
    func close() async {
        await withCheckedContinuation { closing in
            let isQuiet = state.withLock { state in
                state.isClosed = true
                if state.active > 0 { state.closing = closing }
                return state.active == 0
            }
            if isQuiet { closing.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isClosed = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }
}
