import CSemblanceKernels

/// The kernels' paths; tests run each that this CPU has.
enum InstructionSet: UInt32, CaseIterable, Sendable {
    case portable, avx2, avx512

    static let available = allCases.filter { $0.run { true } ?? false }

    /// Runs `body` with this thread's kernels on this path; nil when the CPU lacks it.
    func run<Result>(_ body: () throws -> Result) rethrows -> Result? {
        let before = semblance_cpu()
        guard semblance_cpu_set(semblance_cpu_level(rawValue: rawValue)) != 0 else { return nil }
        defer { _ = semblance_cpu_set(before) }
        return try body()
    }
}
