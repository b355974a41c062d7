// What the methods on a teacher's embeddings share: the embeddings, and a learned layer into their space.

internal import CSemblanceKernels
internal import Foundation
internal import SemblanceEncoders
internal import SemblanceNumerics

extension MethodContext {
    /// A state that holds a teacher's embeddings of all texts, and a layer into their space.
    func teacherState(_ folder: String, for method: String, isUnit: Bool = false) throws -> MethodState {
        var state = MethodState()
        let teacher = try embeddings(under: folder, "teacher", of: method, isUnit: isUnit)
        state.derived = ["anchors": teacher.anchors, "documents": teacher.documents]
        TeacherProjection.start(in: &state, from: dimension, seed: seed)
        return state
    }
}

extension MethodState {
    /// `[B + C, teacher's dimension]`: the teacher's embeddings of a step's anchors and documents.
    func teacherEmbeddings(of step: ContrastiveStep) -> Matrix {
        guard let anchors = derived["anchors"], let documents = derived["documents"] else {
            preconditionFailure("no teacher was started")
        }
        let parts = [
            anchors.gatheringRows(step.anchorTexts.map(Int.init)),
            documents.gatheringRows(step.documentTexts.map(Int.init)),
        ]
        return .concatenatingRows(parts, columns: documents.columns)
    }
}

/// A linear layer from the student's space into the teacher's, where their dimensions differ; trained by Adam beside the
/// student and left behind with the teacher.
enum TeacherProjection {
    /// Adds the layer to a new state: normal weights of deviation 1/√D, and zeros.
    static func start(in state: inout MethodState, from dimension: Int, seed: UInt64) {
        guard let target = state.derived["documents"]?.columns, target != dimension else { return }
        var random = RandomStream(seed: ~seed, stream: 1 << 63)
        let weights = random.normal(rows: dimension, columns: target, deviation: 1 / Float(dimension).squareRoot())
        for (name, matrix) in [("weights", weights), ("bias", Matrix(rows: 1, columns: target))] {
            state.saved[name] = matrix
            state.saved[name + ".first"] = Matrix(rows: matrix.rows, columns: matrix.columns)
            state.saved[name + ".second"] = Matrix(rows: matrix.rows, columns: matrix.columns)
        }
    }

    /// `[n, teacher's dimension]`: x · weights + bias; x itself where the dimensions agree.
    static func project(_ x: MatrixExpression, in step: inout ContrastiveStep, _ state: MethodState) -> MatrixExpression
    {
        guard let weights = state.saved["weights"], let bias = state.saved["bias"] else { return x }
        return x.product(step.learned("weights", weights)) + step.learned("bias", bias)
    }

    /// Takes a step of Adam.
    static func update(_ state: inout MethodState, after outcome: StepOutcome, rate: Float) {
        let step = Double(outcome.step.number + 1)
        for (name, gradient) in outcome.gradients {
            guard var values = state.saved.removeValue(forKey: name),
                var first = state.saved.removeValue(forKey: name + ".first"),
                var second = state.saved.removeValue(forKey: name + ".second")
            else { continue }
            unsafe values.withMutablePointer { values in
                unsafe first.withMutablePointer { first in
                    unsafe second.withMutablePointer { second in
                        unsafe gradient.withPointer { gradient in
                            unsafe semblance_adam(
                                values,
                                first,
                                second,
                                gradient,
                                outcome.gradients[name]?.count ?? 0,
                                rate,
                                0.9,
                                0.999,
                                1e-8,
                                0,
                                Float(1 - pow(0.9, step)),
                                Float(1 - pow(0.999, step)),
                                1
                            )
                        }
                    }
                }
            }
            state.saved[name] = values
            state.saved[name + ".first"] = first
            state.saved[name + ".second"] = second
        }
    }
}
