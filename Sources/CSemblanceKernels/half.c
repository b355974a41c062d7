// Integer arithmetic that the compiler vectorises; no path needs a conversion instruction.

#include "include/semblance_half.h"

#include "bits.h"
#include "levels.h"

typedef uint16_t unaligned16 __attribute__((aligned(1)));

BODY void floats_from_halves_body(const void *halves, size_t n, float *out) {
    const unaligned16 *x = halves;
    for (size_t i = 0; i < n; i++) {
        uint32_t sign = (uint32_t)(x[i] & 0x8000) << 16, rest = (uint32_t)(x[i] & 0x7FFF) << 13;
        // The exponent is moved by a product, which makes subnormal halves normal on the way.
        uint32_t finite = bits_of(float_from_bits(rest) * 0x1p112f);
        out[i] = float_from_bits(sign | (rest >= 0x0F800000 ? rest | 0x7F800000 : finite));
    }
}

LEVELS(void, floats_from_halves, (const void *halves, size_t n, float *out), (halves, n, out))

BODY void floats_from_bfloats_body(const void *bfloats, size_t n, float *out) {
    const unaligned16 *x = bfloats;
    for (size_t i = 0; i < n; i++) out[i] = float_from_bits((uint32_t)x[i] << 16);
}

LEVELS(void, floats_from_bfloats, (const void *bfloats, size_t n, float *out), (bfloats, n, out))

BODY void halves_from_floats_body(const float *x, size_t n, void *halves) {
    unaligned16 *out = halves;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(x[i]), size = bits & 0x7FFFFFFF;
        // Half an even last place is added, then the exponent is moved: 15 instead of 127.
        uint32_t normal = (size + 0xFFF + (size >> 13 & 1) - 0x38000000) >> 13;
        // Below 2⁻¹⁴: adding ½ leaves the rounded multiple of 2⁻²⁴ in the last bits.
        uint32_t small = bits_of(float_from_bits(size) + 0.5f) - 0x3F000000;
        uint32_t large = size > 0x7F800000 ? 0x7E00 : 0x7C00;
        uint32_t half = size < 0x38800000 ? small : size < 0x47800000 ? normal : large;
        out[i] = (uint16_t)(half | (bits >> 16 & 0x8000));
    }
}

LEVELS(void, halves_from_floats, (const float *x, size_t n, void *halves), (x, n, halves))

BODY void bfloats_from_floats_body(const float *x, size_t n, void *bfloats) {
    unaligned16 *out = bfloats;
    for (size_t i = 0; i < n; i++) out[i] = (uint16_t)(bfloat_above(x[i]) >> 16);
}

LEVELS(void, bfloats_from_floats, (const float *x, size_t n, void *bfloats), (x, n, bfloats))
