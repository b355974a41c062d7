// Sixteen-bit floats: IEEE 754 binary16 and bfloat16, as bits. The halves' side may lie at any address.
#ifndef SEMBLANCE_HALF_H
#define SEMBLANCE_HALF_H

#include <stddef.h>
#include <stdint.h>

/// Every binary16 is a float: exact; infinities and NaN stay what they are.
void semblance_floats_from_halves(const void *_Nonnull halves, size_t n, float *_Nonnull out);

/// Every bfloat16 is the upper half of a float: exact.
void semblance_floats_from_bfloats(const void *_Nonnull bfloats, size_t n, float *_Nonnull out);

/// Rounds to the nearest binary16, ties to even; from 65,520 on the result is infinite, NaN stays NaN.
void semblance_halves_from_floats(const float *_Nonnull x, size_t n, void *_Nonnull halves);

/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
void semblance_bfloats_from_floats(const float *_Nonnull x, size_t n, void *_Nonnull bfloats);

#endif
