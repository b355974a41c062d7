// Reading safetensors files: 8 bytes with the header's length, little-endian, the header in JSON, the tensors' bytes.

internal import CSemblanceKernels
package import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// An open safetensors file: its header is read and checked, tensors are read when asked for.
///
/// Tensors are read straight into the matrix rather than mapped into memory, so a file that is cut short by someone else
/// is an error and not a signal that ends the process.
package struct SafetensorsFile: Sendable {
    private let url: URL
    private let header: SafetensorsHeader
    private let descriptor: Descriptor
    private let dataStart: Int

    /// The reference implementation's limit too.
    private static let longestHeader = 100_000_000

    /// The tensors' names, in the order of their data.
    package var names: [String] { header.names }

    /// The file's own notes.
    package var metadata: [String: String] { header.metadata }

    /// Opens a file and reads its header.
    ///
    /// - Throws: ``SafetensorsError``: `.unreadable`, or `.malformed` for anything the format doesn't allow.
    /// - Complexity: O(header); memory in proportion to the header, which is no longer than the file.
    package init(contentsOf url: URL) throws {
        let descriptor = try Descriptor(url)
        let size = try descriptor.size()
        func malformed(_ what: String) -> SafetensorsError {
            SafetensorsError(
                code: .malformed,
                message: "\(url.path) is no whole safetensors file: \(what); write or download it again"
            )
        }
        guard size >= 8 else { throw malformed("it has \(size) bytes, and the first 8 are the header's length") }
        var length: UInt64 = 0
        try unsafe withUnsafeMutableBytes(of: &length) { try unsafe descriptor.read($0, at: 0) }
        length = UInt64(littleEndian: length)
        guard length <= Self.longestHeader, length <= size - 8 else {
            throw malformed("its header would have \(length) bytes, and \(size - 8) follow")
        }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        try unsafe bytes.withUnsafeMutableBytes { try unsafe descriptor.read($0, at: 8) }
        self.url = url
        self.descriptor = descriptor
        dataStart = 8 + Int(length)
        do {
            header = try SafetensorsHeader(bytes, dataSize: size - dataStart)
        } catch {
            throw malformed(error.what)
        }
    }

    /// The shape of a tensor; a single number has none: `[]`.
    package func shape(of name: String) throws -> [Int] { try tensor(name).shape }

    /// A tensor of F32, F16 or BF16 as floats; 16-bit ones are widened exactly.
    ///
    /// - Returns: `[rows, columns]` for two dimensions, one row for one dimension or none, and for more the first
    ///   dimension as rows and the others as columns.
    /// - Throws: ``SafetensorsError``: `.missingTensor`, `.unsupportedType`, `.unreadable`.
    package func matrix(_ name: String) throws -> Matrix {
        let tensor = try tensor(name)
        let rows = tensor.shape.count < 2 ? 1 : tensor.shape[0]
        let columns = tensor.count > 0 ? tensor.count / rows : tensor.shape.count == 2 ? tensor.shape[1] : 0
        // Only a tensor without numbers can say more than its bytes bear out.
        guard tensor.count > 0 || tensor.shape.allSatisfy({ $0 <= Int(Int32.max) }) else {
            throw SafetensorsError(
                code: .malformed,
                message: "\(url.path): the tensor \"\(name)\" has the shape \(tensor.shape) and no numbers"
            )
        }
        let widen: (@convention(c) (UnsafeRawPointer, Int, UnsafeMutablePointer<Float>) -> Void)?
        switch tensor.type {
        case "F32": unsafe widen = nil
        case "F16": unsafe widen = semblance_floats_from_halves
        case "BF16": unsafe widen = semblance_floats_from_bfloats
        default: throw unsupported(name, tensor.type, "F32, F16 and BF16")
        }
        var matrix = Matrix(uninitializedRows: rows, columns: columns)
        try unsafe matrix.withMutablePointer { floats in
            guard let widen = unsafe widen else {
                let bytes = unsafe UnsafeMutableRawBufferPointer(start: floats, count: 4 * tensor.count)
                return try unsafe descriptor.read(bytes, at: dataStart + tensor.begin)
            }
            try unsafe forEachPiece(of: tensor, width: 2) { piece, place in
                guard let start = piece.baseAddress else { return }
                unsafe widen(start, piece.count / 2, floats + place)
            }
        }
        return matrix
    }

    /// A tensor of I64 or I32 as a flat list.
    ///
    /// - Throws: ``SafetensorsError``: `.missingTensor`, `.unsupportedType`, `.unreadable`.
    package func integers(_ name: String) throws -> [Int] {
        let tensor = try tensor(name)
        guard tensor.type == "I64" || tensor.type == "I32" else {
            throw unsupported(name, tensor.type, "I64 and I32")
        }
        var result: [Int] = []
        result.reserveCapacity(tensor.count)
        if tensor.type == "I64" {
            try unsafe forEachPiece(of: tensor, width: 8) { piece, _ in
                for place in stride(from: 0, to: piece.count, by: 8) {
                    let number = unsafe piece.loadUnaligned(fromByteOffset: place, as: Int64.self)
                    result.append(Int(Int64(littleEndian: number)))
                }
            }
        } else {
            try unsafe forEachPiece(of: tensor, width: 4) { piece, _ in
                for place in stride(from: 0, to: piece.count, by: 4) {
                    let number = unsafe piece.loadUnaligned(fromByteOffset: place, as: Int32.self)
                    result.append(Int(Int32(littleEndian: number)))
                }
            }
        }
        return result
    }

    /// Reads a tensor's bytes in pieces of 1 MiB at most; `body` gets each with the place of its first number.
    private func forEachPiece(
        of tensor: SafetensorsHeader.Tensor,
        width: Int,
        _ body: (UnsafeRawBufferPointer, Int) throws -> Void
    ) throws {
        var bytes = [UInt8](repeating: 0, count: min(1 << 20, tensor.end - tensor.begin))
        for begin in stride(from: tensor.begin, to: tensor.end, by: 1 << 20) {
            let count = min(1 << 20, tensor.end - begin)
            try unsafe bytes.withUnsafeMutableBytes { piece in
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
                try unsafe descriptor.read(part, at: dataStart + begin)
                try unsafe body(UnsafeRawBufferPointer(part), (begin - tensor.begin) / width)
            }
        }
    }

    private func tensor(_ name: String) throws -> SafetensorsHeader.Tensor {
        if let tensor = header.tensors[name] { return tensor }
        let known = names.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
        throw SafetensorsError(
            code: .missingTensor,
            message: "\(url.path) holds no tensor \"\(name)\", but \(names.count) others"
                + (names.isEmpty ? "" : ": \(known)\(names.count > 5 ? ", …" : "")")
        )
    }

    private func unsupported(_ name: String, _ type: String, _ known: String) -> SafetensorsError {
        SafetensorsError(
            code: .unsupportedType,
            message: "\(url.path): the tensor \"\(name)\" is of type \(type); \(known) can be read: convert it"
        )
    }
}

/// A file open for reading, closed with its last owner.
///
/// Reading names the place, so threads may share it.
private final class Descriptor: Sendable {
    private let path: String
    private let number: Int32

    init(_ url: URL) throws {
        path = url.path
        number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if number < 0 { throw unreadable(FileError(.unreadable, path: path, doing: "opening").message) }
    }

    deinit { _ = close(number) }

    private func unreadable(_ message: String) -> SafetensorsError {
        SafetensorsError(code: .unreadable, message: message)
    }

    func size() throws -> Int {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else {
            throw unreadable(FileError(.unreadable, path: path, doing: "asking for the size").message)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw unreadable("\(path) is a folder or a device, not a file; name the file itself")
        }
        return Int(status.st_size)
    }

    /// Fills `buffer` with the bytes from `offset` on.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        var done = 0
        while done < buffer.count, let start = buffer.baseAddress {
            let count = unsafe pread(number, start + done, min(buffer.count - done, 1 << 30), off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw unreadable(FileError(.unreadable, path: path, doing: "reading").message) }
            guard count > 0 else {
                throw unreadable("\(path) ends at byte \(offset + done): it became shorter while it was read")
            }
            done += count
        }
    }
}
