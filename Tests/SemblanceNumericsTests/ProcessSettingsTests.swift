import CSemblanceKernels
import Foundation
import SemblanceNumerics
import Testing

/// Each in a process of its own, where nothing has used OpenBLAS yet; without OpenBLAS there is nothing to see.
@Suite struct ProcessSettingsTests {
    @Test func `one thread a call, and kernels for the CPU there is`() async {
        await #expect(processExitsWith: .success) {
            for name in ["OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"] {
                unsafe unsetenv(name)
            }
            let before = ProcessSettings.linearAlgebra
            ProcessSettings.apply()
            guard let after = ProcessSettings.linearAlgebra, let before else { return }
            precondition(after.threads == 1)
            if semblance_cpu() == SEMBLANCE_CPU_AVX512 {
                precondition(!["Haswell", "Zen"].contains(after.core), "\(before.core) → \(after.core)")
            }
            precondition(ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil)
        }
    }

    @Test func `the host's own settings stay`() async {
        await #expect(processExitsWith: .success) {
            unsafe setenv("OPENBLAS_CORETYPE", "Haswell", 1)
            unsafe setenv("OMP_NUM_THREADS", "2", 1)
            let before = ProcessSettings.linearAlgebra
            ProcessSettings.apply()
            precondition(ProcessSettings.linearAlgebra == before)
        }
    }

    @Test func `nothing is changed when the host says so`() async {
        await #expect(processExitsWith: .success) {
            let before = ProcessSettings.linearAlgebra
            ProcessSettings.leaveAlone()
            ProcessSettings.apply()
            precondition(ProcessSettings.linearAlgebra == before)
        }
    }
}
