import SemblanceNumerics
import SemblanceTestSupport

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

extension VectorIndex {
    /// Opens an index for changes, on one thread.
    static func open(
        at path: String,
        on disk: SimulatedDisk,
        maintenance: MaintenanceConfiguration
    ) throws -> VectorIndex {
        try open(
            at: path,
            readOnly: false,
            durability: .everyWrite,
            maintenance: maintenance,
            options: ComputeOptions(threads: 1),
            files: disk
        ).index
    }
}
