// One body in plain C, compiled once for each instruction set and chosen at run time.
#ifndef LEVELS_H
#define LEVELS_H

#include "include/semblance_cpu.h"

#pragma STDC FP_CONTRACT ON // x * y + z in one expression is one fused operation where the CPU has it

/// Sixteen floats, on every instruction set: sums go through the same lanes in the same order on all of them.
typedef float float16v __attribute__((vector_size(64), aligned(4)));
typedef int int16v __attribute__((vector_size(64), aligned(4)));
typedef float float8v __attribute__((vector_size(32), aligned(4)));
typedef double double8v __attribute__((vector_size(64), aligned(8)));

#define BODY static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define LEVELS_AS(linkage, returns, name, parameters, arguments)                                                       \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) static returns name##_avx512 parameters {        \
        return name##_body arguments;                                                                                  \
    }                                                                                                                  \
    __attribute__((target("avx2,fma"))) static returns name##_avx2 parameters { return name##_body arguments; }        \
    linkage returns semblance_##name parameters {                                                                      \
        switch (semblance_cpu()) {                                                                                     \
        case SEMBLANCE_CPU_AVX512: return name##_avx512 arguments;                                                     \
        case SEMBLANCE_CPU_AVX2: return name##_avx2 arguments;                                                         \
        default: return name##_body arguments;                                                                         \
        }                                                                                                              \
    }
#else
#define LEVELS_AS(linkage, returns, name, parameters, arguments)                                                       \
    linkage returns semblance_##name parameters { return name##_body arguments; }
#endif

/// Defines `semblance_name parameters`, which calls `name_body arguments`.
#define LEVELS(returns, name, parameters, arguments) LEVELS_AS(, returns, name, parameters, arguments)
/// The same for one file alone.
#define PRIVATE_LEVELS(returns, name, parameters, arguments) LEVELS_AS(static, returns, name, parameters, arguments)

#endif
