// Settings of the OpenBLAS in this process, if there is one. Nothing is linked: where the library or a function of it is
// absent (another BLAS, an OpenBLAS built for one core type), the calls below do nothing and say so.
#ifndef SEMBLANCE_OPENBLAS_H
#define SEMBLANCE_OPENBLAS_H

/// The core type whose kernels are in use, such as "Haswell"; NULL without OpenBLAS.
const char *_Nullable semblance_openblas_core(void);

/// Threads a product may use; 0 without OpenBLAS.
int semblance_openblas_threads(void);

/// Sets the threads of the whole process. Returns 0 without OpenBLAS.
int semblance_openblas_set_threads(int threads);

/// Chooses the AVX-512 kernels (core type SkylakeX) where the CPU has AVX-512 and OpenBLAS took it for a core without.
/// No other thread may be inside OpenBLAS meanwhile. Returns whether the kernels were changed.
int semblance_openblas_use_avx512(void);

#endif
