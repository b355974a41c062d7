// Which instruction set the kernels use, chosen once at run time.
#ifndef SEMBLANCE_CPU_H
#define SEMBLANCE_CPU_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SEMBLANCE_CPU_PORTABLE = 0, // plain C; every architecture
    SEMBLANCE_CPU_AVX2 = 1,     // AVX2 and FMA
    SEMBLANCE_CPU_AVX512 = 2,   // AVX-512 F, BW, DQ and VL
} semblance_cpu_level;

/// The level in use: the best this CPU has, or the one set below. SEMBLANCE_CPU=portable|avx2|avx512 lowers it.
semblance_cpu_level semblance_cpu(void);

/// Sets the level for what the calling thread runs itself, and for it alone: tests compare the paths while others run
/// beside them. A level the CPU lacks is refused with 0.
int semblance_cpu_set(semblance_cpu_level level);

#ifdef __cplusplus
}
#endif

#endif
