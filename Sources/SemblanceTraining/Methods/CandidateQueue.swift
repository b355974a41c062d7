package import SemblanceNumerics

/// The vectors a method saw last, with whose they are: a ring of rows in its saved state.
///
/// A new vector takes the place of the oldest once the ring is full. All of it is in matrices, so that it goes through
/// checkpoints as it is.
package struct CandidateQueue {
    private let name: String

    /// What an entry is known by; −1 is unknown.
    package struct Keys: Hashable {
        /// Its text by number.
        package var text: Int32
        /// The anchor it is a positive of, by the number of its text.
        package var anchor: Int32
        /// The group of the row it came with.
        package var group: Int32

        package init(text: Int32, anchor: Int32 = -1, group: Int32 = -1) {
            self.text = text
            self.anchor = anchor
            self.group = group
        }
    }

    package init(_ name: String) { self.name = name }

    private var vectors: String { "\(name).vectors" }
    private var keys: String { "\(name).keys" }
    /// The place of the next entry, and how many there are.
    private var fill: String { "\(name).fill" }

    /// Makes room for `capacity` vectors.
    package func start(capacity: Int, dimension: Int, in state: inout MethodState) {
        state.saved[vectors] = Matrix(rows: capacity, columns: dimension)
        state.saved[keys] = Matrix(rows: capacity, columns: 6)
        state.saved[fill] = Matrix(rows: 1, columns: 2)
    }

    private func fill(in state: MethodState) -> (next: Int, count: Int) {
        guard let fill = state.saved[fill] else { return (0, 0) }
        return (Int(fill[0, 0]), Int(fill[0, 1]))
    }

    /// Adds rows; where there are more than fit, the last ones.
    package func append(_ rows: Matrix, _ keysOfRows: [Keys], to state: inout MethodState) {
        guard let capacity = state.saved[vectors]?.rows, capacity > 0 else { return }
        var (next, count) = fill(in: state)
        var row = max(0, rows.rows - capacity)
        while row < rows.rows {
            let run = min(rows.rows - row, capacity - next)
            state.saved[vectors]?.replaceRows(from: next, with: rows.rows(row..<row + run))
            for offset in 0..<run { state.saved[keys]?[row: next + offset] = keysOfRows[row + offset].halves }
            row += run
            next = (next + run) % capacity
            count = min(count + run, capacity)
        }
        state.saved[fill] = Matrix(rows: 1, columns: 2, elements: [Float(next), Float(count)])
    }

    /// All entries, the oldest first.
    package func entries(in state: MethodState) -> (vectors: Matrix, keys: [Keys])? {
        let (next, count) = fill(in: state)
        guard count > 0, let vectors = state.saved[vectors], let keys = state.saved[keys] else { return nil }
        let oldest = count == vectors.rows ? next : 0
        func inOrder(_ matrix: Matrix) -> Matrix {
            .concatenatingRows([matrix.rows(oldest..<count), matrix.rows(0..<oldest)], columns: matrix.columns)
        }
        let halves = inOrder(keys).elements
        return (inOrder(vectors), (0..<count).map { Keys(halves: halves[6 * $0..<6 * $0 + 6]) })
    }

    /// All entries as candidates of every anchor.
    package func candidates(in state: MethodState) -> Candidates? {
        guard let (vectors, keys) = entries(in: state) else { return nil }
        return Candidates(
            MatrixExpression(vectors),
            texts: keys.map(\.text),
            anchors: keys.map(\.anchor),
            groups: keys.map(\.group)
        )
    }
}

extension CandidateQueue.Keys {
    // A float holds whole numbers to 2²⁴ only: each key takes two.
    fileprivate var halves: [Float] {
        [text, anchor, group].flatMap { (key: Int32) -> [Float] in
            let (high, low) = (Int(key) + 1).quotientAndRemainder(dividingBy: 1 << 16)
            return [Float(high), Float(low)]
        }
    }

    fileprivate init(halves: ArraySlice<Float>) {
        func key(_ index: Int) -> Int32 {
            let high = halves.startIndex + 2 * index
            return Int32(Int(halves[high]) << 16 + Int(halves[high + 1]) - 1)
        }
        self.init(text: key(0), anchor: key(1), group: key(2))
    }
}

extension ContrastiveStep {
    /// What each document is known by.
    var documentKeys: [CandidateQueue.Keys] {
        documentTexts.indices.map { document in
            let owner = Int(owners[document])
            return CandidateQueue.Keys(
                text: documentTexts[document],
                anchor: isPositive[document] ? anchorTexts[owner] : -1,
                group: groups[owner]
            )
        }
    }
}
