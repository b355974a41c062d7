// Counter-based random numbers: number i of a stream is a function of (seed, stream, i), on every machine the same.
#ifndef SEMBLANCE_RANDOM_H
#define SEMBLANCE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/// Block `counter` of a stream: four words of Philox 4×32 with 10 rounds, key = seed, counter words = (counter, stream),
/// low halves first. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
void semblance_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[_Nonnull 4]);

/// n floats uniform in [0, 1), multiples of 2⁻²⁴: float i is made of word i mod 4 of block counter + i / 4.
void semblance_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter, float *_Nonnull out, size_t n);

/// n floats of the standard normal distribution (Box and Muller), words taken as above, two for two floats.
/// Computed in double with additions, products and roots alone, so that every machine gives the same bits.
void semblance_random_normal(uint64_t seed, uint64_t stream, uint64_t counter, float *_Nonnull out, size_t n);

#endif
