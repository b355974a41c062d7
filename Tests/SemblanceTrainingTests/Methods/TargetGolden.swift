// targets.json: what sentence-transformers makes of the same embeddings.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Testing

@testable import SemblanceTraining

struct TargetGolden: Decodable {
    struct Case: Decodable {
        let name: String
        let loss: Double
        let gradients: [[Double]]
    }

    let rows: Int
    let dimension: Int
    let columns: [[Float]]
    let scores: [Float]
    let teacher: [Float]
    let teacherVectors: [[Float]]
    let cases: [Case]

    static func read() throws -> TargetGolden {
        let file = Bundle.module.url(forResource: "targets", withExtension: "json", subdirectory: "Fixtures")
        return try JSONDecoder().decode(TargetGolden.self, from: Data(contentsOf: try #require(file)))
    }

    func golden(_ name: String) throws -> Case { try #require(cases.first { $0.name == name }) }

    /// Pairs with the file's scores.
    var scoredRows: [ContrastiveRow] { SemblanceTrainingTests.rows(rows, scores: scores) }

    /// Pairs with two negatives and the file's teacher's scores.
    var taughtRows: [ContrastiveRow] {
        SemblanceTrainingTests.rows(rows, negatives: 2) { teacher[$0 * 3 + $1] }
    }

    /// The teacher's vectors by text number.
    func teacher(rows: [ContrastiveRow]) -> Matrix {
        var vectors = Matrix(rows: 100 + rows.count, columns: dimension)
        for (row, texts) in rows.enumerated() {
            for (column, text) in [texts.anchor, texts.positives[0]].enumerated() {
                for k in 0..<dimension { vectors[Int(text), k] = teacherVectors[column][row * dimension + k] }
            }
        }
        return vectors
    }

    /// Our answer to the first columns: anchors, positives, and negatives row after row.
    func contrast(
        _ method: any ContrastiveMethod,
        _ rows: [ContrastiveRow],
        columns count: Int,
        scale: Float = 20,
        state: MethodState = MethodState()
    ) -> Contrast {
        var documents = columns[1]
        if count > 2 {
            for row in 0..<self.rows {
                for column in 2..<count { documents += columns[column][row * dimension..<(row + 1) * dimension] }
            }
        }
        var state = state
        return MethodTrial.contrast(
            method,
            &state,
            rows,
            Matrix(rows: self.rows, columns: dimension, elements: columns[0]),
            Matrix(rows: documents.count / dimension, columns: dimension, elements: documents),
            scale: scale
        )
    }

    /// Expects the loss and every gradient, but for a factor.
    func check(
        _ name: String,
        _ method: any ContrastiveMethod,
        _ rows: [ContrastiveRow],
        scale: Float = 20,
        times factor: Double = 1,
        less plain: Contrast? = nil,
        state: MethodState = MethodState()
    ) throws {
        let expected = try golden(name)
        let found = contrast(method, rows, columns: expected.gradients.count, scale: scale, state: state)
        expectClose(
            [(found.loss - (plain?.loss ?? 0)) * factor],
            [expected.loss],
            Tolerance(relative: 1e-5, absolute: 1e-6),
            name
        )
        func gradient(_ matrix: Matrix, _ plain: Matrix?) -> [Double] {
            zip(matrix.elements, plain?.elements ?? Array(repeating: 0, count: matrix.count)).map {
                Double($0 - $1) * factor
            }
        }
        let tolerance = Tolerance(relative: 1e-5, absolute: plain == nil ? 1e-7 : 1e-6)
        expectClose(gradient(found.anchorGradient, plain?.anchorGradient), expected.gradients[0], tolerance, name)
        var documents = expected.gradients[1]
        if expected.gradients.count > 2 {
            for row in 0..<self.rows {
                for column in expected.gradients.dropFirst(2) {
                    documents += column[row * dimension..<(row + 1) * dimension]
                }
            }
        }
        expectClose(gradient(found.documentGradient, plain?.documentGradient), documents, tolerance, name)
    }
}

extension Contrast {
    /// The step as its method is told of it afterwards.
    func outcome(of method: Int) -> StepOutcome {
        StepOutcome(step: step, losses: losses, gradients: learned[method], parameters: [], learningRate: 0)
    }
}
