// Reverse mode over whole matrices: ops record how a gradient flows back, the tape runs that in reverse.

/// A matrix on a tape.
package struct Variable: Sendable {
    package let value: Matrix
    /// Where its gradient goes. An op's way back keeps this, not the variable, whose value it would keep too.
    package let place: Place

    /// A place on the tape, or none where no gradient flows.
    package struct Place: Sendable {
        fileprivate let node: Int?

        static var none: Place { Place(node: nil) }
    }
}

/// Records a chunk's forward pass and takes a gradient back through it.
///
/// One tape belongs to one chunk and one caller; weights are shared between tapes and only read. Ops are methods in
/// extensions, forward and backward side by side; everything above composes them. What an op's way back needs, its
/// closure keeps; where nothing flows back nothing is kept.
package final class Tape {
    package let weights: Weights
    /// Whether a backward pass will follow; without one, ops keep nothing.
    package let isRecording: Bool
    /// The threads an op is split on; `nil` stays on the calling thread. Results don't depend on it.
    package let workers: Workers?
    /// What ``dropout(_:rate:)`` draws from; `nil` drops nothing.
    package let randomness: DropoutRandomness?
    /// Bytes that the way back keeps, about.
    package private(set) var byteCount = 0
    private var nodes: [Backward] = []
    private var dropouts: UInt64 = 0

    /// Takes ∂loss/∂output and hands on what flows to the inputs.
    package typealias Backward = (_ dY: Matrix, _ flow: inout GradientFlow) -> Void

    package init(
        _ weights: Weights,
        isRecording: Bool,
        workers: Workers? = nil,
        randomness: DropoutRandomness? = nil
    ) {
        self.weights = weights
        self.isRecording = isRecording
        self.workers = workers
        self.randomness = randomness
    }

    /// A weight as a variable.
    package func parameter(_ index: Int) -> Variable {
        record(weights[index], from: [], parameters: [index]) { dY, flow in flow.add(dY, toParameter: index) }
    }

    /// A matrix that no gradient flows to.
    package func constant(_ value: Matrix) -> Variable { Variable(value: value, place: .none) }

    /// A matrix whose gradient ``gradients(of:from:)`` finds.
    package func input(_ value: Matrix) -> Variable {
        guard isRecording else { return constant(value) }
        byteCount += value.byteCount
        nodes.append { _, _ in }
        return Variable(value: value, place: .init(node: nodes.count - 1))
    }

    /// Whether a gradient flows to any of these.
    func records(_ inputs: [Variable], parameters: [Int] = []) -> Bool {
        isRecording
            && (inputs.contains { $0.place.node != nil } || parameters.contains { weights.isTrained[$0] })
    }

    /// Adds the result of an op on `inputs` and `parameters`, the weights it reads itself.
    ///
    /// - Parameter keeping: bytes that the way back keeps beside values.
    package func record(
        _ value: Matrix,
        from inputs: [Variable],
        parameters: [Int] = [],
        keeping kept: Int = 0,
        backward: @escaping Backward
    ) -> Variable {
        guard records(inputs, parameters: parameters) else { return constant(value) }
        byteCount += value.byteCount + kept
        nodes.append(backward)
        return Variable(value: value, place: .init(node: nodes.count - 1))
    }

    /// Where the next dropout's random numbers are; `nil` where nothing is dropped.
    func nextDropout(rate: Float) -> Dropout? {
        guard let randomness, case let rate = randomness.rate ?? rate, rate > 0 else { return nil }
        dropouts += 1
        return Dropout(rate: rate, seed: randomness.seed, stream: randomness.stream + dropouts)
    }

    /// Adds the gradients of all weights to `gradients`, given `dY` = ∂loss/∂`output`.
    ///
    /// - Precondition: the tape is recording and `dY` has the output's shape.
    package func backpropagate(_ dY: Matrix, from output: Variable, into gradients: inout ParameterGradients) {
        precondition(isRecording, "a tape that does not record has no way back")
        let shape = output.value
        precondition(dY.rows == shape.rows && dY.columns == shape.columns, "\(dY) is no gradient of \(shape)")
        var flow = GradientFlow(variables: nodes.count, weights: weights, workers: workers)
        swap(&flow.parameters, &gradients)
        flow.add(dY, to: output.place)
        run(&flow) { _, _ in }
        swap(&flow.parameters, &gradients)
    }

    /// What arrives at `inputs`, given the gradients of some outputs; `nil` where nothing does.
    package func gradients(
        of inputs: [Variable],
        from seeds: [(gradient: Matrix, output: Variable)]
    ) -> [Matrix?] {
        var flow = GradientFlow(variables: nodes.count, weights: weights, workers: workers)
        for (gradient, output) in seeds { flow.add(gradient, to: output.place) }
        let wanted = Set(inputs.compactMap(\.place.node))
        var found: [Int: Matrix] = [:]
        run(&flow) { node, gradient in if wanted.contains(node) { found[node] = gradient } }
        return inputs.map { input in input.place.node.flatMap { found[$0] } }
    }

    private func run(_ flow: inout GradientFlow, visit: (_ node: Int, _ gradient: Matrix) -> Void) {
        for index in nodes.indices.reversed() {
            guard let gradient = flow.take(index) else { continue }
            visit(index, gradient)
            nodes[index](gradient, &flow)
        }
    }

    /// The gradients of all weights, given `dY` = ∂loss/∂`output`.
    package func backpropagate(_ dY: Matrix, from output: Variable) -> ParameterGradients {
        var gradients = ParameterGradients()
        backpropagate(dY, from: output, into: &gradients)
        return gradients
    }
}

/// Gradients on their way back through a tape; what arrives at one variable from several ops is summed.
package struct GradientFlow {
    private var gradients: [Matrix?]
    package let weights: Weights
    package let workers: Workers?
    package fileprivate(set) var parameters = ParameterGradients()

    fileprivate init(variables: Int, weights: Weights, workers: Workers?) {
        gradients = Array(repeating: nil, count: variables)
        self.weights = weights
        self.workers = workers
    }

    /// Whether a gradient flows to this variable; what it would be need not be computed otherwise.
    package func reaches(_ place: Variable.Place) -> Bool { place.node != nil }

    package mutating func add(_ gradient: Matrix, to place: Variable.Place) {
        guard let node = place.node else { return }
        if gradients[node] == nil {
            gradients[node] = gradient
        } else {
            gradients[node]?.add(gradient)
        }
    }

    /// Adds to the gradient of a weight.
    mutating func add(_ gradient: Matrix, toParameter parameter: Int) {
        if weights.isTrained[parameter] { parameters.add(gradient, to: parameter) }
    }

    /// Adds the gradient of an embedding table, kept as what each token's row receives.
    package mutating func add(_ gradient: TokenGradient, toTable parameter: Int) {
        guard weights.isTrained[parameter] else { return }
        parameters.tables[parameter, default: []].append(gradient)
    }

    /// Adds leftᵀ · right to the gradient of a weight.
    mutating func add(productOf left: Matrix, _ right: PackedMatrix, to parameter: Int) {
        if parameters.dense[parameter] == nil {
            parameters.dense[parameter] = left.product(right, transposed: true, workers: workers)
        } else {
            parameters.dense[parameter]?.add(productOf: left, right, transposed: true, workers: workers)
        }
    }

    /// Adds Σ over rows of x, times y element by element where given, to the gradient of a weight of one row.
    mutating func add(columnSumsOf x: Matrix, times y: Matrix? = nil, to parameter: Int) {
        guard weights.isTrained[parameter] else { return }
        if parameters.dense[parameter] == nil { parameters.dense[parameter] = Matrix(rows: 1, columns: x.columns) }
        parameters.dense[parameter]?.add(columnSumsOf: x, times: y, workers: workers)
    }

    fileprivate mutating func take(_ index: Int) -> Matrix? {
        defer { gradients[index] = nil }
        return gradients[index]
    }
}

/// What a chunk's backward pass gives: gradients by parameter index.
package struct ParameterGradients: Sendable {
    /// Gradients of the parameter's own shape.
    package var dense: [Int: Matrix] = [:]
    /// Gradients of embedding tables, of which a batch touches few rows.
    package var tables: [Int: [TokenGradient]] = [:]

    package init() {}

    package mutating func add(_ gradient: Matrix, to parameter: Int) {
        if dense[parameter] == nil { dense[parameter] = gradient } else { dense[parameter]?.add(gradient) }
    }

    /// Adds the gradients of the next chunk. Chunks are added in their order, so sums don't depend on threads.
    package mutating func add(_ other: ParameterGradients) {
        for (parameter, gradient) in other.dense { add(gradient, to: parameter) }
        for (parameter, gradients) in other.tables { tables[parameter, default: []] += gradients }
    }
}
