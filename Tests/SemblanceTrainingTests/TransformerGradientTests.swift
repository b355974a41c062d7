import Foundation
import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import SemblanceTraining
import Testing

/// The gradient of the loss by every weight of a small BERT, opened from a folder, beside the same in double precision.
@Suite struct TransformerGradientTests {
    static let (vocabulary, width, heads, inner, places) = (60, 6, 2, 10, 8)

    /// Names and shapes as Hugging Face's files have them.
    static let tensors: [(name: String, shape: [Int])] =
        [
            ("embeddings.word_embeddings.weight", [vocabulary, width]),
            ("embeddings.position_embeddings.weight", [places, width]),
            ("embeddings.token_type_embeddings.weight", [2, width]),
            ("embeddings.LayerNorm.weight", [width]), ("embeddings.LayerNorm.bias", [width]),
        ]
        + (0..<2).flatMap { layer -> [(name: String, shape: [Int])] in
            let parts: [(name: String, shape: [Int])] = [
                ("attention.self.query", [width, width]), ("attention.self.key", [width, width]),
                ("attention.self.value", [width, width]), ("attention.output.dense", [width, width]),
                ("intermediate.dense", [inner, width]), ("output.dense", [width, inner]),
            ]
            let norms = ["attention.output.LayerNorm", "output.LayerNorm"].flatMap {
                [($0 + ".weight", [width]), ($0 + ".bias", [width])]
            }
            return (parts.flatMap { [($0.name + ".weight", $0.shape), ($0.name + ".bias", [$0.shape[0]])] } + norms)
                .map { ("encoder.layer.\(layer).\($0.0)", $0.1) }
        }

    static let configuration = """
        {"model_type": "bert", "vocab_size": \(vocabulary), "hidden_size": \(width), "num_hidden_layers": 2,
         "num_attention_heads": \(heads), "intermediate_size": \(inner), "hidden_act": "gelu",
         "layer_norm_eps": 0.01, "max_position_embeddings": \(places), "type_vocab_size": 2,
         "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
        """

    /// The encoder of a folder with these tensors.
    func encoder(_ tensors: [SafetensorsFile.Tensor]) async throws -> any TextEncoder {
        let tokenizer = Bundle.module.url(forResource: "tokenizer", withExtension: "json", subdirectory: "Fixtures")
        var result: (any TextEncoder)?
        try await withTemporaryFolder { folder in
            try Data(Self.configuration.utf8).write(to: folder.appending(path: "config.json"))
            try FileManager.default.copyItem(
                at: try #require(tokenizer),
                to: folder.appending(path: "tokenizer.json")
            )
            try SafetensorsFile.write(tensors, to: folder.appending(path: "model.safetensors"))
            result = try Embedder(contentsOf: folder).queryTower.encoder
        }
        return try #require(result)
    }

    /// The model in double precision, by the names of its weights.
    struct Reference {
        var weights: [String: DoubleMatrix]
        let queries: [[Int32]]
        let documents: [[Int32]]
        let batch: ContrastiveBatch
        let scale: Float

        func linear(_ x: DoubleMatrix, _ name: String) -> DoubleMatrix {
            x.linear(weights[name + ".weight"] ?? x, bias: weights[name + ".bias"])
        }

        func norm(_ x: DoubleMatrix, _ name: String) -> DoubleMatrix {
            x.layerNorm(
                gamma: weights[name + ".weight"] ?? x,
                beta: weights[name + ".bias"],
                epsilon: Double(Float(0.01))
            )
        }

        func embed(_ texts: [[Int32]]) -> DoubleMatrix {
            func rows(_ table: String, _ ids: [Int]) -> DoubleMatrix {
                DoubleMatrix(
                    rows: ids.count,
                    columns: width,
                    elements: ids.flatMap { weights["embeddings.\(table).weight"]?[row: $0] ?? [] }
                )
            }
            let elements = texts.flatMap { ids -> [Double] in
                let words = rows("word_embeddings", ids.map(Int.init))
                let prompt = weights["prompt_embeddings"]
                let places = ids.count + (prompt?.rows ?? 0)
                let vectors = DoubleMatrix(
                    rows: places,
                    columns: width,
                    elements: (prompt?.elements ?? []) + words.elements
                )
                let sum =
                    vectors + rows("position_embeddings", Array(0..<places))
                    + rows("token_type_embeddings", [Int](repeating: 0, count: places))
                var x = norm(sum, "embeddings.LayerNorm")
                for layer in 0..<2 {
                    let name = "encoder.layer.\(layer)."
                    let parts = ["query", "key", "value"].map { linear(x, name + "attention.self." + $0) }
                    let joined = DoubleMatrix(
                        rows: x.rows,
                        columns: 3 * width,
                        elements: (0..<x.rows).flatMap { row in parts.flatMap { $0[row: row] } }
                    )
                    let mixed = joined.attention(heads: heads, offsets: [0, Int32(x.rows)])
                    x = norm(linear(mixed, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
                    let up = linear(x, name + "intermediate.dense").mapped(gelu)
                    x = norm(linear(up, name + "output.dense") + x, name + "output.LayerNorm")
                }
                return (0..<width).map { column in
                    (0..<x.rows).reduce(0) { $0 + x[$1, column] } / Double(x.rows)
                }
            }
            return DoubleMatrix(rows: texts.count, columns: width, elements: elements)
        }

        var loss: Double {
            referenceLoss(
                anchors: embed(queries),
                documents: embed(documents),
                batch: batch,
                scale: Double(scale),
                ContrastiveConfiguration()
            )
        }
    }

    /// A batch where each anchor is its positive: a small loss; and one where it is another row's: a large one.
    @Test(arguments: [false, true], [false, true])
    func `every weight's gradient matches central differences`(isSolved: Bool, withSoftPrompt: Bool) async throws {
        var random = RandomStream(seed: 1)
        let prompt = withSoftPrompt ? [(name: "prompt_embeddings", shape: [2, Self.width])] : []
        let tensors = (Self.tensors + prompt).map { tensor in
            let isScale = tensor.name.hasSuffix("LayerNorm.weight")
            var value = random.normal(
                rows: tensor.shape.count == 1 ? 1 : tensor.shape[0],
                columns: tensor.shape.last ?? 1,
                deviation: tensor.name.contains("embeddings") ? 1 : 0.4
            )
            if isScale { for column in 0..<value.columns { value[0, column] = 1 + 0.2 * value[0, column] } }
            return SafetensorsFile.Tensor(name: tensor.name, shape: tensor.shape, value: value)
        }
        let queries = (0..<3).map { _ in
            (0..<Int.random(in: 2...5, using: &random)).map { _ in Int32.random(in: 0..<20, using: &random) }
        }
        let documents = isSolved ? queries : Array(queries[1...] + queries[..<1])
        let reference = Reference(
            weights: Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, DoubleMatrix($0.value)) }),
            queries: queries,
            documents: documents,
            batch: ContrastiveBatch((0..<3).map { .init(anchor: $0, positives: [10 + $0]) }),
            scale: isSolved ? 100 : 20
        )
        let encoder = try await encoder(tensors)
        let gradients = gradients(of: encoder, reference)
        // Texts behind one prompt are more alike.
        #expect(isSolved ? reference.loss < (withSoftPrompt ? 0.3 : 0.01) : reference.loss > 1)

        for (name, found) in gradients {
            let values = try #require(reference.weights[name])
            #expect(found.rows == values.rows && found.columns == values.columns)
            let directions = (0..<2).map { _ in random.reference(rows: values.rows, columns: values.columns) }
            let slopes = directions.map { direction in
                func loss(_ step: Double) -> Double {
                    var moved = reference
                    moved.weights[name] = values + direction.mapped { $0 * step }
                    return moved.loss
                }
                return (loss(1e-5) - loss(-1e-5)) / 2e-5
            }
            let gradient = DoubleMatrix(found)
            let tolerance = Tolerance(relative: 1e-4, absolute: isSolved ? 1e-6 : 1e-5)
            expectClose(directions.map { $0.dot(gradient) }, slopes, tolerance, name)
            // A softmax doesn't see the bias of keys: it moves all scores of a query alike.
            if name.hasSuffix("self.key.bias") { continue }
            let wrong = gradient.mapped { 1.01 * $0 + 1e-5 }
            #expect(excess(directions.map { $0.dot(wrong) }, over: slopes, tolerance).ratio > 1, "\(name)")
        }
        #expect(gradients.count == tensors.count)
    }

    /// The gradients of the loss by tensor of the file.
    private func gradients(of encoder: any TextEncoder, _ reference: Reference) -> [(name: String, Matrix)] {
        let parameters = encoder.parameters
        let tape = Tape(Weights(parameters.map(\.value)), isRecording: true)
        let queries = encoder.encode(TokenBatch(reference.queries), skipping: 0, on: tape)
        let documents = encoder.encode(TokenBatch(reference.documents), skipping: 0, on: tape)
        let contrast = ContrastiveObjective(ContrastiveConfiguration()).contrast(
            anchors: queries.value,
            documents: documents.value,
            batch: reference.batch,
            scale: reference.scale,
            workers: .shared(threads: 2)
        )
        var gradients = tape.backpropagate(contrast.anchorGradient, from: queries)
        gradients.add(tape.backpropagate(contrast.documentGradient, from: documents))
        return parameters.enumerated().flatMap { index, parameter -> [(name: String, Matrix)] in
            let shape = parameter.value
            let whole =
                gradients.tables[index].map {
                    RowGradient(
                        summing: $0,
                        tableRows: shape.rows,
                        columns: shape.columns,
                        workers: .shared(threads: 1)
                    ).dense(rows: shape.rows)
                } ?? gradients.dense[index] ?? Matrix(rows: 0, columns: 0)
            let count = parameter.names.count
            return parameter.names.enumerated().map { place, name in
                if count == 1 { return (name, whole) }
                if parameter.isVector {
                    let part = whole.columns / count
                    return (name, whole.columns(place * part..<(place + 1) * part))
                }
                let part = whole.rows / count
                return (name, whole.rows(place * part..<(place + 1) * part))
            }
        }
    }
}

private let (width, heads) = (TransformerGradientTests.width, TransformerGradientTests.heads)
