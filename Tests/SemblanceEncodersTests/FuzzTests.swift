import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import Testing

/// How many damaged folders are opened, and from which seed on: SEMBLANCE_FUZZ=COUNT or COUNT,SEED.
private let plan = ProcessInfo.processInfo.environment["SEMBLANCE_FUZZ"]?.split(separator: ",").compactMap {
    UInt64($0)
}

/// Folders with one file changed at random are opened, or refused with a typed error; nothing crashes.
@Suite(.enabled(if: plan != nil)) struct FuzzTests {
    private static let fixtures = ["bert", "bert-sharded", "modernbert", "mpnet", "dense-twice", "router", "roberta"]

    private static let scraps = [
        "-1", "0", "1", "2", "3", "7", "1e999", "-1e300", "0.5", "1e-300", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "2147483648", "4294967296", "1000000000", "65536", "null", "true", "false", "[]", "{}",
        "\"\"", "\"x\"", "NaN", "Infinity", "\\ud800", "\"\\u0000\"", "[[[[[[", "{\"a\":", "\u{0}", "\u{FEFF}", ",",
        "\"mean\"",
    ]

    @Test func `folders changed at random never crash`() async throws {
        let count = plan?.first ?? 0
        var random = RandomStream(seed: plan?.dropFirst().first ?? 0, stream: 0)
        func below(_ bound: Int) -> Int { Int(random.next() % UInt64(max(bound, 1))) }
        try await withTemporaryFolder { parent in
            print("fuzzing in \(parent.path)")
            var targets: [(folder: URL, file: URL, whole: [UInt8])] = []
            for name in Self.fixtures {
                let folder = try TransformerFixtures.copy(name, into: parent)
                for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
                where file.hasSuffix(".json") || file.hasSuffix(".safetensors") {
                    let url = folder.appending(path: file)
                    targets.append((folder, url, [UInt8](try Data(contentsOf: url))))
                }
            }
            var opened = 0
            for index in 0..<count {
                let target = targets[below(targets.count)]
                var bytes = target.whole
                // Of weights mostly the header.
                let reach = target.file.pathExtension == "safetensors" && below(4) > 0 ? 4096 : bytes.count
                for _ in 0...below(3) {
                    let place = below(min(reach, bytes.count))
                    switch below(5) {
                    case 0 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(40)))
                    case 2: bytes.insert(contentsOf: Self.scraps[below(Self.scraps.count)].utf8, at: place)
                    case 3:
                        let part = bytes[place..<min(bytes.count, place + 1 + below(60))]
                        bytes.insert(contentsOf: part, at: place)
                    default:
                        // A value in the place of another.
                        guard let start = bytes[place...].firstIndex(of: UInt8(ascii: ":")) else { continue }
                        let end = bytes[(start + 1)...].firstIndex { [0x2C, 0x7D, 0x0A].contains($0) } ?? bytes.count
                        bytes.replaceSubrange(start + 1..<end, with: Self.scraps[below(Self.scraps.count)].utf8)
                    }
                }
                try Data(bytes).write(to: target.file)
                do {
                    let embedder = try Embedder(contentsOf: target.folder)
                    let found = try await embedder.embed(["", "the sea", "rocks <pad> [MASK]"], as: .query)
                    if found.rows != 3 { Issue.record("\(index): \(found.rows) rows") }
                    opened += 1
                } catch {
                    let isTyped = error is EncoderError || error is SafetensorsError || error is TextError
                    if !isTyped { Issue.record("\(index), \(target.file.path): \(type(of: error)) \(error)") }
                }
                try Data(target.whole).write(to: target.file)
            }
            print("\(count) folders: \(opened) were opened, the others refused")
        }
    }
}
