package import Foundation

/// NumPy's file format for arrays: what `numpy.load` opens and `numpy.save` writes.
package enum NPY {
    /// Writes a matrix as a C-ordered array of little-endian 32-bit floats.
    ///
    /// - Throws: ``FileError``; a file that was there is then as it was.
    package static func write(_ matrix: Matrix, to file: URL) throws {
        try write(to: file, type: "<f4", shape: "(\(matrix.rows), \(matrix.columns))") { output in
            try unsafe matrix.withPointer {
                try unsafe output.write($0, count: matrix.count * MemoryLayout<Float>.stride)
            }
        }
    }

    /// Writes whole numbers as a list of little-endian 64-bit ones.
    ///
    /// - Throws: as for a matrix.
    package static func write(_ numbers: [Int64], to file: URL) throws {
        try write(to: file, type: "<i8", shape: "(\(numbers.count),)") { output in
            try unsafe numbers.map(\.littleEndian).withUnsafeBytes {
                if let first = $0.baseAddress { try unsafe output.write(first, count: $0.count) }
            }
        }
    }

    /// Version 1.0.
    private static func write(
        to file: URL,
        type: String,
        shape: String,
        _ body: (borrowing AtomicFile.Output) throws -> Void
    ) throws {
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
        let length = (header.utf8.count + 1 + 10 + 63) / 64 * 64 - 10
        header += String(repeating: " ", count: length - header.utf8.count - 1) + "\n"
        let prefix = magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Data(header.utf8)
        try AtomicFile.write(to: file) { output in
            try output.write(prefix)
            try body(output)
        }
    }

    private static let magic = Data([0x93]) + Data("NUMPY".utf8)

    /// Reads an array of 32-bit floats with two dimensions.
    ///
    /// - Throws: ``FileError`` with code `.unreadable` for a file that isn't one, says what it doesn't hold, or holds other
    ///   numbers.
    package static func readMatrix(from file: URL) throws -> Matrix {
        let (shape, data) = try read(file, type: "<f4", dimensions: 2, size: MemoryLayout<Float>.size)
        var matrix = Matrix(uninitializedRows: shape[0], columns: shape[1])
        unsafe matrix.withMutablePointer { out in
            _ = unsafe data.copyBytes(to: UnsafeMutableBufferPointer(start: out, count: shape[0] * shape[1]))
        }
        return matrix
    }

    /// Reads a list of 64-bit whole numbers.
    ///
    /// - Throws: as ``readMatrix(from:)``.
    package static func readNumbers(from file: URL) throws -> [Int64] {
        let (shape, data) = try read(file, type: "<i8", dimensions: 1, size: MemoryLayout<Int64>.size)
        return unsafe [Int64](unsafeUninitializedCapacity: shape[0]) { numbers, count in
            _ = unsafe data.copyBytes(to: numbers)
            count = shape[0]
        }
    }

    /// The shape, and the bytes of the numbers, which are as many.
    private static func read(_ file: URL, type: String, dimensions: Int, size: Int) throws -> ([Int], Data) {
        func refusal(_ what: String) -> FileError { FileError(.unreadable, message: "\(file.path) \(what)") }
        let data: Data
        do { data = try Data(contentsOf: file, options: .mappedIfSafe) } catch {
            throw refusal("can't be read: \(error.localizedDescription); check the path")
        }
        let bytes = [UInt8](data.prefix(12))
        guard bytes.count == 12, data.prefix(6) == magic, (1...3).contains(bytes[6]) else {
            throw refusal("is no array of NumPy; write one with numpy.save")
        }
        let isFirst = bytes[6] == 1
        let start = isFirst ? 10 : 12
        let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
        guard length <= data.count - start else { throw refusal("ends within its header") }
        let header = String(decoding: data[start..<start + length], as: UTF8.self)
        guard header.contains("'fortran_order': False"), header.contains("'descr': '\(type)'") else {
            throw refusal("holds other numbers than '\(type)' in C order: \(header.prefix(120)); convert it with NumPy")
        }
        let shape = header.firstMatch(of: /'shape': \(([0-9, ]*)\)/)?.1.split(separator: ",").compactMap {
            Int($0.trimmingCharacters(in: .whitespaces))
        }
        guard let shape, shape.count == dimensions else {
            throw refusal("must have \(dimensions) dimensions: \(header.prefix(120))")
        }
        let (count, overflow) = shape.reduce((1, false)) { product, side in
            let (next, overflow) = product.0.multipliedReportingOverflow(by: side)
            return (next, product.1 || overflow)
        }
        let rest = data.count - start - length
        guard !overflow, count <= rest / size, count * size == rest else {
            throw refusal("has \(rest) bytes of numbers, not those of \(shape)")
        }
        return (shape, data[(start + length)...])
    }
}
