// Resampling of per-query values, for intervals and tests. Result i depends on the seed and i alone.
#ifndef SEMBLANCE_RESAMPLING_H
#define SEMBLANCE_RESAMPLING_H

#include <stddef.h>
#include <stdint.h>

/// Means of resamples `first`..<`first + count`, each of as many rows as there are, drawn with replacement.
///
/// values: [rows, columns]; means: [count, columns]. All columns of a resample come from the same draws.
void semblance_bootstrap_means(
    const double *_Nonnull values, size_t rows, size_t columns, uint64_t seed, size_t first, size_t count,
    double *_Nonnull means
);

/// Of the sign flips `first`..<`first + count`, how many have |Σ ±differences[i]| ≥ bar, every sign as likely.
size_t semblance_sign_flips_at_least(
    const double *_Nonnull differences, size_t n, uint64_t seed, size_t first, size_t count, double bar
);

#endif
