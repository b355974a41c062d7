package import Foundation

extension SafetensorsFile {
    /// A tensor to write.
    package struct Tensor: Sendable {
        package let name: String
        package let shape: [Int]
        package let value: Matrix

        /// A tensor of the matrix's shape, or of another one with as many numbers (`[n]` for a vector).
        package init(name: String, shape: [Int]? = nil, value: Matrix) {
            self.name = name
            self.shape = shape ?? [value.rows, value.columns]
            self.value = value
        }
    }

    /// Writes tensors as F32, whole or not at all; Python's safetensors reads the file.
    ///
    /// - Parameters:
    ///   - tensors: in the order of their data.
    ///   - url: the file; an existing one is replaced when the new one is complete.
    ///   - metadata: the file's notes; `format` says that PyTorch's readers may take it.
    /// - Throws: ``SafetensorsError`` `.invalidTensor` for a name given twice or a shape that doesn't fit,
    ///   ``FileError`` when the system refuses.
    package static func write(
        _ tensors: [Tensor],
        to url: URL,
        metadata: [String: String] = ["format": "pt"]
    ) throws {
        var names: Set<String> = ["__metadata__"]
        var entries: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var end = 0
        for tensor in tensors {
            guard names.insert(tensor.name).inserted else {
                throw SafetensorsError(
                    code: .invalidTensor,
                    message: "\(url.path): the name \"\(tensor.name)\" is taken; give each tensor its own"
                )
            }
            guard tensor.shape.allSatisfy({ $0 >= 0 }), tensor.shape.reduce(1, *) == tensor.value.count else {
                throw SafetensorsError(
                    code: .invalidTensor,
                    message: "\(url.path): \"\(tensor.name)\" holds \(tensor.value.count) numbers, "
                        + "not as many as the shape \(tensor.shape)"
                )
            }
            let begin = end
            end += 4 * tensor.value.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(quoted(tensor.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
            )
        }
        var header = Array("{\(entries.joined(separator: ","))}".utf8)
        // Blanks, so that the data is aligned to 8 bytes.
        header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try AtomicFile.write(to: url) { output in
            try output.write(length)
            try output.write(header)
            for tensor in tensors {
                try unsafe tensor.value.withPointer { try unsafe output.write($0, count: 4 * tensor.value.count) }
            }
        }
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
