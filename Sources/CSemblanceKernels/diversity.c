#include "include/semblance_diversity.h"

#include <math.h>

size_t semblance_greatest(const float *x, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[best] || (isnan(x[best]) && !isnan(x[i]))) best = i;
    return best;
}

size_t semblance_marginal_next(
    const float *scores, const float *similarities, const uint8_t *taken, float lambda, size_t count, float *nearest
) {
    size_t best = count;
    float greatest = NAN;
    for (size_t i = 0; i < count; i++) {
        nearest[i] = similarities[i] > nearest[i] ? similarities[i] : nearest[i];
        if (taken[i]) continue;
        float value = lambda * scores[i] - (1 - lambda) * nearest[i];
        if (best == count || value > greatest || (isnan(greatest) && !isnan(value))) {
            best = i;
            greatest = value;
        }
    }
    return best;
}
