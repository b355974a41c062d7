import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// Folders that sentence-transformers and model2vec wrote (Fixtures/generate.py), and what they make of the same texts.
@Suite struct ModelFolderTests {
    static let folders = ["sentence-transformers", "router", "model2vec", "model2vec-quantized"]

    static var fixtures: URL { Bundle.module.bundleURL.appending(path: "Fixtures") }

    struct Expected {
        let texts: [String]
        let embeddings: [String: [String: [[Double]]]]

        init() throws {
            let data = try Data(contentsOf: fixtures.appending(path: "expected.json"))
            let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            texts = try #require(object["texts"] as? [String])
            embeddings = object.compactMapValues { $0 as? [String: [[Double]]] }
        }
    }

    @Test(arguments: folders, Role.allCases)
    func `embeddings are those of the library that wrote the folder`(name: String, role: Role) async throws {
        let expected = try Expected()
        let rows = try #require(expected.embeddings[name]?[role.rawValue])
        let embedder = try Embedder(contentsOf: Self.fixtures.appending(path: name))
        let found = try await embedder.embed(expected.texts, as: role)
        let reference = DoubleMatrix(rows: rows.count, columns: rows[0].count, elements: rows.flatMap { $0 })
        expectClose(found, reference, Tolerance(relative: 0, absolute: 1e-6), name)
        // The twin that must differ: the texts in another order.
        let other = try await embedder.embed(expected.texts.reversed(), as: role)
        #expect(
            excess(other.elements.map(Double.init), over: reference.elements, Tolerance(relative: 0, absolute: 1e-6))
                .ratio > 1
        )
    }

    @Test(arguments: folders)
    func `a folder that is written opens with the same bits`(name: String) async throws {
        let texts = try Expected().texts
        let embedder = try Embedder(contentsOf: Self.fixtures.appending(path: name))
        try await withTemporaryFolder { folder in
            let copy = folder.appending(path: "model")
            try embedder.write(to: copy)
            let opened = try Embedder(contentsOf: copy)
            #expect(opened.sharesWeights == embedder.sharesWeights && opened.prompts == embedder.prompts)
            for role in Role.allCases {
                let (found, expected) = (
                    try await opened.embed(texts, as: role), try await embedder.embed(texts, as: role)
                )
                #expect(found == expected)
            }
            #expect(throws: FileError.self) { try embedder.write(to: copy) }
            try embedder.write(to: copy, overwriting: true)
        }
    }

    @Test func `a text's embedding does not depend on its batch, its order or the threads`() async throws {
        let embedder = try Embedder(contentsOf: Self.fixtures.appending(path: "sentence-transformers"))
        let texts = (0..<1000).map { "rock \(String(repeating: "sea stones ", count: $0 % 37))" }
        let all = try await embedder.embed(texts, options: .init(compute: .init(threads: 2)))
        let one = try await embedder.embed(texts, options: .init(compute: .init(threads: 1)))
        let reversed = try await embedder.embed(Array(texts.reversed()))
        #expect(all == one)
        for index in stride(from: 0, to: texts.count, by: 53) {
            let alone = try await embedder.embed(texts[index], as: .document)
            #expect(alone == all[row: index] && alone == reversed[row: texts.count - 1 - index])
        }
    }

    @Test func `the first components are kept and scaled anew`() async throws {
        let embedder = try Embedder(contentsOf: Self.fixtures.appending(path: "sentence-transformers"))
        let whole = try await embedder.embed(["the person"], options: .init(normalizes: false))
        let cut = try await embedder.embed(["the person"], options: .init(dimension: 3))
        let norm = whole[row: 0].prefix(3).reduce(0) { $0 + $1 * $1 }.squareRoot()
        for column in 0..<3 { #expect(abs(cut[0, column] - whole[0, column] / norm) < 1e-6) }
        for dimension in [0, -1, 5] {
            await #expect(throws: EncoderError.self) {
                try await embedder.embed(["the person"], options: .init(dimension: dimension))
            }
        }
    }

    @Test(arguments: folders)
    func `a folder with a file cut short is an error that names it`(name: String) async throws {
        try await withTemporaryFolder { folder in
            let copy = folder.appending(path: "model")
            try FileManager.default.copyItem(at: Self.fixtures.appending(path: name), to: copy)
            for file in try FileManager.default.subpathsOfDirectory(atPath: copy.path)
            where file.hasSuffix(".safetensors") || file == "modules.json" && !name.hasPrefix("model2vec") {
                let url = copy.appending(path: file)
                let whole = try Data(contentsOf: url)
                for share in 0..<20 {
                    try whole.prefix(whole.count * share / 20).write(to: url)
                    #expect(throws: (any Error).self, "\(file) cut to \(share)/20") { try Embedder(contentsOf: copy) }
                }
                try whole.write(to: url)
            }
            _ = try Embedder(contentsOf: copy)
        }
    }

    @Test func `a transformer is named as not supported`() async throws {
        try await withTemporaryFolder { folder in
            let modules = #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]"#
            try Data(modules.utf8).write(to: folder.appending(path: "modules.json"))
            #expect { try Embedder(contentsOf: folder) } throws: { "\($0)".contains("Transformer") }
        }
    }
}
