internal import Synchronization

/// One state of an index, for who searches several indexes in one state.
package struct IndexSnapshot: Sendable {
    let state: IndexState

    /// How many vectors there are.
    package var count: Int { state.count }

    /// The ids of all vectors, in no order.
    package var ids: [Int64] {
        state.parts.flatMap { part in
            unsafe part.ids.enumerated().compactMap { part.live[$0.offset] ? $0.element : nil }
        }
    }

    /// What is kept with the vector under `id`; `nil` where there is no such vector.
    package func payload(of id: Int64) throws -> [UInt8]? {
        try state.place(of: id).map { try $0.part.payload($0.slot) }
    }

    /// The vector under `id`, as it is compared.
    package func vector(of id: Int64) throws -> [Float]? {
        try state.place(of: id).map { try $0.part.vector($0.slot) }
    }

    /// Calls `body` with each id and what is kept with its vector, in no order.
    package func forEachPayload(where isWanted: (Int64) -> Bool, _ body: (Int64, [UInt8]) throws -> Void) throws {
        for part in state.parts {
            for slot in 0..<part.live.slots where part.live[slot] {
                let id = unsafe part.ids[slot]
                if isWanted(id) { try body(id, part.payload(slot)) }
            }
        }
    }
}

extension VectorIndex {
    /// The state now, and what `body` gives in the same moment.
    package func snapshot<Result>(with body: () -> Result) -> (IndexSnapshot, Result) {
        state.withLock { (IndexSnapshot(state: $0), body()) }
    }
}
