#include "include/semblance_transformer.h"

#include "dropout.h"

BODY void dropout_body(
    uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *x, size_t n, float *y
) {
    drop(seed, stream, counter, rate, x, n, y);
}

LEVELS(
    void, dropout,
    (uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *x, size_t n, float *y),
    (seed, stream, counter, rate, x, n, y)
)
