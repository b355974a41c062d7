// Which elements dropout keeps, eight blocks of random words at a time.
#ifndef DROPOUT_H
#define DROPOUT_H

#include "lanes.h"

typedef uint64_t uint64x8v __attribute__((vector_size(64), aligned(8)));
typedef uint32_t uint32x8v __attribute__((vector_size(32), aligned(4)));
typedef uint32_t uint32x16v __attribute__((vector_size(64), aligned(4)));

/// words[w] = word w of the blocks with these counters (see semblance_philox), each in the low half of its lane.
BODY void philox8(uint64_t seed, uint64_t stream, const uint64x8v *counters, uint64x8v words[4]) {
    const uint64_t low = 0xFFFFFFFF;
    uint64_t key0 = seed & low, key1 = seed >> 32;
    uint64x8v c0 = *counters & low, c1 = *counters >> 32, c2 = {0}, c3 = {0};
    c2 += stream & low;
    c3 += stream >> 32;
    _Pragma("clang loop unroll(full)") for (int round = 0; round < 10; round++) {
        uint64x8v a = (c0 & low) * 0xD2511F53, b = (c2 & low) * 0xCD9E8D57;
        c0 = (b >> 32) ^ c1 ^ key0;
        c1 = b & low;
        c2 = (a >> 32) ^ c3 ^ key1;
        c3 = a & low;
        key0 = (key0 + 0x9E3779B9) & low;
        key1 = (key1 + 0xBB67AE85) & low;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/// An element falls when its word is below rate · 2³²; the others grow by 1 / (1 − rate).
typedef struct dropout {
    uint64_t seed, stream;
    uint32_t threshold;
    float factor;
} dropout;

BODY dropout dropout_of(uint64_t seed, uint64_t stream, float rate) {
    return (dropout){seed, stream, (uint32_t)((double)rate * 0x1p32), 1 / (1 - rate)};
}

BODY void drop(const dropout *d, const uint32x16v *words, float16v *x) {
    int16v kept = *words >= d->threshold;
    *x = (float16v)((int16v)(*x * d->factor) & kept);
}

#endif
