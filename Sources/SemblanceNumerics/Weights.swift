// The weights of an encoder while they are read.

internal import Synchronization

/// Matrices by index, and the packed forms that products need, made when one is first asked for.
///
/// Shared by all tapes of a step, or by all calls of an embedder; the values never change.
package final class Weights: Sendable {
    package let values: [Matrix]
    /// Whether a gradient is wanted, by index.
    package let isTrained: [Bool]
    /// Of products with them.
    package let precision: Precision
    /// W for the way back, Wᵀ for the way there.
    private let packed: [(plain: Slot, transposed: Slot)]

    private final class Slot: Sendable {
        let value = Mutex<PackedMatrix?>(nil)
    }

    package init(_ values: [Matrix], isTrained: [Bool]? = nil, precision: Precision = .float32) {
        self.values = values
        self.precision = precision
        self.isTrained = isTrained ?? Array(repeating: true, count: values.count)
        packed = values.map { _ in (Slot(), Slot()) }
    }

    package subscript(index: Int) -> Matrix { values[index] }

    /// A weight, or its transpose, as the right operand of products.
    func packed(_ index: Int, transposed: Bool, workers: Workers?) -> PackedMatrix {
        let slot = transposed ? packed[index].transposed : packed[index].plain
        return slot.value.withLock { kept in
            if let kept { return kept }
            let made = PackedMatrix(
                values[index],
                transposed: transposed,
                precision: precision,
                workers: workers
            )
            kept = made
            return made
        }
    }
}
