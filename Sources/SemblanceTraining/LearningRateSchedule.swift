internal import Foundation

/// How the learning rate changes over training.
public enum LearningRateSchedule: String, Hashable, Sendable, Codable, CaseIterable {
    /// Stays at its peak after the warm-up.
    case constant
    /// Falls on a straight line to 0.
    case linear
    /// Falls along half a cosine to 0 (arXiv:1608.03983, eq. 5, one cycle).
    case cosine

    /// The share of the peak rate that step `step` of `total` takes, counted from 0.
    ///
    /// The first `warmupSteps` steps rise linearly: step w takes (w + 1) / warmupSteps.
    package func factor(step: Int, total: Int, warmupSteps: Int) -> Double {
        if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
        let remaining = max(1, total - warmupSteps)
        let done = min(1, Double(step - warmupSteps) / Double(remaining))
        switch self {
        case .constant: return 1
        case .linear: return 1 - done
        case .cosine: return 0.5 * (1 + cos(.pi * done))
        }
    }
}
