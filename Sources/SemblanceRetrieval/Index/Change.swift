package import SemblanceNumerics

/// One change of an index: it is made as a whole or not at all.
package struct Change: Sendable {
    /// Ids to take out; one that isn't there is no error.
    package var removed: [Int64]
    /// Ids of the vectors to put in, none twice.
    package var ids: [Int64]
    /// `[ids, dimension]`, as they are compared.
    package var vectors: Matrix
    /// What is kept with each vector: as many as ids, or none.
    package var payloads: [[UInt8]]
    /// Whether an id that is in the index already is an error; else its vector is replaced.
    package var refusesTakenIDs: Bool

    package init(
        removed: [Int64] = [],
        ids: [Int64] = [],
        vectors: Matrix,
        payloads: [[UInt8]] = [],
        refusesTakenIDs: Bool = false
    ) {
        precondition(payloads.isEmpty || payloads.count == ids.count, "\(payloads.count) payloads, \(ids.count) ids")
        self.removed = removed
        self.ids = ids
        self.vectors = vectors
        self.payloads = payloads
        self.refusesTakenIDs = refusesTakenIDs
    }
}
