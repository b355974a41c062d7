#include "include/semblance_random.h"

#pragma STDC FP_CONTRACT OFF // the same roundings on every machine

void semblance_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]) {
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53 * c0, b = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)a;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void semblance_random_uniform(
    uint64_t seed, uint64_t stream, uint64_t counter, float low, float high, float *out, size_t n
) {
    float width = (high - low) * 0x1p-24f;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        semblance_philox(seed, stream, counter++, words);
        for (size_t j = 0; j < 4 && i + j < n; j++) out[i + j] = low + (float)(words[j] >> 8) * width;
    }
}

/// ln of a number in (0, 1] within 1e-13: 2^e · f with f in [√½, √2), ln f = 2 artanh((f − 1) / (f + 1)) by its series.
static double logarithm(double x) {
    int exponent = 0;
    double f = __builtin_frexp(x, &exponent);
    if (f < 0.70710678118654752) {
        f *= 2;
        exponent--;
    }
    double s = (f - 1) / (f + 1), square = s * s, sum = 0;
    for (int i = 19; i > 0; i -= 2) sum = sum * square + 1.0 / i;
    return 2 * s * sum + exponent * 0.69314718055994531;
}

/// Sine and cosine of 2π · turn, turn in [0, 1), within 1e-13: the nearest quarter turn, then Taylor's series.
static void sine_cosine(double turn, double *sine, double *cosine) {
    int quarter = (int)(4 * turn + 0.5);
    double x = (turn - quarter * 0.25) * 6.28318530717958648, square = x * x; // |x| ≤ π/4
    double s = 0, c = 0;
    for (int i = 15; i > 1; i -= 2) s = (1 - s) * square / (i * (i - 1));
    for (int i = 16; i > 1; i -= 2) c = (1 - c) * square / (i * (i - 1));
    s = x * (1 - s);
    c = 1 - c;
    double sines[4] = {s, c, -s, -c};
    *sine = sines[quarter & 3];
    *cosine = sines[(quarter + 1) & 3];
}

void semblance_random_normal(
    uint64_t seed, uint64_t stream, uint64_t counter, float deviation, float *out, size_t n
) {
    for (size_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        semblance_philox(seed, stream, counter++, words);
        for (size_t j = 0; j < 4 && i + j < n; j += 2) {
            double radius = deviation * __builtin_sqrt(-2 * logarithm(((double)words[j] + 1) * 0x1p-32));
            double sine, cosine;
            sine_cosine(words[j + 1] * 0x1p-32, &sine, &cosine);
            out[i + j] = (float)(radius * cosine);
            if (i + j + 1 < n) out[i + j + 1] = (float)(radius * sine);
        }
    }
}

void semblance_random_permutation(uint64_t seed, uint64_t stream, uint64_t counter, ptrdiff_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (ptrdiff_t)i;
    uint32_t words[4];
    for (size_t drawn = 0; drawn + 1 < n; drawn++) {
        if (drawn % 2 == 0) semblance_philox(seed, stream, counter++, words);
        uint64_t number = words[drawn % 2 * 2] | (uint64_t)words[drawn % 2 * 2 + 1] << 32;
        size_t last = n - 1 - drawn;
        size_t other = (size_t)(((unsigned __int128)number * (last + 1)) >> 64);
        ptrdiff_t kept = out[last];
        out[last] = out[other];
        out[other] = kept;
    }
}
