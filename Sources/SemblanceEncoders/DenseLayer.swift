internal import Foundation
package import SemblanceNumerics

/// A linear layer behind an encoder's pooling, with an activation: sentence-transformers' Dense module.
package struct DenseLayer: Sendable {
    /// `[outputs, inputs]`.
    package var weight: Matrix
    /// `[1, outputs]`.
    package var bias: Matrix?
    /// None is the identity.
    package var activation: Activation?

    package init(weight: Matrix, bias: Matrix?, activation: Activation? = nil) {
        self.weight = weight
        self.bias = bias
        self.activation = activation
    }

    /// One parameter for the weight and one for the bias.
    var parameters: [Parameter] {
        [Parameter(names: ["linear.weight"], value: weight)]
            + (bias.map { [Parameter(names: ["linear.bias"], isVector: true, value: $0)] } ?? [])
    }

    /// Takes its values from the front of `values`.
    mutating func takeParameters(_ values: inout ArraySlice<Matrix>) {
        weight = values.removeFirst()
        if bias != nil { bias = values.removeFirst() }
    }

    /// y = f(x · Wᵀ + b); `first` is the index of its first parameter and moves past the last.
    func apply(to x: Variable, first: inout Int, on tape: Tape) -> Variable {
        let y = tape.linear(x, weight: first, bias: bias == nil ? nil : first + 1)
        first += bias == nil ? 1 : 2
        return activation.map { tape.activation(y, $0) } ?? y
    }
}

extension DenseLayer {
    /// PyTorch's classes, as a Dense module's configuration names them, and no activation.
    private static let activations: [String: Activation?] = [
        "torch.nn.modules.linear.Identity": nil,
        "torch.nn.modules.activation.Tanh": .tanh,
        "torch.nn.modules.activation.GELU": .gelu,
        "torch.nn.modules.activation.ReLU": .relu,
        "torch.nn.modules.activation.SiLU": .silu,
    ]

    /// Reads the module in `folder`, which takes vectors of `inputs` components.
    init(contentsOf folder: URL, inputs: Int) throws {
        let settings = try readJSON(DenseConfiguration.self, from: folder.appending(path: "config.json"))
        let vector = "sentence_embedding"
        guard (settings.input ?? vector) == vector, (settings.output ?? vector) == vector,
            !(settings.isResidual ?? false)
        else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "the Dense module in \(folder.path) works on other things than \(vector), or adds its input "
                    + "(use_residual); neither is supported"
            )
        }
        let name = settings.activation?.split(separator: ".").last ?? "Tanh"
        guard let known = Self.activations.first(where: { $0.key.hasSuffix("." + name) }) else {
            throw EncoderError(
                code: .unsupportedModel,
                message: "the Dense module in \(folder.path) has the activation \(name): supported are "
                    + Self.activations.keys.compactMap { $0.split(separator: ".").last }.sorted().joined(
                        separator: ", "
                    )
            )
        }
        let file = folder.appending(path: "model.safetensors")
        let weights = try SafetensorsFile(contentsOf: file)
        let weight = try weights.matrix("linear.weight")
        let bias = try settings.hasBias ? weights.matrix("linear.bias") : nil
        guard settings.inputs == inputs, weight.columns == inputs, weight.rows == settings.outputs,
            bias.map({ $0.count == weight.rows }) ?? true
        else {
            throw EncoderError(
                code: .invalidFile,
                message: "\(file.path): linear.weight is \(weight.rows) × \(weight.columns)"
                    + (bias.map { ", linear.bias has \($0.count)" } ?? "")
                    + "; expected \(settings.outputs) × \(inputs) (out_features × what comes before)"
            )
        }
        try weight.checkFinite("linear.weight", in: file.path)
        try bias?.checkFinite("linear.bias", in: file.path)
        self.init(
            weight: weight,
            bias: bias.map { Matrix(rows: 1, columns: $0.count, elements: $0.elements) },
            activation: known.value
        )
    }

    /// Writes the module to `folder`.
    func write(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsFile.write(
            parameters.flatMap(\.tensors),
            to: folder.appending(path: "model.safetensors")
        )
        try writeJSON(
            DenseConfiguration(
                inputs: weight.columns,
                outputs: weight.rows,
                hasBias: bias != nil,
                activation: Self.activations.first { $0.value == activation }?.key
            ),
            to: folder.appending(path: "config.json")
        )
    }
}
