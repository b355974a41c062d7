// Loops cut into parts that threads share.

extension Range<Int> {
    /// Calls `body` with consecutive parts of `length` numbers at most; on the threads of `workers` where given.
    package func split(by length: Int, on workers: Workers?, _ body: (Range<Int>) -> Void) {
        guard !isEmpty else { return }
        guard let workers, count > length else { return body(self) }
        workers.forEach((count + length - 1) / length) { part in
            let start = lowerBound + part * length
            body(start..<Swift.min(upperBound, start + length))
        }
    }

    /// The same for rows of `columns` elements: parts of ``elementsOfRun`` at least.
    package func splitRows(of columns: Int, on workers: Workers?, _ body: (Range<Int>) -> Void) {
        split(by: Swift.max(1, elementsOfRun / Swift.max(columns, 1)), on: workers, body)
    }
}

/// Elements that a thread takes at a time in elementwise work: less isn't worth waking one.
let elementsOfRun = 16_384
