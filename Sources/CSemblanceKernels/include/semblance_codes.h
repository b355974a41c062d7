// Scores of compressed vectors, one query against many codes that lie one after the other.
#ifndef SEMBLANCE_CODES_H
#define SEMBLANCE_CODES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Components that one step takes: `weights` and `offsets` are filled up with zeros to a whole number of steps.
#define SEMBLANCE_BYTES_STEP 16
#define SEMBLANCE_NIBBLES_STEP 32

/// For rows of `d` bytes c: Σ weights[i] c[i] or, with `offsets`, Σ (offsets[i] − weights[i] c[i])².
void semblance_scan_bytes(
    const float *_Nonnull weights, const float *_Nullable offsets, const uint8_t *_Nonnull codes, size_t d,
    size_t count, float *_Nonnull out
);

/// The same for rows of `d` numbers of 4 bits, the even ones in the lower halves of bytes. Of each step, `weights` and
/// `offsets` have the 16 of even places first, then those of odd ones.
void semblance_scan_nibbles(
    const float *_Nonnull weights, const float *_Nullable offsets, const uint8_t *_Nonnull codes, size_t d,
    size_t count, float *_Nonnull out
);

/// How many bits of each row of `bytes` bytes differ from the query's.
void semblance_scan_bits(
    const uint8_t *_Nonnull query, const uint8_t *_Nonnull codes, size_t bytes, size_t count, float *_Nonnull out
);

#ifdef __cplusplus
}
#endif
#endif
