// The JSON at the start of a safetensors file. A strict reader of exactly what the format allows: names, types, shapes
// and places of tensors, and a map of strings. It recurses nowhere and allocates in proportion to the bytes it reads.

/// What a safetensors file says about its tensors.
struct SafetensorsHeader: Sendable {
    /// One tensor: bytes `begin..<end` of the data, row-major, little-endian.
    struct Tensor: Hashable, Sendable {
        var type = ""
        var shape: [Int] = []
        var begin = 0
        var end = 0
        var count = 1
    }

    /// Why a header is refused.
    struct Problem: Error { let what: String }

    private(set) var tensors: [String: Tensor] = [:]
    /// In the order of their data.
    private(set) var names: [String] = []
    private(set) var metadata: [String: String] = [:]

    /// Bits of one number of each type; a type that isn't listed is carried along unchecked.
    private static let bits = [
        "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I64": 64, "U64": 64, "I32": 32,
        "U32": 32, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8,
    ]

    /// Reads and checks a header.
    ///
    /// - Parameters:
    ///   - bytes: the JSON.
    ///   - dataSize: bytes that follow it in the file; the tensors must cover them without gaps or overlaps.
    init(_ bytes: [UInt8], dataSize: Int) throws(Problem) {
        var reader = Reader(bytes: bytes)
        var hasMetadata = false
        try reader.object { (name, reader) throws(Problem) in
            if name == "__metadata__" {
                if hasMetadata { throw Problem(what: "__metadata__ comes twice") }
                hasMetadata = true
                try reader.object { (key, reader) throws(Problem) in
                    guard metadata.updateValue(try reader.string(), forKey: key) == nil else {
                        throw Problem(what: "the metadata key \"\(key)\" comes twice")
                    }
                }
            } else {
                let tensor = try Self.tensor(&reader, name: name, dataSize: dataSize)
                guard tensors.updateValue(tensor, forKey: name) == nil else {
                    throw Problem(what: "the tensor \"\(name)\" comes twice")
                }
            }
        }
        try reader.finish()

        let placed = tensors.sorted {
            ($0.value.begin, $0.value.end, $0.key) < ($1.value.begin, $1.value.end, $1.key)
        }
        var end = 0
        for (name, tensor) in placed {
            guard tensor.begin == end else {
                throw Problem(
                    what: "the tensor \"\(name)\" begins at byte \(tensor.begin) of the data, "
                        + "\(tensor.begin < end ? "inside" : "after a gap behind") what ends at \(end)"
                )
            }
            end = tensor.end
        }
        guard end == dataSize else {
            throw Problem(what: "the tensors cover \(end) bytes, but \(dataSize) follow the header")
        }
        names = placed.map(\.key)
    }

    private static func tensor(_ reader: inout Reader, name: String, dataSize: Int) throws(Problem) -> Tensor {
        var tensor = Tensor()
        var seen: Set<String> = []
        try reader.object { (key, reader) throws(Problem) in
            guard seen.insert(key).inserted else {
                throw Problem(what: "the tensor \"\(name)\" has two entries \"\(key)\"")
            }
            switch key {
            case "dtype": tensor.type = try reader.string()
            case "shape": tensor.shape = try reader.numbers()
            case "data_offsets":
                let offsets = try reader.numbers()
                guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataSize else {
                    throw Problem(
                        what: "the tensor \"\(name)\" has the offsets \(offsets) in \(dataSize) bytes of data"
                    )
                }
                (tensor.begin, tensor.end) = (offsets[0], offsets[1])
            default: throw Problem(what: "the tensor \"\(name)\" has an unknown entry \"\(key)\"")
            }
        }
        guard seen.count == 3 else {
            throw Problem(what: "the tensor \"\(name)\" lacks one of dtype, shape and data_offsets")
        }
        for length in tensor.shape {
            let (product, overflow) = tensor.count.multipliedReportingOverflow(by: length)
            guard !overflow else {
                throw Problem(what: "the tensor \"\(name)\" has the shape \(tensor.shape): too many numbers to count")
            }
            tensor.count = product
        }
        if let bits = Self.bits[tensor.type] {
            let (size, overflow) = tensor.count.multipliedReportingOverflow(by: bits / 8)
            guard !overflow, size == tensor.end - tensor.begin else {
                throw Problem(
                    what: "the tensor \"\(name)\", \(tensor.type) of shape \(tensor.shape), "
                        + "has \(tensor.end - tensor.begin) bytes of data"
                )
            }
        }
        return tensor
    }
}

extension SafetensorsHeader {
    /// JSON's grammar as far as headers use it: objects, lists of whole numbers, strings.
    private struct Reader {
        let bytes: [UInt8]
        private var next = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private func unexpected(_ wanted: String) -> Problem {
            let found = next < bytes.count ? "the byte \(bytes[next])" : "its end"
            return Problem(what: "the header's JSON has \(found) at \(next) where \(wanted) should be")
        }

        private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

        private mutating func skipBlanks() {
            while next < bytes.count, isBlank(bytes[next]) { next += 1 }
        }

        /// Goes past `byte` (and blanks before it) if it is next.
        private mutating func take(_ byte: UInt8) -> Bool {
            skipBlanks()
            guard next < bytes.count, bytes[next] == byte else { return false }
            next += 1
            return true
        }

        private mutating func expect(_ byte: UInt8) throws(Problem) {
            guard take(byte) else { throw unexpected("'\(Character(Unicode.Scalar(byte)))'") }
        }

        /// Calls `member` with each key; it reads the value.
        mutating func object(_ member: (String, inout Reader) throws(Problem) -> Void) throws(Problem) {
            try expect(UInt8(ascii: "{"))
            if take(UInt8(ascii: "}")) { return }
            repeat {
                let key = try string()
                try expect(UInt8(ascii: ":"))
                try member(key, &self)
            } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "}"))
        }

        mutating func numbers() throws(Problem) -> [Int] {
            try expect(UInt8(ascii: "["))
            if take(UInt8(ascii: "]")) { return [] }
            var result: [Int] = []
            repeat { result.append(try number()) } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"))
            return result
        }

        private mutating func number() throws(Problem) -> Int {
            skipBlanks()
            let start = next
            var value = 0
            while next < bytes.count, case let digit = Int(bytes[next]) - 0x30, (0...9).contains(digit) {
                let (tens, first) = value.multipliedReportingOverflow(by: 10)
                let (sum, second) = tens.addingReportingOverflow(digit)
                guard !first, !second else { throw unexpected("a number below 2^63") }
                value = sum
                next += 1
            }
            guard next > start, next == start + 1 || bytes[start] != 0x30 else { throw unexpected("a whole number") }
            return value
        }

        mutating func string() throws(Problem) -> String {
            try expect(UInt8(ascii: "\""))
            var text: [UInt8] = []
            while true {
                guard next < bytes.count, bytes[next] >= 0x20 else { throw unexpected("the rest of a string") }
                let byte = bytes[next]
                next += 1
                if byte == UInt8(ascii: "\"") { break }
                if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
            }
            guard let string = String(validating: text, as: UTF8.self) else { throw unexpected("a string in UTF-8") }
            return string
        }

        private mutating func escape(into text: inout [UInt8]) throws(Problem) {
            guard next < bytes.count else { throw unexpected("an escaped character") }
            let byte = bytes[next]
            next += 1
            switch Character(Unicode.Scalar(byte)) {
            case "\"", "\\", "/": text.append(byte)
            case "b": text.append(0x08)
            case "f": text.append(0x0C)
            case "n": text.append(0x0A)
            case "r": text.append(0x0D)
            case "t": text.append(0x09)
            case "u":
                var code = try fourDigits()
                if (0xD800..<0xDC00).contains(code), next + 1 < bytes.count, bytes[next] == UInt8(ascii: "\\"),
                    bytes[next + 1] == UInt8(ascii: "u")
                {
                    next += 2
                    let low = try fourDigits()
                    guard (0xDC00..<0xE000).contains(low) else { throw unexpected("a low surrogate") }
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw unexpected("a whole surrogate pair") }
                text += Array(String(Character(scalar)).utf8)
            default: throw unexpected("a known escape")
            }
        }

        private mutating func fourDigits() throws(Problem) -> UInt32 {
            var code: UInt32 = 0
            for _ in 0..<4 {
                guard next < bytes.count, let digit = Character(Unicode.Scalar(bytes[next])).hexDigitValue,
                    bytes[next] < 0x80
                else { throw unexpected("four hexadecimal digits") }
                code = code << 4 + UInt32(digit)
                next += 1
            }
            return code
        }

        /// Nothing but blanks may follow.
        mutating func finish() throws(Problem) {
            skipBlanks()
            guard next == bytes.count else { throw unexpected("the end") }
        }
    }
}
