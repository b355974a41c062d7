import Foundation
import SemblanceNumerics
import Testing

@Suite struct SafetensorsTests {
    let folder: URL
    let sample: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "safetensors-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        sample = try #require(
            Bundle.module.url(forResource: "python", withExtension: "safetensors", subdirectory: "Fixtures")
        )
    }

    func removeFolder() { try? FileManager.default.removeItem(at: folder) }

    /// A file of `header` and so many bytes of data.
    func file(_ header: String, data: Int = 0, length: UInt64? = nil) throws -> URL {
        let url = folder.appending(path: "\(UUID().uuidString).safetensors")
        let bytes = Array(header.utf8)
        var all = Data((0..<8).map { UInt8(truncatingIfNeeded: (length ?? UInt64(bytes.count)) >> (8 * $0)) })
        all += bytes
        all += [UInt8](repeating: 0, count: data)
        try all.write(to: url)
        return url
    }

    func expectMalformed(_ url: URL, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        do {
            _ = try SafetensorsFile(contentsOf: url)
            Issue.record("accepted", sourceLocation: sourceLocation)
        } catch let error as SafetensorsError {
            #expect(error.code == .malformed, sourceLocation: sourceLocation)
            for part in parts + [url.path] {
                #expect(error.message.contains(part), "\(error.message)", sourceLocation: sourceLocation)
            }
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    // MARK: Python's files

    @Test func `a file of Python's library gives its tensors, element by element`() throws {
        defer { removeFolder() }
        let values = try JSONDecoder().decode(
            [String: [Float]].self,
            from: Data(contentsOf: sample.deletingLastPathComponent().appending(path: "safetensors.json"))
        )
        let file = try SafetensorsFile(contentsOf: sample)
        #expect(file.metadata == ["format": "pt", "note": "two\nlines"])
        #expect(
            Set(file.names) == [
                "matrix", "half", "brain", "vector", "number", "cube", "empty", "long", "int", "bool",
                "näme \"quoted\" \\ 😀",
            ]
        )
        #expect(try file.shape(of: "cube") == [2, 3, 4])
        #expect(try file.shape(of: "number") == [])
        let matrix = try file.matrix("matrix")
        #expect(matrix == Matrix(rows: 3, columns: 5, elements: try #require(values["matrix"])))
        #expect(try file.matrix("brain") == Matrix(rows: 3, columns: 5, elements: try #require(values["brain"])))
        #expect(try file.matrix("brain") != matrix)
        #expect(try file.matrix("vector") == Matrix(rows: 1, columns: 7, elements: try #require(values["vector"])))
        #expect(try file.matrix("number") == Matrix(rows: 1, columns: 1, elements: [2.5]))
        #expect(try file.matrix("cube") == Matrix(rows: 2, columns: 12, elements: (0..<24).map { Float($0) }))
        #expect(try file.matrix("empty") == Matrix(rows: 0, columns: 4))
        #expect(try file.integers("long") == [-(1 << 40), 0, 1 << 40])
        #expect(try file.integers("int") == [-5, 7])

        let half = try file.matrix("half").elements
        let expected = try #require(values["half"])  // JSON has no infinity: they are the largest floats there
        #expect(half.map { min(max($0, -.greatestFiniteMagnitude), .greatestFiniteMagnitude) } == expected)
        #expect(half.suffix(2) == [.infinity, -.infinity])
        #expect(half[1].sign == .minus)
    }

    @Test func `what isn't there or isn't a float is named`() throws {
        defer { removeFolder() }
        let file = try SafetensorsFile(contentsOf: sample)
        #expect { try file.matrix("weights") } throws: { error in
            let error = error as? SafetensorsError
            return error?.code == .missingTensor && error?.message.contains("\"weights\"") == true
        }
        for name in ["long", "bool"] {
            #expect { try file.matrix(name) } throws: { ($0 as? SafetensorsError)?.code == .unsupportedType }
        }
        #expect { try file.integers("matrix") } throws: { ($0 as? SafetensorsError)?.code == .unsupportedType }
        for path in ["missing.safetensors", ""] {
            #expect { try SafetensorsFile(contentsOf: folder.appending(path: path)) } throws: {
                ($0 as? SafetensorsError)?.code == .unreadable
            }
        }
    }

    // MARK: Our files

    @Test func `what is written is read, bit by bit`() throws {
        defer { removeFolder() }
        var random = RandomStream(seed: 1)
        var odd = random.normal(rows: 7, columns: 3)
        odd[0, 0] = -.infinity
        odd[6, 2] = -0.0
        let tensors: [SafetensorsFile.Tensor] = [
            .init(name: "a", value: odd),
            .init(name: "ü \" \\ \u{1}\n 😀", shape: [4], value: random.normal(rows: 1, columns: 4)),
            .init(name: "none", value: Matrix(rows: 0, columns: 9)),
        ]
        let url = folder.appending(path: "ours.safetensors")
        for _ in 0..<2 { try SafetensorsFile.write(tensors, to: url) }  // the second time over the first
        let file = try SafetensorsFile(contentsOf: url)
        #expect(file.metadata == ["format": "pt"])
        for tensor in tensors {
            let found = try file.matrix(tensor.name)
            #expect(found.elements.map(\.bitPattern) == tensor.value.elements.map(\.bitPattern))
            #expect(try file.shape(of: tensor.name) == tensor.shape)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["ours.safetensors"])

        try SafetensorsFile.write([], to: url, metadata: [:])
        #expect(try SafetensorsFile(contentsOf: url).names.isEmpty)
        for wrong in [
            [tensors[0], tensors[0]],
            [.init(name: "__metadata__", value: odd)],
            [.init(name: "a", shape: [20], value: odd)],
        ] {
            #expect { try SafetensorsFile.write(wrong, to: url) } throws: {
                ($0 as? SafetensorsError)?.code == .invalidTensor
            }
        }
    }

    @Test func `16-bit numbers longer than a piece are all read`() throws {
        defer { removeFolder() }
        let count = (1 << 19) + 3
        let url = try file(
            "{\"x\":{\"dtype\":\"F16\",\"shape\":[\(count)],\"data_offsets\":[0,\(2 * count)]}}",
            data: 0
        )
        var data = try [UInt8](Data(contentsOf: url))
        for i in 0..<count { data += [UInt8(truncatingIfNeeded: i), UInt8(truncatingIfNeeded: i >> 8) & 0x7B] }
        try Data(data).write(to: url)
        let found = try SafetensorsFile(contentsOf: url).matrix("x").elements
        #expect(found.count == count)
        for i in stride(from: 0, to: count, by: 997) + [count - 1] {
            let bits = UInt16(truncatingIfNeeded: i) & 0x7BFF
            let magnitude =
                bits < 0x400
                ? Float(bits) * 0x1p-24
                : Float(bits & 0x3FF | 0x400) * Float(sign: .plus, exponent: Int(bits >> 10) - 25, significand: 1)
            #expect(found[i] == magnitude)
        }
    }

    // MARK: Damaged files

    @Test func `a file cut at any byte is refused`() throws {
        defer { removeFolder() }
        let whole = try Data(contentsOf: sample)
        let url = folder.appending(path: "cut.safetensors")
        for length in 0..<whole.count {
            try whole.prefix(length).write(to: url)
            expectMalformed(url)
        }
        try (whole + [0]).write(to: url)
        expectMalformed(url, "follow the header")
        try whole.write(to: url)
        #expect(try SafetensorsFile(contentsOf: url).names.count == 11)
    }

    @Test func `a file that becomes shorter while it is open is an error`() throws {
        defer { removeFolder() }
        let url = folder.appending(path: "short.safetensors")
        try SafetensorsFile.write([.init(name: "x", value: Matrix(rows: 100, columns: 100))], to: url)
        let file = try SafetensorsFile(contentsOf: url)
        let handle = try FileHandle(forWritingTo: url)
        try handle.truncate(atOffset: 1000)
        try handle.close()
        #expect { try file.matrix("x") } throws: { ($0 as? SafetensorsError)?.code == .unreadable }
    }

    @Test func `what the format doesn't allow is refused with its reason`() throws {
        defer { removeFolder() }
        func tensor(_ type: String, _ shape: String, _ begin: String, _ end: String) -> String {
            "{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
        }
        let x = tensor("F32", "[2]", "0", "8")
        try expectMalformed(file("{}", length: .max), "18446744073709551615")
        try expectMalformed(file("{}", length: 1 << 62))
        try expectMalformed(file("{}", length: 3))
        try expectMalformed(file(""), "its end")
        try expectMalformed(file("[]"))
        try expectMalformed(file("{} x"))
        try expectMalformed(file("{\"x\":\(x),}", data: 8))
        try expectMalformed(file("{\"x\":\(x),\"x\":\(x)}", data: 8), "\"x\"", "twice")
        try expectMalformed(file("{\"x\":\(x),\"y\":\(x)}", data: 8), "\"y\"", "inside", "8")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[1]", "4", "8"))}", data: 8), "gap")
        try expectMalformed(file("{\"x\":\(x)}", data: 12), "8", "12")
        try expectMalformed(file("{\"x\":\(x)}", data: 4), "[0, 8]", "4 bytes")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[3]", "0", "8"))}", data: 8), "[3]", "8 bytes")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[2]", "8", "0"))}", data: 8), "[8, 0]")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[4611686018427387904,4]", "0", "0"))}"), "too many")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[4611686018427387904]", "0", "0"))}"))
        try expectMalformed(file("{\"x\":\(tensor("F32", "[9223372036854775808]", "0", "0"))}"), "2^63")
        try expectMalformed(file("{\"x\":\(tensor("F32", "[-1]", "0", "0"))}"))
        try expectMalformed(file("{\"x\":\(tensor("F32", "[1.0]", "0", "4"))}", data: 4))
        try expectMalformed(file("{\"x\":\(tensor("F32", "[01]", "0", "4"))}", data: 4))
        try expectMalformed(file("{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}"), "lacks")
        try expectMalformed(file("{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}"), "dtype")
        try expectMalformed(file("{\"x\":{\"more\":[]}}"), "more")
        try expectMalformed(file("{\"__metadata__\":{\"a\":1}}"))
        try expectMalformed(file("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), "twice")
        try expectMalformed(file("{\"\\ud800\":\(x)}", data: 8), "surrogate")
        try expectMalformed(file("{\"\\q\":\(x)}", data: 8), "escape")
        try expectMalformed(file(String(repeating: "[", count: 100_000)))
        try expectMalformed(file("{\"a\":" + String(repeating: "{\"a\":", count: 100_000)))
        // No numbers, but a length that loops over rows would not survive.
        let huge = try SafetensorsFile(
            contentsOf: file("{\"x\":\(tensor("F32", "[4611686018427387904,0]", "0", "0"))}")
        )
        #expect { try huge.matrix("x") } throws: { ($0 as? SafetensorsError)?.code == .malformed }
        // The twin: the same words in order are accepted.
        #expect(try SafetensorsFile(contentsOf: file(" { \"x\" : \(x) } ", data: 8)).matrix("x").count == 2)
        #expect(try SafetensorsFile(contentsOf: file("{\"\\u0078\":\(x)}", data: 8)).names == ["x"])
        #expect(
            try SafetensorsFile(contentsOf: file("{\"x\":\(tensor("I3", "[2]", "0", "8"))}", data: 8)).names == ["x"]
        )
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `mutated files give tensors or a typed error`(seed: UInt64) throws {
        defer { removeFolder() }
        let whole = try [UInt8](Data(contentsOf: sample))
        let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
        let url = folder.appending(path: "mutated.safetensors")
        var random = RandomStream(seed: seed)
        var (accepted, refused) = (0, 0)
        for _ in 0..<500 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<min(bytes.count, headerEnd + 16), using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.remove(at: place)
                case 3: bytes.insert("0123456789,:{}[]\"\\".utf8.randomElement(using: &random) ?? 0, at: place)
                default:
                    let from = Int.random(in: 0..<headerEnd, using: &random)
                    let part = Array(bytes[min(from, bytes.count)..<min(from + 20, bytes.count)])
                    bytes.replaceSubrange(place..<min(place + part.count, bytes.count), with: part)
                }
            }
            try Data(bytes).write(to: url)
            do {
                let file = try SafetensorsFile(contentsOf: url)
                for name in file.names {
                    do {
                        #expect(try file.matrix(name).count <= bytes.count)
                    } catch let error as SafetensorsError {
                        #expect(error.code == .unsupportedType)
                    }
                }
                accepted += 1
            } catch let error as SafetensorsError {
                #expect(error.code == .malformed)
                refused += 1
            }
        }
        #expect(accepted > 0 && refused > 300, "\(accepted) accepted, \(refused) refused")
    }
}
