#include "include/semblance_transformer.h"

#include "dropout.h"

BODY void dropout_body(
    uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *x, size_t n, float *y
) {
    const dropout d = dropout_of(seed, stream, rate);
    uint64x8v counters = {0, 1, 2, 3, 4, 5, 6, 7};
    counters += counter;
    for (size_t i = 0; i < n; i += 32, counters += 8) {
        uint64x8v words[4];
        philox8(seed, stream, &counters, words);
        // Block after block: words 0 and 1 of one, then 2 and 3.
        uint64x8v first = words[0] | words[1] << 32, second = words[2] | words[3] << 32;
        uint32x16v runs[2] = {
            (uint32x16v)__builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11),
            (uint32x16v)__builtin_shufflevector(first, second, 4, 12, 5, 13, 6, 14, 7, 15),
        };
        for (size_t run = 0; run < 2 && i + 16 * run < n; run++) {
            size_t at = i + 16 * run;
            float16v part;
            if (at + 16 <= n) {
                part = *(const float16v *)(x + at);
                drop(&d, &runs[run], &part);
                *(float16v *)(y + at) = part;
            } else {
                load_part(&part, x + at, n - at);
                drop(&d, &runs[run], &part);
                memcpy(y + at, &part, (n - at) * sizeof *y);
            }
        }
    }
}

LEVELS(
    void, dropout,
    (uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *x, size_t n, float *y),
    (seed, stream, counter, rate, x, n, y)
)
