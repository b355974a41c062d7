import CSemblanceKernels
import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// Small transformers of every architecture, pooling and module against sentence-transformers.
@Suite struct TransformerFolderTests {
    /// Of any component, times the largest where that is above 10 (sums over the root of the length).
    static let tolerance: Float = 2e-5

    @Test(arguments: TransformerFixtures.bases + TransformerFixtures.variants, Role.allCases)
    func `embeddings are those of sentence-transformers`(name: String, role: Role) async throws {
        try await withTemporaryFolder { parent in
            let embedder = try Embedder(contentsOf: TransformerFixtures.copy(name, into: parent))
            let expected = try TransformerFixtures.expected(name, role)
            let found = try await embedder.embed(TransformerFixtures.texts(), as: role)
            let scale = expected.elements.reduce(0) { max($0, abs($1)) }
            let difference = largestDifference(found, expected)
            #expect(difference <= Self.tolerance * (scale > 10 ? scale : 1), "\(name)")
        }
    }

    /// A change of what the configuration says, and the fixture that must notice it.
    struct Change: CustomTestStringConvertible, Sendable {
        let fixture: String
        let edit: String
        let value: String

        var testDescription: String { "\(fixture): \(edit) = \(value)" }
    }

    @Test(arguments: [
        Change(fixture: "bert", edit: "hidden_act", value: #""gelu_new""#),
        Change(fixture: "bert-old-names", edit: "hidden_act", value: #""gelu""#),
        Change(fixture: "bert", edit: "layer_norm_eps", value: "1e-3"),
        Change(fixture: "bert", edit: "num_attention_heads", value: "2"),
        Change(fixture: "distilbert", edit: "n_heads", value: "4"),
        Change(fixture: "distilbert", edit: "activation", value: #""relu""#),
        Change(fixture: "roberta", edit: "pad_token_id", value: "0"),
        Change(fixture: "xlm-roberta", edit: "pad_token_id", value: "2"),
        Change(fixture: "roberta", edit: "layer_norm_eps", value: "1e-3"),
        Change(fixture: "mpnet", edit: "pad_token_id", value: "0"),
        Change(fixture: "mpnet", edit: "layer_norm_eps", value: "1e-3"),
        Change(fixture: "modernbert", edit: "local_attention", value: "14"),
        Change(
            fixture: "modernbert",
            edit: "layer_types",
            value: #"["full_attention","full_attention","sliding_attention"]"#
        ),
        Change(
            fixture: "modernbert",
            edit: "rope_parameters",
            value: #"{"full_attention":{"rope_theta":40001},"sliding_attention":{"rope_theta":510}}"#
        ),
        Change(fixture: "modernbert", edit: "norm_eps", value: "1e-3"),
        Change(fixture: "modernbert-old-config", edit: "global_attn_every_n_layers", value: "3"),
        Change(fixture: "modernbert-old-config", edit: "global_rope_theta", value: "21000"),
        Change(fixture: "modernbert-old-config", edit: "local_rope_theta", value: "310"),
        Change(fixture: "modernbert-old-config", edit: "hidden_activation", value: #""gelu""#),
    ])
    func `another configuration gives other embeddings`(change: Change) async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy(change.fixture, into: parent)
            let value = try JSONSerialization.jsonObject(with: Data(change.value.utf8), options: .fragmentsAllowed)
            try TransformerFixtures.edit(folder.appending(path: "config.json")) { $0[change.edit] = value }
            let found = try await Embedder(contentsOf: folder).embed(TransformerFixtures.texts())
            let difference = try largestDifference(found, TransformerFixtures.expected(change.fixture, .document))
            #expect(difference > 2 * Self.tolerance && difference < .infinity, "\(difference)")
        }
    }

    @Test func `a transformer's own folder without modules is pooled by the mean`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            try FileManager.default.removeItem(at: folder.appending(path: "modules.json"))
            try FileManager.default.removeItem(at: folder.appending(path: "1_Pooling"))
            let found = try await Embedder(contentsOf: folder).embed(TransformerFixtures.texts())
            #expect(try largestDifference(found, TransformerFixtures.expected("bert", .document)) <= Self.tolerance)
        }
    }

    @Test func `first-last pooling is the mean of both layers' states, and not the last layer's alone`() async throws {
        let text = "The baker makes bread, and sells it."
        // Of transformers: means over the tokens of (hidden_states[1] + last) / 2, and of the last.
        let both: [Float] = [0.063082, -0.990556, -0.144274, -0.477962, 0.835814, -0.552218]
        let last: [Float] = [0.483048, -1.686527, -0.106999, -0.136462, 0.012513, 0.273658]
        for (mode, expected, other) in [("first_last_mean", both, last), ("mean", last, both)] {
            try await withTemporaryFolder { parent in
                let folder = try TransformerFixtures.copy("bert", into: parent)
                try TransformerFixtures.edit(folder.appending(path: "1_Pooling/config.json")) {
                    $0["pooling_mode"] = mode
                }
                let found = try await Embedder(contentsOf: folder).embed(text)
                #expect(found.count == 32)
                #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= Self.tolerance })
                #expect(zip(found, other).allSatisfy { abs($0 - $1) > 2 * Self.tolerance })
            }
        }
    }

    @Test(arguments: TransformerFixtures.bases + TransformerFixtures.variants)
    func `a folder that is written opens with the same bits`(name: String) async throws {
        let texts = try TransformerFixtures.texts()
        try await withTemporaryFolder { parent in
            let embedder = try Embedder(contentsOf: TransformerFixtures.copy(name, into: parent))
            let copy = parent.appending(path: "written")
            try embedder.write(to: copy)
            let opened = try Embedder(contentsOf: copy)
            #expect(opened.prompts == embedder.prompts && opened.normalizes == embedder.normalizes)
            for role in Role.allCases {
                let (found, expected) = (
                    try await opened.embed(texts, as: role), try await embedder.embed(texts, as: role)
                )
                #expect(found == expected)
            }
        }
    }

    @Test func `adapters are written and opened with the model`() async throws {
        var tuning = TuningConfiguration()
        tuning.adapterWidth = 4
        try await withTemporaryFolder { parent in
            let tuned = try Embedder(contentsOf: TransformerFixtures.root.appending(path: "bert")).tuned(
                by: tuning,
                seed: 1
            )
            let copy = parent.appending(path: "written")
            try tuned.write(to: copy)
            let opened = try Embedder(contentsOf: copy)
            let (found, expected) = (opened.documentTower.encoder.parameters, tuned.documentTower.encoder.parameters)
            #expect(found.map(\.names) == expected.map(\.names) && found.map(\.value) == expected.map(\.value))
        }
    }

    @Test(arguments: TransformerFixtures.bases)
    func `a text's embedding is the same bits in any company, order and number of threads`(name: String) async throws {
        let texts = try TransformerFixtures.texts()
        let embedder = try Embedder(contentsOf: TransformerFixtures.root.appending(path: name))
        try await expectSameBits(embedder, texts)
        try await expectSameBitsOnEveryPath(TransformerFixtures.root.appending(path: name), texts)
    }

    @Test(arguments: TransformerFixtures.bases.filter { $0 != "router" })
    func `so it is behind a soft prompt, which texts too long for both are cut to`(name: String) async throws {
        var tuning = TuningConfiguration()
        tuning.softPromptLength = 5
        let texts = try TransformerFixtures.texts() + [String(repeating: "sea rock ", count: 200)]
        let plain = try Embedder(contentsOf: TransformerFixtures.root.appending(path: name))
        let prompted = try plain.tuned(by: tuning, seed: 1)
        try await expectSameBits(prompted, texts)
        let (without, with) = (try await plain.embed(texts), try await prompted.embed(texts))
        #expect(largestDifference(without, with) > 0.01)
    }

    @Test func `texts are lowered where the folder says so`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("lower-case", into: parent)
            try TransformerFixtures.edit(folder.appending(path: "sentence_bert_config.json")) {
                $0["do_lower_case"] = false
            }
            let found = try await Embedder(contentsOf: folder).embed(TransformerFixtures.texts())
            #expect(try largestDifference(found, TransformerFixtures.expected("lower-case", .document)) > 0.1)
        }
    }

    @Test func `prompts by name, and which is the default, are written as they were read`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            let settings = "config_sentence_transformers.json"
            func written(_ name: String) throws -> [String: Any] {
                try TransformerFixtures.edit(folder.appending(path: settings)) {
                    $0["prompts"] = ["sts": "alike: ", "query": "query: "]
                    $0["default_prompt_name"] = name
                }
                let copy = parent.appending(path: "written")
                try Embedder(contentsOf: folder).write(to: copy, overwriting: true)
                let data = try Data(contentsOf: copy.appending(path: settings))
                return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            }
            let known = try written("sts")
            // Documents have no prompt of their own: they get the default one.
            #expect(
                known["prompts"] as? [String: String] == ["sts": "alike: ", "query": "query: ", "document": "alike: "]
            )
            #expect(known["default_prompt_name"] as? String == "sts")
            let unknown = try written("other")
            #expect(unknown["default_prompt_name"] as? String == nil)
        }
    }

    @Test func `the three rates of dropout of ModernBERT are its own`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("modernbert", into: parent)
            try TransformerFixtures.edit(folder.appending(path: "config.json")) {
                $0["embedding_dropout"] = 0.25
                $0["attention_dropout"] = 0.5
                $0["mlp_dropout"] = 0.125
            }
            let encoder = try Embedder(contentsOf: folder).documentTower.encoder
            let configuration = try #require(encoder as? TransformerEncoder).configuration
            #expect(configuration.dropout == 0.25 && configuration.attentionDropout == 0.5)
            #expect(configuration.innerDropout == 0.125 && encoder.dropout == 0.5)
        }
    }

    @Test func `a document's prompt may be called passage`() async throws {
        try await withTemporaryFolder { parent in
            let folder = try TransformerFixtures.copy("bert", into: parent)
            try TransformerFixtures.edit(folder.appending(path: "config_sentence_transformers.json")) {
                $0["prompts"] = ["query": "query: ", "passage": "passage: "]
            }
            #expect(try Embedder(contentsOf: folder).prompts == [.query: "query: ", .document: "passage: "])
        }
    }
}

/// Expects each text's embedding alone, among others, in another order and on 1 or 2 threads to be the same.
func expectSameBits(_ embedder: Embedder, _ texts: [String]) async throws {
    let all = try await embedder.embed(texts, as: .document, options: .init(compute: .init(threads: 2)))
    #expect(try await embedder.embed(texts, as: .document, options: .init(compute: .init(threads: 1))) == all)
    let reversed = try await embedder.embed(Array(texts.reversed()), as: .document)
    let twice = try await embedder.embed(texts + texts, as: .document)
    for (index, text) in texts.enumerated() {
        for threads in [1, 2] {
            let options = Embedder.Options(compute: .init(threads: threads))
            #expect(try await embedder.embed(text, as: .document, options: options) == all[row: index])
        }
        #expect(reversed[row: texts.count - 1 - index] == all[row: index])
        #expect(twice[row: texts.count + index] == all[row: index])
    }
}

/// Expects the same on each path of the kernels that this CPU has, and the paths to agree within 2e-5.
func expectSameBitsOnEveryPath(_ folder: URL, _ texts: [String], tolerance: Float = 2e-5) async throws {
    var results: [Matrix] = []
    for level in [SEMBLANCE_CPU_PORTABLE, SEMBLANCE_CPU_AVX2, SEMBLANCE_CPU_AVX512] {
        let embedder = try Embedder(contentsOf: folder)
        let workers = Workers.shared(threads: 1)
        let result: Matrix? = try await workers.run { cancellation in
            let before = semblance_cpu()
            guard semblance_cpu_set(level) != 0 else { return nil }
            defer { _ = semblance_cpu_set(before) }
            func embed(_ texts: [String]) throws -> Matrix {
                try embedder.embed(texts, as: .document, options: .init(), workers: workers, cancellation: cancellation)
                    .embeddings
            }
            let all = try embed(texts)
            for (index, text) in texts.enumerated() { #expect(try embed([text])[row: 0] == all[row: index]) }
            return all
        }
        if let result { results.append(result) }
    }
    for result in results { #expect(largestDifference(result, results[0]) <= tolerance) }
}
