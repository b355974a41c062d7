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

/// Further instructions, for reduced precision and for codes, beside a level.
typedef enum {
    SEMBLANCE_CPU_AVX_VNNI = 1,     // from AVX2 on
    SEMBLANCE_CPU_AVX512_VNNI = 2,  // with AVX-512, as all below
    SEMBLANCE_CPU_AVX512_BF16 = 4,
    SEMBLANCE_CPU_AMX = 8,          // tiles of bfloat16 and of bytes, permitted by the system
    SEMBLANCE_CPU_AVX512_VPOPCNTDQ = 16,
    SEMBLANCE_CPU_ALL_FEATURES = 31,
    SEMBLANCE_CPU_EMULATED_AMX = 32 // never found, only set: AMX in plain C, for tests
} semblance_cpu_feature;

/// Which of them go with the level in use, as a sum. SEMBLANCE_CPU=avx512 leaves AMX out.
unsigned semblance_cpu_features(void);

/// Sets, for what the calling thread runs itself, which of the features found are used: all by default.
void semblance_cpu_set_features(unsigned features);

/// Sets the level for what the calling thread runs itself, and for it alone: tests compare the paths while others run
/// beside them. A level the CPU lacks is refused with 0.
int semblance_cpu_set(semblance_cpu_level level);

#ifdef __cplusplus
}
#endif

#endif
