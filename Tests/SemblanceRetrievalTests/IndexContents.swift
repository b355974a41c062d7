import SemblanceNumerics

@testable import SemblanceRetrieval

/// A vector and what is kept with it.
struct IndexEntry: Hashable {
    var vector: [Float]
    var payload: [UInt8] = []
}

/// All that an index holds.
typealias IndexContents = [Int64: IndexEntry]

extension VectorIndex {
    /// All that can be found by its id.
    func contents() throws -> IndexContents {
        var found = IndexContents()
        for id in ids {
            guard let (part, slot) = current.place(of: id) else { continue }
            found[id] = IndexEntry(vector: try part.vector(slot), payload: try part.payload(slot))
        }
        return found
    }
}
