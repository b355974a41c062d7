internal import CSemblanceKernels

/// What the operands of matrix products are rounded to; sums are always 32 bits wide, and everything else is fp32.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// 32-bit floats: everywhere, for everything.
    case float32 = "fp32"
    /// bfloat16, 8 bits of mantissa: about twice as fast on AVX-512-BF16, more on AMX; for embedding and for training.
    case bfloat16 = "bf16"
    /// 8-bit whole numbers, scaled by weight channel and by token, for embedding alone: about four times as fast on
    /// AVX-512-VNNI and AVX-VNNI, more on AMX, somewhat faster on AVX2 and AVX-512 without them.
    case int8

    /// Whether this CPU has the instructions that make it faster than fp32.
    public var isAvailable: Bool { semblance_precision_is_fast(kernels) != 0 }

    /// Throws ``ComputeError`` where it isn't available.
    public func validate() throws(ComputeError) {
        if isAvailable { return }
        let needed = self == .bfloat16 ? "AVX-512-BF16 or AMX" : "AVX2"
        let level =
            switch semblance_cpu() {
            case SEMBLANCE_CPU_AVX512: "AVX-512"
            case SEMBLANCE_CPU_AVX2: "AVX2"
            default: "no vector instructions this library knows"
            }
        let features: [(semblance_cpu_feature, String)] = [
            (SEMBLANCE_CPU_AVX_VNNI, "AVX-VNNI"), (SEMBLANCE_CPU_AVX512_VNNI, "AVX-512-VNNI"),
            (SEMBLANCE_CPU_AVX512_BF16, "AVX-512-BF16"), (SEMBLANCE_CPU_AMX, "AMX"),
        ]
        let found = features.filter { semblance_cpu_features() & $0.0.rawValue != 0 }.map(\.1)
        throw ComputeError(
            code: .unavailablePrecision,
            message: "precision \(rawValue) needs a CPU with \(needed); this one has "
                + ([level] + found).joined(separator: ", ") + ". fp32 works everywhere"
        )
    }

    /// For the kernels.
    var kernels: semblance_precision {
        switch self {
        case .float32: SEMBLANCE_FLOAT32
        case .bfloat16: SEMBLANCE_BFLOAT16
        case .int8: SEMBLANCE_INT8
        }
    }
}

/// A machine that can't do what is asked of it.
public struct ComputeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private let name: String

        /// The CPU lacks the instructions for a precision.
        public static let unavailablePrecision = Code(name: "unavailablePrecision")
        /// The number of threads is out of its range.
        public static let invalidThreads = Code(name: "invalidThreads")
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was asked for, what was found, and what to do.
    public let message: String

    /// The message.
    public var description: String { message }

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
