// Which elements dropout keeps, eight blocks of random words at a time.
#ifndef DROPOUT_H
#define DROPOUT_H

#include "lanes.h"

typedef uint64_t uint64x8v __attribute__((vector_size(64), aligned(8)));

/// The words of blocks counter ..< counter + 8 (see semblance_philox), in the order of their numbers.
BODY void philox8(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[32]) {
    const uint64_t low = 0xFFFFFFFF;
    uint64_t key0 = seed & low, key1 = seed >> 32;
    uint64x8v counters, c0, c1, c2 = {0}, c3 = {0};
    for (size_t i = 0; i < 8; i++) counters[i] = counter + i;
    c0 = counters & low;
    c1 = counters >> 32;
    c2 += stream & low;
    c3 += stream >> 32;
    for (int round = 0; round < 10; round++) {
        uint64x8v a = c0 * 0xD2511F53, b = c2 * 0xCD9E8D57;
        c0 = (b >> 32) ^ c1 ^ key0;
        c1 = b & low;
        c2 = (a >> 32) ^ c3 ^ key1;
        c3 = a & low;
        key0 = (key0 + 0x9E3779B9) & low;
        key1 = (key1 + 0xBB67AE85) & low;
    }
    // Little-endian pairs of words: block i is first[i], second[i].
    uint64x8v first = c0 | c1 << 32, second = c2 | c3 << 32;
    for (size_t i = 0; i < 8; i++) {
        memcpy(out + 4 * i, (const char *)&first + 8 * i, 8);
        memcpy(out + 4 * i + 2, (const char *)&second + 8 * i, 8);
    }
}

/// y = x where the element's word is at least rate · 2³², times 1 / (1 − rate); else 0.
BODY void drop(uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *x, size_t n, float *y) {
    uint32_t threshold = (uint32_t)((double)rate * 0x1p32);
    float factor = 1 / (1 - rate);
    for (size_t i = 0; i < n; i += 32, counter += 8) {
        uint32_t words[32];
        philox8(seed, stream, counter, words);
        size_t count = n - i < 32 ? n - i : 32;
        for (size_t j = 0; j < count; j++) y[i + j] = words[j] >= threshold ? x[i + j] * factor : 0;
    }
}

#endif
