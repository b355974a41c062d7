import Foundation
import SemblanceText
import Testing

/// Ids beside those of Hugging Face's `tokenizers`; `Fixtures/golden.py` made them.
@Suite struct GoldenTests {
    struct Small: Decodable {
        struct Case: Decodable {
            let tokenizer: String
            let texts: [String]
            let ids: [[Int32]]
        }
        let cases: [Case]
    }

    /// The cases of the committed file.
    static func small() throws -> [Small.Case] {
        let file = Bundle.module.url(forResource: "golden", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode(Small.self, from: Data(contentsOf: try #require(file))).cases
    }

    @Test func `ids equal those of tokenizers with every setting of the normaliser and of added tokens`() throws {
        var different = 0
        let cases = try Self.small()
        for (number, golden) in cases.enumerated() {
            let tokenizer = try makeTokenizer(golden.tokenizer)
            for (text, expected) in zip(golden.texts, golden.ids) {
                #expect(tokenizer.encode(text) == expected, "case \(number): \(text.debugDescription)")
            }
            let other = try makeTokenizer(cases[(number + 3) % cases.count].tokenizer)
            if golden.texts.map({ other.encode($0) }) != golden.ids { different += 1 }
        }
        #expect(different == cases.count, "another tokenizer's ids must differ, or the comparison sees nothing")
    }

    @Test func `a written tokenizer gives the same ids`() throws {
        for golden in try Self.small() {
            let first = try makeTokenizer(golden.tokenizer)
            let file = TemporaryFile(Data())
            try first.write(to: file.url)
            let written = try Data(contentsOf: file.url)
            let second = try Tokenizer(contentsOf: file.url)
            for (text, expected) in zip(golden.texts, golden.ids) { #expect(second.encode(text) == expected) }
            try second.write(to: file.url)
            #expect(try Data(contentsOf: file.url) == written)
        }
    }

    static let largeFolder = ProcessInfo.processInfo.environment["SEMBLANCE_TOKENIZER_GOLDEN"]

    struct LargeCase: Decodable {
        let tokenizer, texts, ids: String
        let special: Bool
    }

    @Test(.enabled(if: largeFolder != nil))
    func `ids equal those of tokenizers on whole data sets and on noise`() throws {
        let folder = URL(filePath: try #require(Self.largeFolder))
        let list = try Data(contentsOf: folder.appending(path: "cases.json"))
        let cases = try JSONDecoder().decode([LargeCase].self, from: list)
        var texts: [String: [String]] = [:]
        for golden in cases {
            let tokenizer = try Tokenizer(contentsOf: folder.appending(path: golden.tokenizer + ".json"))
            if texts[golden.texts] == nil { texts[golden.texts] = try Self.texts(golden.texts, in: folder) }
            let all = texts[golden.texts] ?? []
            let found = tokenizer.encode(all, addingSpecialTokens: golden.special, maximumLength: nil)
            let ids: [Int32] = try Self.array(folder.appending(path: golden.ids + ".ids"))
            let offsets: [Int32] = try Self.array(folder.appending(path: golden.ids + ".offsets"))
            print("\(golden.ids): \(all.count) texts, \(ids.count) ids")
            guard found.ids != ids || found.offsets != offsets else { continue }
            var shown = 0
            for text in 0..<all.count where shown < 5 {
                let expected = ids[Int(offsets[text])..<Int(offsets[text + 1])]
                guard found[text] != expected else { continue }
                shown += 1
                let scalars = all[text].unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " ")
                Issue.record("\(golden.ids) \(text): \(scalars)\n\(Array(found[text]))\n\(Array(expected))")
            }
        }
    }

    static func texts(_ name: String, in folder: URL) throws -> [String] {
        let bytes = try Data(contentsOf: folder.appending(path: name + ".bytes"))
        let ends: [Int64] = try array(folder.appending(path: name + ".ends"))
        var start = 0
        return ends.map { end in
            defer { start = Int(end) }
            return String(decoding: bytes[start..<Int(end)], as: UTF8.self)
        }
    }

    static func array<Element: BitwiseCopyable>(_ file: URL) throws -> [Element] {
        let data = try Data(contentsOf: file)
        return unsafe data.withUnsafeBytes { unsafe Array($0.bindMemory(to: Element.self)) }
    }
}
