// Objectives with further candidates, in double precision and candidate by candidate.

import Foundation
import SemblanceNumerics
import SemblanceTestSupport
import Synchronization
import Testing

@testable import SemblanceTraining

/// InfoNCE over the documents of a batch and what is added to each row's targets and other candidates.
///
/// - Parameter added: the logits of further targets and of further candidates, given a row and all its negatives' logits.
func referenceLoss(
    _ anchors: DoubleMatrix,
    _ documents: DoubleMatrix,
    _ batch: ContrastiveBatch,
    scale: Double,
    added: (_ row: Int, _ negatives: [Double]) -> (targets: [Double], others: [Double])
) -> Double {
    let (q, d, layout) = (anchors.unitRows, documents.unitRows, MethodPoint.Layout(batch))
    var total = 0.0
    for row in 0..<q.rows {
        let logit = { (column: Int) in scale * dot(q[row: row], d[row: column]) }
        let others = layout.negatives[row].map(logit)
        let more = added(row, others)
        let targets = layout.positives[row].map(logit) + more.targets
        let all = logSumExp(targets + others + more.others)
        total += targets.reduce(0) { $0 + all - $1 } / Double(targets.count)
    }
    return total / Double(q.rows)
}

extension ContrastiveBatch {
    /// Whether a vector may be relevant to a row: it has the text of one of its positives, is a positive of its anchor,
    /// or comes from its group.
    func isRelevant(text: Int32, anchor: Int32, group: Int32, toRow row: Int) -> Bool {
        if anchor >= 0, anchor == anchors[row] { return true }
        if group >= 0, group == groups[row] { return true }
        for document in documents.indices where documents[document] == text {
            if isPositive[document], owners[document] == Int32(row) { return true }
        }
        return false
    }

    /// Whether a document may be.
    func isRelevant(_ document: Int, toRow row: Int) -> Bool {
        let owner = Int(owners[document])
        return isRelevant(
            text: documents[document],
            anchor: isPositive[document] ? anchors[owner] : -1,
            group: groups[owner],
            toRow: row
        )
    }
}

/// The point on the great circle from `b` to `a` at the share `share` of their angle.
func referenceGeodesic(_ a: [Double], _ b: [Double], share: Double) -> [Double] {
    let angle = acos(min(max(dot(a, b), -1), 1))
    return zip(a, b).map { (sin(share * angle) * $0 + sin((1 - share) * angle) * $1) / sin(angle) }
}

/// The arithmetic or geometric poly-view loss, one view against one view.
///
/// - Parameters:
///   - views: of each sample, all of its views, of unit length.
///   - others: further vectors, negatives of all.
func referencePolyView(_ views: [[[Double]]], others: [[Double]], scale: Double, isGeometric: Bool) -> Double {
    var total = 0.0
    for (sample, own) in views.enumerated() {
        var ofSample = 0.0
        for (alpha, view) in own.enumerated() {
            var negatives = others.map { scale * dot(view, $0) }
            for (other, theirs) in views.enumerated() where other != sample {
                negatives += theirs.map { scale * dot(view, $0) }
            }
            let logLikelihoods = own.indices.filter { $0 != alpha }.map { beta in
                // log (eˢ / (eˢ + Σ)) = −log (1 + Σ / eˢ), which near 0 keeps its digits.
                -log1p(exp(logSumExp(negatives) - scale * dot(view, own[beta])))
            }
            let count = Double(logLikelihoods.count)
            ofSample -=
                isGeometric
                ? logLikelihoods.reduce(0, +) / count : log(logLikelihoods.reduce(0) { $0 + exp($1) } / count)
        }
        total += ofSample / Double(own.count)
    }
    return total / Double(views.count)
}

/// A method, and the random numbers its step begins with.
struct Overheard<Method: ContrastiveMethod>: ContrastiveMethod {
    let method: Method
    let streams = Streams()

    final class Streams: Sendable {
        private let kept = Mutex<[RandomStream]>([])
        func append(_ stream: RandomStream) { kept.withLock { $0.append(stream) } }
        var last: RandomStream { kept.withLock { $0[$0.count - 1] } }
    }

    init(_ method: Method) { self.method = method }

    func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        streams.append(step.random())
        method.candidates(for: &step, &state)
    }

    func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        method.logits(of: &block, in: step, state)
    }
}

extension MethodPoint {
    /// Expects loss and gradients to be those of a reference, and the loss to be another one without the method.
    func checkChange(
        by method: some ContrastiveMethod,
        context: ContrastiveStep.Context = .init(),
        state: MethodState = MethodState(),
        sourceLocation: SourceLocation = #_sourceLocation,
        against reference: (_ anchors: DoubleMatrix, _ documents: DoubleMatrix) -> Double
    ) {
        ContrastiveObjective(.init(), methods: [method]).check(
            at: self,
            scale: Float(scale),
            context: context,
            states: [state],
            sourceLocation: sourceLocation,
            against: reference
        )
        let (plain, expected) = (contrast().loss, reference(anchors, documents))
        #expect(abs(plain - expected) > 1e-3 * plain, "without the method too", sourceLocation: sourceLocation)
    }
}
