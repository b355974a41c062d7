internal import CSemblanceFAISS
internal import SemblanceNumerics

/// The newest vectors of an index, in the order they came, searched one by one.
///
/// Rows are only ever written behind the last one that any snapshot counts, by one thread, and published with the
/// snapshot that counts them; it is therefore Sendable.
@safe final class Tail: @unchecked Sendable {
    let dimension: Int
    let capacity: Int
    private let storage: UnsafeMutablePointer<Float>
    private let idStorage: UnsafeMutablePointer<Int64>
    private let payloadStorage: UnsafeMutablePointer<[UInt8]>
    /// Whether payloads are kept.
    let hasPayloads: Bool

    init(dimension: Int, capacity: Int, hasPayloads: Bool) {
        (self.dimension, self.capacity) = (dimension, capacity)
        self.hasPayloads = hasPayloads
        unsafe storage = .allocate(capacity: dimension * capacity)
        unsafe idStorage = .allocate(capacity: capacity)
        unsafe payloadStorage = .allocate(capacity: capacity)
        unsafe payloadStorage.initialize(repeating: [], count: capacity)
    }

    deinit {
        unsafe storage.deallocate()
        unsafe idStorage.deallocate()
        unsafe payloadStorage.deinitialize(count: capacity)
        unsafe payloadStorage.deallocate()
    }

    var rows: UnsafePointer<Float> { unsafe UnsafePointer(storage) }
    var ids: UnsafePointer<Int64> { unsafe UnsafePointer(idStorage) }

    func vector(_ slot: Int) -> [Float] {
        unsafe Array(UnsafeBufferPointer(start: storage + slot * dimension, count: dimension))
    }

    func payload(_ slot: Int) -> [UInt8] { unsafe payloadStorage[slot] }

    /// The last slot below `count` that holds `id`; earlier ones were replaced.
    func slot(of id: Int64, below count: Int) -> Int? {
        let slot = unsafe semblance_ids_last(idStorage, count, id)
        return slot < 0 ? nil : Int(slot)
    }

    /// Writes the rows of a change from `slot` on.
    func write(_ change: Change, at slot: Int) {
        unsafe change.vectors.withPointer {
            unsafe (storage + slot * dimension).update(from: $0, count: change.ids.count * dimension)
        }
        for (row, id) in change.ids.enumerated() { unsafe idStorage[slot + row] = id }
        for (row, payload) in change.payloads.enumerated() { unsafe payloadStorage[slot + row] = payload }
    }
}
