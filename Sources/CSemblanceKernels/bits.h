// Floats as bits, and bfloat16 by integer arithmetic, the same on every instruction set.
#ifndef BITS_H
#define BITS_H

#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline __attribute__((always_inline)) uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/// Rounds to the nearest bfloat16, ties to even; its bits are the upper half, the lower one is not cleared.
static inline __attribute__((always_inline)) uint32_t bfloat_above(float x) {
    uint32_t bits = bits_of(x), rounded = bits + 0x7FFF + (bits >> 16 & 1);
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? bits | 0x400000 : rounded;
}

#endif
