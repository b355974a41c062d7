// Reverse mode over whole matrices: ops record how a gradient flows back, the tape runs that in reverse.

/// A matrix on a tape.
package struct Variable: Hashable, Sendable {
    fileprivate let index: Int
}

/// Records a chunk's forward pass and takes a gradient back through it.
///
/// One tape belongs to one chunk and one thread; parameters are shared between tapes and only read.
/// Ops are methods in extensions, forward and backward side by side; everything above composes them.
package final class Tape {
    /// The parameters of the encoder, in its order.
    package let parameters: [Matrix]
    /// Whether a backward pass will follow; without one, ops keep nothing.
    package let isRecording: Bool
    private var nodes: [Node] = []

    private struct Node {
        var value: Matrix
        var parameter: Int?
        var backward: Backward?
    }

    /// Takes ∂loss/∂output and hands on what flows to the inputs.
    package typealias Backward = (_ dY: Matrix, _ flow: inout GradientFlow) -> Void

    package init(parameters: [Matrix], isRecording: Bool) {
        self.parameters = parameters
        self.isRecording = isRecording
    }

    /// Bytes of all values on the tape, parameters not counted.
    package var byteCount: Int {
        nodes.reduce(0) { $0 + ($1.parameter == nil ? $1.value.count * MemoryLayout<Float>.stride : 0) }
    }

    /// The value of a variable.
    package subscript(variable: Variable) -> Matrix { nodes[variable.index].value }

    /// A parameter as a variable; its gradient comes out of ``backpropagate(_:from:)``.
    package func parameter(_ index: Int) -> Variable {
        append(Node(value: parameters[index], parameter: index))
    }

    /// A matrix that no gradient flows to.
    package func constant(_ value: Matrix) -> Variable { append(Node(value: value)) }

    /// Adds the result of an op.
    package func record(_ value: Matrix, backward: @escaping Backward) -> Variable {
        append(Node(value: value, backward: isRecording ? backward : nil))
    }

    private func append(_ node: Node) -> Variable {
        nodes.append(node)
        return Variable(index: nodes.count - 1)
    }

    /// The gradients of all parameters, given `dY` = ∂loss/∂`output`.
    ///
    /// - Precondition: the tape is recording and `dY` has the output's shape.
    package func backpropagate(_ dY: Matrix, from output: Variable) -> ParameterGradients {
        precondition(isRecording, "a tape that does not record has no way back")
        let shape = self[output]
        precondition(dY.rows == shape.rows && dY.columns == shape.columns, "\(dY) is no gradient of \(shape)")
        var flow = GradientFlow(variables: nodes.count)
        flow.add(dY, to: output)
        for index in nodes.indices.reversed() {
            guard let gradient = flow.take(index) else { continue }
            if let parameter = nodes[index].parameter {
                flow.parameters.add(gradient, to: parameter)
            } else {
                nodes[index].backward?(gradient, &flow)
            }
        }
        return flow.parameters
    }
}

/// Gradients on their way back through a tape; what arrives at one variable from several ops is summed.
package struct GradientFlow {
    private var gradients: [Matrix?]
    package fileprivate(set) var parameters = ParameterGradients()

    fileprivate init(variables: Int) { gradients = Array(repeating: nil, count: variables) }

    package mutating func add(_ gradient: Matrix, to variable: Variable) {
        if gradients[variable.index] == nil {
            gradients[variable.index] = gradient
        } else {
            gradients[variable.index]?.add(gradient)
        }
    }

    /// Adds the gradient of an embedding table, kept as what each token's row receives.
    package mutating func add(_ gradient: TokenGradient, toTable parameter: Int) {
        parameters.tables[parameter, default: []].append(gradient)
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
