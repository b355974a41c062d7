import SemblanceEncoders
import SemblanceNumerics
import SemblanceTestSupport
import SemblanceText
import SemblanceTraining
import Testing

/// The gradient of the loss by every weight of a model, beside central differences of the same in double precision.
@Suite struct WholeModelGradientTests {
    static let (tokens, dimension, outputs) = (30, 6, 5)

    let batch = ContrastiveBatch([
        .init(anchor: 0, positives: [10], negatives: [20, 21], group: 1),
        .init(anchor: 1, positives: [11, 12], negatives: [22]),
        .init(anchor: 2, positives: [10], group: 1),
        .init(anchor: 3, positives: [13]),
        .init(anchor: 0, positives: [14], negatives: [20]),
    ])

    /// Token ids of texts of 0 to 5 tokens, some of them twice in a text.
    func texts(_ count: Int, _ random: inout RandomStream) -> [[Int32]] {
        (0..<count).map { index in
            (0..<(index == 2 ? 0 : Int.random(in: 1...5, using: &random))).map { _ in
                Int32.random(in: 0..<Int32(Self.tokens), using: &random)
            }
        }
    }

    /// Table, projection and bias in double precision, and the loss they give.
    struct Reference {
        var table: DoubleMatrix
        var weight: DoubleMatrix
        var bias: DoubleMatrix
        let tokenWeights: [Double]
        let queries: [[Int32]]
        let documents: [[Int32]]
        let batch: ContrastiveBatch
        let configuration: ContrastiveConfiguration

        func embed(_ texts: [[Int32]]) -> DoubleMatrix {
            let elements = texts.flatMap { ids -> [Double] in
                var mean = [Double](repeating: 0, count: dimension)
                for id in ids {
                    for column in 0..<dimension {
                        mean[column] += tokenWeights[Int(id)] * table[Int(id), column] / Double(ids.count)
                    }
                }
                return (0..<outputs).map { bias[0, $0] + dot(mean, weight[row: $0]) }
            }
            return DoubleMatrix(rows: texts.count, columns: outputs, elements: elements)
        }

        var loss: Double {
            referenceLoss(
                anchors: embed(queries),
                documents: embed(documents),
                batch: batch,
                scale: 20,
                configuration
            )
        }
    }

    @Test(arguments: ContrastiveObjectiveTests.configurations, [1, 2] as [UInt64])
    func `every weight's gradient matches central differences`(
        configuration: ContrastiveConfiguration,
        seed: UInt64
    ) {
        var random = RandomStream(seed: seed)
        let reference = Reference(
            table: random.reference(rows: Self.tokens, columns: Self.dimension),
            weight: random.reference(rows: Self.outputs, columns: Self.dimension, deviation: 0.4),
            bias: random.reference(rows: 1, columns: Self.outputs, deviation: 0.1),
            tokenWeights: (0..<Self.tokens).map { _ in Double(Float.random(in: 0.2...2, using: &random)) },
            queries: texts(batch.anchors.count, &random),
            documents: texts(batch.documents.count, &random),
            batch: batch,
            configuration: configuration
        )
        let found = gradients(reference)
        let tolerance = Tolerance(relative: 5e-5)
        func expected(_ weights: WritableKeyPath<Reference, DoubleMatrix>) -> DoubleMatrix {
            differences(at: reference[keyPath: weights]) {
                var moved = reference
                moved[keyPath: weights] = $0
                return moved.loss
            }
        }
        expectClose(found.table, expected(\.table), tolerance, "table")
        expectClose(found.weight, expected(\.weight), tolerance, "projection")
        expectClose(found.bias, expected(\.bias), tolerance, "bias")
        #expect(excess(found.bias.elements.map { -Double($0) }, over: expected(\.bias).elements, tolerance).ratio > 1)
    }

    private func gradients(_ reference: Reference) -> (table: Matrix, weight: Matrix, bias: Matrix) {
        let encoder = StaticEncoder(
            table: reference.table.float,
            weights: reference.tokenWeights.map(Float.init),
            projection: .init(weight: reference.weight.float, bias: reference.bias.float)
        )
        let tape = Tape(Weights(encoder.parameters.map(\.value)), isRecording: true)
        let queries = encoder.encode(TokenBatch(reference.queries), skipping: 0, on: tape)
        let documents = encoder.encode(TokenBatch(reference.documents), skipping: 0, on: tape)
        let contrast = ContrastiveObjective(reference.configuration).contrast(
            anchors: queries.value,
            documents: documents.value,
            batch: reference.batch,
            scale: 20,
            workers: .shared(threads: 2)
        )
        var gradients = tape.backpropagate(contrast.anchorGradient, from: queries)
        gradients.add(tape.backpropagate(contrast.documentGradient, from: documents))
        let rows = RowGradient(
            summing: gradients.tables[0] ?? [],
            tableRows: Self.tokens,
            columns: Self.dimension,
            workers: .shared(threads: 2)
        )
        let none = Matrix(rows: 0, columns: 0)
        return (rows.dense(rows: Self.tokens), gradients.dense[1] ?? none, gradients.dense[2] ?? none)
    }
}
