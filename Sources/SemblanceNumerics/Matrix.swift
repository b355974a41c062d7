// Row-major, contiguous: element (r, c) of a matrix is at r * columns + c. Said here once for the whole library.

internal import CSemblanceKernels

/// A matrix of 32-bit floats, row-major and contiguous; a row is a vector, an embedding or a token.
///
/// A value type: copies share storage until one of them is written to.
public struct Matrix: Sendable {
    /// How many rows there are.
    public let rows: Int
    /// How many columns there are: the dimension of each row.
    public let columns: Int
    private var storage: MatrixStorage

    /// A matrix whose contents are undefined until they are written.
    package init(uninitializedRows rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns) was asked for")
        self.rows = rows
        self.columns = columns
        storage = MatrixStorage(count: rows * columns)
    }

    /// A matrix filled with one value.
    public init(rows: Int, columns: Int, repeating value: Float = 0) {
        self.init(uninitializedRows: rows, columns: columns)
        unsafe semblance_fill(storage.pointer, rows * columns, value)
    }

    /// A matrix over a flat, row-major list of `rows * columns` elements.
    ///
    /// - Precondition: `elements.count == rows * columns`.
    public init(rows: Int, columns: Int, elements: [Float]) {
        precondition(
            elements.count == rows * columns,
            "\(rows) × \(columns) needs \(rows * columns) elements, not \(elements.count)"
        )
        self.init(uninitializedRows: rows, columns: columns)
        unsafe elements.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe storage.pointer.update(from: base, count: source.count) }
        }
    }

    /// How many elements there are.
    public var count: Int { rows * columns }

    /// What the elements take up.
    package var byteCount: Int { count * MemoryLayout<Float>.stride }

    /// All elements, row after row.
    public var elements: [Float] {
        unsafe withPointer { unsafe Array(UnsafeBufferPointer(start: $0, count: count)) }
    }

    /// One element.
    public subscript(row: Int, column: Int) -> Float {
        get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "(\(row), \(column)) is outside")
            return unsafe storage.pointer[row * columns + column]
        }
        set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns, "(\(row), \(column)) is outside")
            let offset = row * columns + column
            unsafe withMutablePointer { unsafe $0[offset] = newValue }
        }
    }

    /// One row as an array.
    public subscript(row row: Int) -> [Float] {
        get {
            precondition(row >= 0 && row < rows, "row \(row) is outside 0..<\(rows)")
            return unsafe Array(UnsafeBufferPointer(start: storage.pointer + row * columns, count: columns))
        }
        set {
            precondition(row >= 0 && row < rows, "row \(row) is outside 0..<\(rows)")
            precondition(newValue.count == columns, "\(newValue.count) elements for a row of \(columns)")
            let offset = row * columns
            unsafe withMutablePointer { unsafe ($0 + offset).update(from: newValue, count: newValue.count) }
        }
    }

    /// Reads one row without a copy.
    public func withRow<Result>(_ row: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result {
        precondition(row >= 0 && row < rows, "row \(row) is outside 0..<\(rows)")
        let buffer = unsafe UnsafeBufferPointer(start: storage.pointer + row * columns, count: columns)
        return try withExtendedLifetime(storage) { try unsafe body(Span(_unsafeElements: buffer)) }
    }

    /// The rows of `range`, copied.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) are outside 0..<\(rows)")
        let part = Matrix(uninitializedRows: range.count, columns: columns)
        unsafe part.storage.pointer.update(
            from: storage.pointer + range.lowerBound * columns,
            count: range.count * columns
        )
        return part
    }

    /// Calls `body` with the first element's address; the elements must not be written.
    package func withPointer<Result>(_ body: (UnsafePointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) { try unsafe body(UnsafePointer(storage.pointer)) }
    }

    /// Calls `body` with the first element's address for writing; the storage is this value's alone from here on.
    package mutating func withMutablePointer<Result>(
        _ body: (UnsafeMutablePointer<Float>) throws -> Result
    ) rethrows -> Result {
        if !isKnownUniquelyReferenced(&storage) {
            let copy = MatrixStorage(count: count)
            unsafe copy.pointer.update(from: storage.pointer, count: count)
            storage = copy
        }
        return try withExtendedLifetime(storage) { try unsafe body(storage.pointer) }
    }
}

extension Matrix: Equatable {
    /// Whether both have the same shape and equal elements; NaN equals nothing.
    public static func == (left: Matrix, right: Matrix) -> Bool {
        left.rows == right.rows && left.columns == right.columns && left.elements == right.elements
    }
}

extension Matrix: CustomStringConvertible {
    /// The shape, for messages.
    public var description: String { "Matrix(\(rows) × \(columns))" }
}
