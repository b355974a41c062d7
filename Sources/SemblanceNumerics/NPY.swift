package import Foundation

/// NumPy's file format for arrays, version 1.0: what `numpy.load` opens.
package enum NPY {
    /// Writes a matrix as a C-ordered array of little-endian 32-bit floats.
    ///
    /// - Throws: ``FileError``; a file that was there is then as it was.
    package static func write(_ matrix: Matrix, to file: URL) throws {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(matrix.rows), \(matrix.columns)), }"
        // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
        let length = (header.utf8.count + 1 + 10 + 63) / 64 * 64 - 10
        header += String(repeating: " ", count: length - header.utf8.count - 1) + "\n"
        var prefix = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, UInt8(length & 255), UInt8(length >> 8)])
        prefix += Data(header.utf8)
        try AtomicFile.write(to: file) { output in
            try output.write(prefix)
            try unsafe matrix.withPointer {
                try unsafe output.write($0, count: matrix.count * MemoryLayout<Float>.stride)
            }
        }
    }
}
