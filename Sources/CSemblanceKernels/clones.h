// One source, compiled for each instruction set and picked when the library loads.
#ifndef SEMBLANCE_CLONES_H
#define SEMBLANCE_CLONES_H

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "avx2,fma", "avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define CLONES
#endif

#endif
