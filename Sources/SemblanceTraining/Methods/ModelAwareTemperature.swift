internal import Foundation
internal import SemblanceNumerics

/// The temperature rises with the model's confidence, and rows weigh what their negatives leave of the probability (MACL).
///
///     A    = mean cosine of the batch's positive pairs
///     τ    = τ₀ (1 + α (A − A₀))                     τ₀ is the configuration's temperature
///     loss = mean over i of −log p[i] / (1 − p[i])   the divisor is a constant to the gradient
///
/// p[i] is the softmax probability of anchor i's positive. The weight 1 / (1 − p) undoes the shrinking of the gradient with
/// few or easy negatives.
///
/// - Complexity: O(B·D) beside the kernel's; rows are scored twice for the weights.
/// - Note: Source: Huang et al. 2023, arXiv:2207.07874; α = 1 and A₀ = 0 as in the authors' code. A factor of τ₀ below 0.1 (cosines near −1) is taken as 0.1, 1 − p below 10⁻⁸ as that.
public struct ModelAwareTemperature: StandardMethod {
    /// The name in configurations.
    public static let name = "model-aware-temperature"
    /// α, how much the temperature follows the alignment. The default is 1.
    public var alpha: Float = 1
    /// A₀, the alignment at which the temperature is the configuration's. The default is 0.
    public var alignment: Float = 0
    /// Whether rows are weighted by 1 / (1 − p). The default is yes.
    public var weighsRows = true

    /// The defaults.
    public init() {}

    /// Throws ``TrainingError`` with the first value out of its range.
    public func validate() throws {
        try TrainingError.require(alpha >= 0 && alpha <= 1, "\(Self.name): alpha is \(alpha): it must be 0 to 1")
        try TrainingError.require(
            alignment >= -1 && alignment <= 1,
            "\(Self.name): alignment is \(alignment): it is a cosine, −1 to 1"
        )
    }

    /// Sets the step's temperature.
    public func candidates(for step: inout ContrastiveStep, _ state: inout MethodState) {
        let positives = step.documents.detached.rows(0..<step.anchorTexts.count)
        let found = step.anchors.detached.rowDots(positives).mean.value[0, 0]
        step.scale /= max(1 + alpha * (found - alignment), 0.1)
    }

    /// 1 / (1 − p), with p from the loss −log p.
    public func weights(of losses: RowLosses, in step: ContrastiveStep, _ state: inout MethodState) -> [Float]? {
        weighsRows ? losses.losses.map { Float(1 / max(-expm1(-$0), 1e-8)) } : nil
    }
}
