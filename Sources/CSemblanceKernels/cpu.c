#include "include/semblance_cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int chosen = -1;
static _Thread_local int chosen_here = -1;

static semblance_cpu_level best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        return SEMBLANCE_CPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return SEMBLANCE_CPU_AVX2;
#endif
    return SEMBLANCE_CPU_PORTABLE;
}

semblance_cpu_level semblance_cpu(void) {
    if (chosen_here >= 0) return (semblance_cpu_level)chosen_here;
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level >= 0) return (semblance_cpu_level)level;
    semblance_cpu_level found = best();
    const char *asked = getenv("SEMBLANCE_CPU");
    if (asked) {
        if (strcmp(asked, "portable") == 0) found = SEMBLANCE_CPU_PORTABLE;
        if (strcmp(asked, "avx2") == 0 && found > SEMBLANCE_CPU_AVX2) found = SEMBLANCE_CPU_AVX2;
    }
    atomic_store_explicit(&chosen, (int)found, memory_order_relaxed);
    return found;
}

int semblance_cpu_set(semblance_cpu_level level) {
    if (level > best()) return 0;
    chosen_here = (int)level;
    return 1;
}
