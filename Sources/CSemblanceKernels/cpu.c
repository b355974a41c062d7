#include "include/semblance_cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static _Atomic int chosen = -1;
static _Thread_local int chosen_here = -1;
static _Atomic int found_features = -1;
static _Thread_local unsigned allowed_here = SEMBLANCE_CPU_ALL_FEATURES;

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

static unsigned all_features(void) {
    unsigned found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (best() >= SEMBLANCE_CPU_AVX2 && __builtin_cpu_supports("avxvnni")) found |= SEMBLANCE_CPU_AVX_VNNI;
    if (best() < SEMBLANCE_CPU_AVX512) return found;
    if (__builtin_cpu_supports("avx512vnni")) found |= SEMBLANCE_CPU_AVX512_VNNI;
    if (__builtin_cpu_supports("avx512bf16")) found |= SEMBLANCE_CPU_AVX512_BF16;
    if (__builtin_cpu_supports("avx512vpopcntdq")) found |= SEMBLANCE_CPU_AVX512_VPOPCNTDQ;
#if defined(__linux__)
    const char *asked = getenv("SEMBLANCE_CPU");
    // The tile registers are the process's from the first request on: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA.
    if (__builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-int8")
        && __builtin_cpu_supports("avx512vnni") && !(asked && strcmp(asked, "avx512") == 0)
        && syscall(SYS_arch_prctl, 0x1023, 18) == 0)
        found |= SEMBLANCE_CPU_AMX;
#endif
#endif
    return found;
}

unsigned semblance_cpu_features(void) {
    int found = atomic_load_explicit(&found_features, memory_order_relaxed);
    if (found < 0) {
        found = (int)all_features();
        atomic_store_explicit(&found_features, found, memory_order_relaxed);
    }
    static const unsigned of_level[] = {
        [SEMBLANCE_CPU_PORTABLE] = 0,
        [SEMBLANCE_CPU_AVX2] = SEMBLANCE_CPU_AVX_VNNI,
        [SEMBLANCE_CPU_AVX512] = SEMBLANCE_CPU_ALL_FEATURES,
    };
    return (((unsigned)found & of_level[semblance_cpu()]) | SEMBLANCE_CPU_EMULATED_AMX) & allowed_here;
}

void semblance_cpu_set_features(unsigned features) { allowed_here = features; }
