import CSemblanceKernels
import SemblanceNumerics

/// The kernels' paths through products of reduced precision; tests run each that this CPU has.
enum ProductPath: CaseIterable, Sendable {
    /// `avx512` has the instructions for the precision, `plainAVX512` lacks them.
    case portable, avx2, avxVNNI, plainAVX512, avx512, amx, emulatedAMX

    private var level: InstructionSet {
        switch self {
        case .portable, .emulatedAMX: .portable
        case .avx2, .avxVNNI: .avx2
        case .plainAVX512, .avx512, .amx: .avx512
        }
    }

    private func features(_ precision: Precision) -> UInt32 {
        switch self {
        case .portable, .avx2, .plainAVX512: 0
        case .avxVNNI: SEMBLANCE_CPU_AVX_VNNI.rawValue
        case .avx512: (precision == .int8 ? SEMBLANCE_CPU_AVX512_VNNI : SEMBLANCE_CPU_AVX512_BF16).rawValue
        case .amx: SEMBLANCE_CPU_AMX.rawValue
        case .emulatedAMX: SEMBLANCE_CPU_EMULATED_AMX.rawValue
        }
    }

    static func available(_ precision: Precision) -> [ProductPath] {
        allCases.filter { path in
            if precision == .bfloat16, [.avx2, .avxVNNI, .plainAVX512].contains(path) { return false }
            return path.run(precision) { true } ?? false
        }
    }

    /// Runs `body` with this thread's kernels on this path; nil when the CPU lacks it.
    func run<Result>(_ precision: Precision, _ body: () throws -> Result) rethrows -> Result? {
        let result = try level.run { () -> Result? in
            let wanted = features(precision)
            semblance_cpu_set_features(wanted)
            defer { semblance_cpu_set_features(SEMBLANCE_CPU_ALL_FEATURES.rawValue) }
            return semblance_cpu_features() == wanted ? try body() : nil
        }
        return result ?? nil
    }
}
