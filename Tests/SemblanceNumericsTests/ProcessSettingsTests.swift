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

    // MARK: Memory

    @Test func `after a peak no more than the limit is kept, and the rest is the system's again`() async {
        await #expect(processExitsWith: .success) {
            let before = resident
            peak()
            precondition(ProcessSettings.reusableMemory == 256 << 20)
            precondition((200 << 20...256 << 20).contains(ProcessSettings.keptMemory), "\(ProcessSettings.keptMemory)")
            precondition(isSanitized || resident < before + 320 << 20, "\(before) → \(resident)")
            ProcessSettings.releaseMemory()
            precondition(ProcessSettings.keptMemory == 0)
            precondition(isSanitized || resident < before + 32 << 20, "\(before) → \(resident)")
        }
    }

    @Test func `a limit that is set holds, from the moment it is set`() async {
        await #expect(processExitsWith: .success) {
            peak()
            ProcessSettings.reusableMemory = 40 << 20
            precondition(ProcessSettings.keptMemory <= 40 << 20)
            for _ in 0..<3 {
                peak()
                precondition((20 << 20...40 << 20).contains(ProcessSettings.keptMemory))
            }
            ProcessSettings.reusableMemory = 0
            peak()
            precondition(ProcessSettings.keptMemory == 0)
        }
    }
}

/// Work whose buffers take some 480 MiB at once.
private func peak() { _ = (0..<30).map { _ in Matrix(rows: 1 << 12, columns: 1 << 10, repeating: 1) } }

/// What the process holds of the machine's memory, in bytes; 0 where the system doesn't tell.
private var resident: Int {
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    return pages.flatMap { Int($0[1]) }.map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } ?? 0
}

/// Whether a sanitizer has its own heap here, which keeps for a while what was freed.
private var isSanitized: Bool {
    let program = unsafe dlopen(nil, RTLD_NOW)
    return unsafe dlsym(program, "__asan_init") != nil || dlsym(program, "__tsan_init") != nil
}
