internal import SemblanceEncoders
internal import SemblanceNumerics

/// A static bank of precomputed negatives: every document of the training data, embedded once before the first step, is
/// a candidate of every anchor.
///
///     loss[i] = −log exp(s[i, i]) / (Σ over documents of the batch of exp(s[i, j]) + Σ over the bank of exp(aᵢ · bₙ / τ))
///
/// A second stage: once a model is good, its documents stand nearly still, and negatives by the ten thousand cost no
/// encoder. Begin it from a trained model and keep it short. Documents known to be relevant to the anchor are left out
/// of the bank for it. As in the paper the documents of the batch, positives too, are those of the bank with
/// `freezesDocuments`; then only anchors are trained, which suits encoders of two towers.
///
/// Time grows by the number of distinct documents N an anchor, memory by N·D floats.
///
/// - Note: Source: Feng et al. 2024, arXiv:2404.11317, §3.3 (its second stage, with a frozen target encoder).
public struct StaticBank: StandardMethod {
    /// The name in configurations.
    public static let name = "static-bank"
    /// Whether the batch's documents are taken from the bank as well, without gradient. The default is no.
    public var freezesDocuments = false

    /// The defaults.
    public init() {}

    /// Embeds the bank, and notes which of it is relevant to which anchor.
    public func start(_ training: MethodContext) throws -> MethodState {
        var places = [Int](repeating: -1, count: training.texts.count)
        var relevant = [[Int]](repeating: [], count: training.texts.count)
        var (texts, groups): ([Int32], [Int32]) = ([], [])
        for row in training.rows {
            for text in row.positives + row.negatives where places[Int(text)] < 0 {
                places[Int(text)] = texts.count
                texts.append(text)
                groups.append(row.group)
            }
            relevant[Int(row.anchor)] += row.positives.map { places[Int($0)] }
        }
        var state = MethodState()
        // In a nested objective each dimension has a bank of its own.
        let vectors = try training.embed(texts, with: training.model, as: .document)
        state.derived["vectors"] = UnitRows(vectors.leadingColumns(training.dimension)).output
        state.derived["texts"] = Matrix(column: texts.map(Int.init))
        state.derived["groups"] = Matrix(column: groups.map(Int.init))
        state.derived["places"] = Matrix(column: places)
        // Those relevant to text t stand from first[t] to first[t + 1].
        state.derived["first"] = Matrix(column: relevant.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) })
        state.derived["relevant"] = Matrix(column: relevant.flatMap { $0 })
        return state
    }

    /// Adds the bank.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        guard let vectors = state.derived["vectors"], let texts = state.derived["texts"],
            let groups = state.derived["groups"], let places = state.derived["places"]
        else { return }
        if freezesDocuments {
            // What was mined from further texts is in no bank and stays as embedded now.
            var frozen = step.documents.value
            for (document, text) in step.documentTexts.enumerated() where places.number(Int(text)) >= 0 {
                frozen[row: document] = vectors[row: places.number(Int(text))]
            }
            step.documents = MatrixExpression(frozen)
        }
        let bank = Candidates(MatrixExpression(vectors), texts: texts.numbers, groups: groups.numbers)
        state.derived["added"] = Matrix(column: [step.add(bank)])
    }

    /// Closes what is relevant to the anchor.
    public func logits(of block: inout CandidateBlock, in step: ContrastiveStep, _ state: MethodState) {
        guard let first = state.derived["first"], let relevant = state.derived["relevant"],
            let added = state.derived["added"], let bank = block.columns.added(added.number(0))
        else { return }
        var closed = Matrix(rows: block.rows.count, columns: block.columns.count)
        for (row, anchor) in step.anchorTexts[block.rows].enumerated() {
            for index in first.number(Int(anchor))..<first.number(Int(anchor) + 1) {
                closed[row, bank.lowerBound + relevant.number(index)] = 1
            }
        }
        block.close(closed)
    }
}

/// Whole numbers in a method's state, where all is matrices: exact below 2²⁴.
extension Matrix {
    fileprivate init(column numbers: [Int]) {
        self.init(column: numbers.map(Float.init))
    }

    fileprivate func number(_ index: Int) -> Int { Int(self[index, 0]) }

    fileprivate var numbers: [Int32] { elements.map(Int32.init) }
}
