// Sixteen lanes at a time: loads of a part, sums in a fixed order, the exponential. For bodies that LEVELS compiles.
#ifndef LANES_H
#define LANES_H

#include "levels.h"

#include <string.h>

/// Up to 16 floats, the lanes from `n` on zero.
BODY void load_part(float16v *v, const float *x, size_t n) {
    *v = (float16v){0};
    memcpy(v, x, n * sizeof *x);
}

BODY float sum_lanes(const float16v *v) {
    float lanes[16];
    memcpy(lanes, v, sizeof lanes);
    for (size_t width = 8; width; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

BODY double sum_double_lanes(const double8v *v) {
    double lanes[8];
    memcpy(lanes, v, sizeof lanes);
    for (size_t width = 4; width; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

/// Both halves of v, as doubles, onto sums[0] and sums[1].
BODY void add_as_doubles(double8v *sums, const float16v *v) {
    float8v halves[2];
    memcpy(halves, v, sizeof halves);
    sums[0] += __builtin_convertvector(halves[0], double8v);
    sums[1] += __builtin_convertvector(halves[1], double8v);
}

/// exp(x) as p · 2^n: n whole, as the last bits of `shifted`, p the exponential of what is left, at most ln 2 / 2 in size.
/// ln 2 = 355/512 − 2.12194440e-4, the first part times n is exact; the polynomial is the classic one of the Cephes
/// library's expf.
BODY void exponential_parts(const float16v *x, float16v *p_out, float16v *shifted_out) {
    float16v shifted = *x * 1.44269504088896341f + 12582912.0f; // 1.5 · 2^23
    float16v n = shifted - 12582912.0f;
    float16v r = *x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float16v p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    float16v square = r * r;
    p = p * square + r;
    *p_out = p + 1.0f;
    *shifted_out = shifted;
}

/// v = exp(v).
BODY void exponential(float16v *v) {
    float16v x = *v;
    int16v low = x < -105.0f, high = x > 89.0f; // beyond, the result is 0 or infinite in any case; NaN is neither
    const float16v zero = {0}, lowest = zero - 105.0f, highest = zero + 89.0f;
    x = (float16v)(((int16v)x & ~(low | high)) | ((int16v)lowest & low) | ((int16v)highest & high));

    float16v p, shifted;
    exponential_parts(&x, &p, &shifted);
    // 2^n in two factors, so that results below the normal range and infinity come out right.
    int16v whole = (int16v)shifted - 0x4B400000;
    int16v half = whole >> 1;
    float16v first = (float16v)((half + 127) << 23), second = (float16v)((whole - half + 127) << 23);
    p = p * first;
    *v = p * second;
}

/// v = exp(v) for v ≤ 0, and 0 below −87.
BODY void exponential_below(float16v *v) {
    float16v p, shifted;
    int16v low = *v < -87.0f;
    exponential_parts(v, &p, &shifted);
    p = p * (float16v)(((int16v)shifted << 23) + 0x3F800000); // n moves to the exponent
    *v = (float16v)((int16v)p & ~low);
}

/// Lane by lane: `mask` ? a : b; the mask's lanes are all ones or all zeros.
BODY void select_lanes(float16v *out, const int16v *mask, const float16v *a, const float16v *b) {
    *out = (float16v)(((int16v)*a & *mask) | ((int16v)*b & ~*mask));
}

#endif
