// Codes become floats as they are read; a sum runs through the same lanes in the same order on every instruction set.

#include "include/semblance_codes.h"

#include <string.h>

#include "levels.h"

typedef uint8_t byte16v __attribute__((vector_size(16), aligned(1)));

BODY void add(float16v *sum, byte16v codes, const float *weights, const float *offsets) {
    const float16v values = __builtin_convertvector(codes, float16v), weight = *(const float16v *)weights;
    if (offsets) {
        const float16v difference = *(const float16v *)offsets - weight * values;
        *sum += difference * difference;
    } else {
        *sum += weight * values;
    }
}

BODY float total(const float16v *sum) {
    float16v lanes = *sum;
    for (int width = 8; width > 0; width /= 2)
        for (int lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
    return lanes[0];
}

BODY void scan_bytes_body(
    const float *weights, const float *offsets, const uint8_t *codes, size_t d, size_t count, float *out
) {
    for (size_t row = 0; row < count; row++, codes += d) {
        float16v sums[4] = {0};
        size_t i = 0;
        for (; i + 64 <= d; i += 64)
            for (size_t s = 0; s < 4; s++) {
                const size_t at = i + 16 * s;
                add(&sums[s], *(const byte16v *)(codes + at), weights + at, offsets ? offsets + at : NULL);
            }
        for (; i < d; i += 16) {
            byte16v last = {0};
            memcpy(&last, codes + i, d - i < 16 ? d - i : 16);
            add(&sums[0], last, weights + i, offsets ? offsets + i : NULL);
        }
        sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        out[row] = total(&sums[0]);
    }
}

BODY void scan_nibbles_body(
    const float *weights, const float *offsets, const uint8_t *codes, size_t d, size_t count, float *out
) {
    const size_t size = (d + 1) / 2;
    for (size_t row = 0; row < count; row++, codes += size) {
        float16v even = {0}, odd = {0};
        for (size_t i = 0; i < size; i += 16) {
            byte16v both = {0};
            if (i + 16 <= size) both = *(const byte16v *)(codes + i);
            else memcpy(&both, codes + i, size - i);
            add(&even, both & 15, weights + 2 * i, offsets ? offsets + 2 * i : NULL);
            add(&odd, both >> 4, weights + 2 * i + 16, offsets ? offsets + 2 * i + 16 : NULL);
        }
        even += odd;
        out[row] = total(&even);
    }
}

// A loop for each of both, so that neither asks at every step.
#define WITH_OR_WITHOUT(name)                                                                                          \
    BODY void name##_either_body(                                                                                      \
        const float *weights, const float *offsets, const uint8_t *codes, size_t d, size_t count, float *out           \
    ) {                                                                                                                \
        if (offsets) name##_body(weights, offsets, codes, d, count, out);                                              \
        else name##_body(weights, NULL, codes, d, count, out);                                                         \
    }                                                                                                                  \
    PRIVATE_LEVELS(                                                                                                    \
        void, name##_either,                                                                                           \
        (const float *weights, const float *offsets, const uint8_t *codes, size_t d, size_t count, float *out),        \
        (weights, offsets, codes, d, count, out)                                                                       \
    )                                                                                                                  \
    void semblance_##name(                                                                                             \
        const float *weights, const float *offsets, const uint8_t *codes, size_t d, size_t count, float *out           \
    ) {                                                                                                                \
        semblance_##name##_either(weights, offsets, codes, d, count, out);                                             \
    }
WITH_OR_WITHOUT(scan_bytes)
WITH_OR_WITHOUT(scan_nibbles)

/// Codes of `words` 64-bit words: a constant where it is called, so that rows are taken several at a time.
BODY void scan_words(const uint8_t *query, const uint8_t *codes, size_t words, size_t count, float *out) {
    for (size_t row = 0; row < count; row++) {
        uint64_t differing = 0;
        for (size_t i = 0; i < words; i++) {
            uint64_t a, b;
            memcpy(&a, query + 8 * i, 8);
            memcpy(&b, codes + 8 * (row * words + i), 8);
            differing += (uint64_t)__builtin_popcountll(a ^ b);
        }
        out[row] = (float)(int)differing;
    }
}

BODY void scan_bits_body(const uint8_t *query, const uint8_t *codes, size_t bytes, size_t count, float *out) {
    switch (bytes) {
    case 16: return scan_words(query, codes, 2, count, out);
    case 32: return scan_words(query, codes, 4, count, out);
    case 48: return scan_words(query, codes, 6, count, out);
    case 64: return scan_words(query, codes, 8, count, out);
    case 96: return scan_words(query, codes, 12, count, out);
    case 128: return scan_words(query, codes, 16, count, out);
    }
    for (size_t row = 0; row < count; row++, codes += bytes) {
        float whole;
        scan_words(query, codes, bytes / 8, 1, &whole);
        int differing = (int)whole;
        for (size_t i = bytes / 8 * 8; i < bytes; i++) differing += __builtin_popcount(query[i] ^ codes[i]);
        out[row] = (float)differing;
    }
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static void
scan_bits_popcnt(const uint8_t *query, const uint8_t *codes, size_t bytes, size_t count, float *out) {
    scan_bits_body(query, codes, bytes, count, out);
}

__attribute__((target("popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"))) static void
scan_bits_vpopcnt(const uint8_t *query, const uint8_t *codes, size_t bytes, size_t count, float *out) {
    scan_bits_body(query, codes, bytes, count, out);
}
#endif

void semblance_scan_bits(const uint8_t *query, const uint8_t *codes, size_t bytes, size_t count, float *out) {
#if defined(__x86_64__)
    if (semblance_cpu_features() & SEMBLANCE_CPU_AVX512_VPOPCNTDQ)
        return scan_bits_vpopcnt(query, codes, bytes, count, out);
    // Every CPU with AVX2 counts bits in one instruction.
    if (semblance_cpu() != SEMBLANCE_CPU_PORTABLE) return scan_bits_popcnt(query, codes, bytes, count, out);
#endif
    scan_bits_body(query, codes, bytes, count, out);
}
