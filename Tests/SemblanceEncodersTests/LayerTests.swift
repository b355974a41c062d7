import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import Testing

/// Transformers of fewer layers, and what they are while the others are there.
@Suite struct LayerTests {
    @Test(arguments: TransformerFixtures.bases + ["all-poolings", "dense-twice"])
    func `what stands beside the embeddings after n layers is the model of n layers, written too`(
        name: String
    ) async throws {
        try await withTemporaryFolder { parent in
            let embedder = try Embedder(contentsOf: TransformerFixtures.copy(name, into: parent))
            let texts = try TransformerFixtures.texts()
            let tower = embedder.documentTower
            let prompt = embedder.prompts[.document] ?? ""
            let tokens = tower.tokenize(texts[...], prompt: prompt)
            let numbers = Array(0...tower.encoder.layerCount)
            let views = tower.encoder.encode(
                tokens,
                skipping: tower.skippedTokens(prompt: prompt),
                layers: numbers.reversed(),
                on: Tape(Weights(tower.encoder.parameters.map(\.value)), isRecording: false)
            ).value
            let width = embedder.dimension
            #expect(views.rows == texts.count && views.columns == width * (numbers.count + 1))
            let plain = Embedder.Options(normalizes: false)
            #expect(try await views.columns(0..<width) == embedder.embed(texts, options: plain))
            var seen: [[Float]] = []
            for (place, number) in numbers.reversed().enumerated() {
                let view = views.columns(width * (place + 1)..<width * (place + 2))
                let shorter = try embedder.keepingLayers(number)
                #expect(try await shorter.embed(texts, options: plain) == view, "\(number) layers")
                let folder = parent.appending(path: "\(number)-layers")
                try shorter.write(to: folder)
                let opened = try Embedder(contentsOf: folder)
                #expect(try await opened.embed(texts, options: plain) == view, "\(number) layers, written")
                #expect(!seen.contains(view.elements))
                seen.append(view.elements)
            }
        }
    }

    @Test func `more layers than there are, or none at all, are refused`() throws {
        let bert = try Embedder(contentsOf: TransformerFixtures.root.appending(path: "bert"))
        let count = bert.documentTower.encoder.layerCount
        for wrong in [-1, count + 1] { #expect(throws: EncoderError.self) { try bert.keepingLayers(wrong) } }
        #expect(throws: Never.self) { try bert.keepingLayers(count) }
    }
}
