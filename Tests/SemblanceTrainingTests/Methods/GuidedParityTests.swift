import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

/// The numbers of sentence-transformers' GISTEmbedLoss and of the hardness options of its MultipleNegativesRankingLoss.
@Suite struct GuidedParityTests {
    private struct Golden: Decodable {
        struct Guided: Decodable {
            let columns: Int
            let strategy: GuidedMask.MarginKind
            let margin: Float
            let anchors: Bool
            let positives: Bool
            let loss: Double
            let gradients: [[Double]]
        }
        struct Hardness: Decodable {
            let columns: Int
            let mode: String
            let strength: Float
            let loss: Double
            let gradients: [[Double]]
        }
        let rows: Int
        let columns: [[Double]]
        let guides: [[Double]]
        let guided: [Guided]
        let hardness: [Hardness]
    }

    private static func golden() throws -> Golden {
        let file = Bundle.module.url(forResource: "guided_losses", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: try #require(file)))
    }

    @Test func `GISTEmbedLoss has these losses and gradients`() throws {
        let golden = try Self.golden()
        for expected in golden.guided {
            var method = GuidedMask()
            (method.marginKind, method.margin) = (expected.strategy, expected.margin)
            var configuration = ContrastiveConfiguration()
            if expected.anchors { configuration.directions.append(.queryToQuery) }
            if expected.positives { configuration.directions.append(.documentToDocument) }
            check(golden, expected.columns, method, configuration, expected.loss, expected.gradients)
        }
    }

    @Test func `hardness options have these losses and gradients`() throws {
        let golden = try Self.golden()
        let modes: [String: HardnessWeights.Negatives] = [
            "in_batch_negatives": .inBatch, "hard_negatives": .hard, "all_negatives": .all,
        ]
        for expected in golden.hardness {
            var method = HardnessWeights()
            method.negatives = try #require(modes[expected.mode])
            method.strength = expected.strength
            check(golden, expected.columns, method, .init(), expected.loss, expected.gradients)
        }
    }

    @Test func `without the methods the numbers are others`() throws {
        let golden = try Self.golden()
        let guided = try #require(golden.guided.first)
        let found = contrast(golden, guided.columns, NoMethod(), .init())
        #expect(abs(found.loss - guided.loss) > 1e-3)
        let hardness = try #require(golden.hardness.first)
        #expect(abs(found.loss - hardness.loss) > 1e-3)
    }

    private func check(
        _ golden: Golden,
        _ columns: Int,
        _ method: some ContrastiveMethod,
        _ configuration: ContrastiveConfiguration,
        _ loss: Double,
        _ gradients: [[Double]]
    ) {
        let found = contrast(golden, columns, method, configuration)
        expectClose([found.loss], [loss], Tolerance(relative: 1e-5), "\(method)")
        let tolerance = Tolerance(relative: 1e-5)
        expectClose(found.anchorGradient.elements.map(Double.init), gradients[0], tolerance, "\(method) anchors")
        expectClose(
            found.documentGradient.elements.map(Double.init),
            gradients[1...].flatMap { $0 },
            tolerance,
            "\(method) documents"
        )
    }

    private func contrast(
        _ golden: Golden,
        _ columns: Int,
        _ method: some ContrastiveMethod,
        _ configuration: ContrastiveConfiguration
    ) -> Contrast {
        // Text numbers: column after column, row after row.
        let rows = golden.rows
        let batch = ContrastiveBatch(
            (0..<Int32(rows)).map { row in
                .init(
                    anchor: row,
                    positives: [Int32(rows) + row],
                    negatives: columns == 3 ? [2 * Int32(rows) + row] : []
                )
            }
        )
        func matrix(_ lists: ArraySlice<[Double]>) -> Matrix {
            DoubleMatrix(
                rows: rows * lists.count,
                columns: (lists.first?.count ?? 0) / rows,
                elements: lists.flatMap { $0 }
            ).float
        }
        let guides = MatrixExpression(matrix(golden.guides[...])).unitRows.value
        var states = [MethodState()]
        states[0].derived["guide anchors"] = guides
        states[0].derived["guide documents"] = guides
        return ContrastiveObjective(configuration, methods: [method]).contrast(
            anchors: matrix(golden.columns[0..<1]),
            documents: matrix(golden.columns[1..<columns]),
            batch: batch,
            scale: 20,
            states: &states,
            workers: .shared(threads: 2)
        )
    }
}
