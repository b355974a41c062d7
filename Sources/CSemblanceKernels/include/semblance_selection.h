// The highest of a row of scores.
#ifndef SEMBLANCE_SELECTION_H
#define SEMBLANCE_SELECTION_H

#include <stddef.h>

/// Writes 1 to `closed` for every open score that is above `limit`, or not among the `keep` highest of those that are
/// not; of equal ones the first are kept. Open are those whose `mask` is not -inf. `scratch` holds n floats.
void semblance_close_but_highest(
    const float *_Nonnull scores, const float *_Nonnull mask, size_t n, float limit, size_t keep,
    float *_Nonnull closed, float *_Nonnull scratch
);

#endif
