// Counter-based random numbers: number i of a stream is a function of (seed, stream, i), on every machine the same.
#ifndef SEMBLANCE_RANDOM_H
#define SEMBLANCE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/// Block `counter` of a stream: four words of Philox 4×32 with 10 rounds, key = seed, counter words = (counter, stream),
/// low halves first. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
void semblance_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[_Nonnull 4]);

/// n floats low + u · (high − low) with u uniform in [0, 1), a multiple of 2⁻²⁴: float i is made of word i mod 4 of block
/// counter + i / 4.
void semblance_random_uniform(
    uint64_t seed, uint64_t stream, uint64_t counter, float low, float high, float *_Nonnull out, size_t n
);

/// n floats of the normal distribution with mean 0 (Box and Muller), words taken as above, two for two floats.
/// Computed in double with additions, products and roots alone, so that every machine gives the same bits.
void semblance_random_normal(
    uint64_t seed, uint64_t stream, uint64_t counter, float deviation, float *_Nonnull out, size_t n
);

/// A permutation of 0..<n, every one as likely (Fisher and Yates; the bias of a draw is below n · 2⁻⁶⁴). The draw for
/// place i, from n - 1 down to 1, takes the two words of number n - 1 - i: two numbers a block from `counter` on.
void semblance_random_permutation(uint64_t seed, uint64_t stream, uint64_t counter, ptrdiff_t *_Nonnull out, size_t n);

#endif
