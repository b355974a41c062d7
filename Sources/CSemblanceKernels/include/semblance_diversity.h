// The steps of maximal marginal relevance.
#ifndef SEMBLANCE_DIVERSITY_H
#define SEMBLANCE_DIVERSITY_H

#include <stddef.h>
#include <stdint.h>

/// The first place of the greatest of at least one number; NaN is less than any other.
size_t semblance_greatest(const float *_Nonnull x, size_t count);

/// Raises nearest[i] to similarities[i], and returns the first place, among those not taken (one at least is left), of
/// the greatest lambda * scores[i] - (1 - lambda) * nearest[i]; NaN is less than any other.
size_t semblance_marginal_next(
    const float *_Nonnull scores, const float *_Nonnull similarities, const uint8_t *_Nonnull taken, float lambda,
    size_t count, float *_Nonnull nearest
);

#endif
