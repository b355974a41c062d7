// Packing: both operands become groups of columns of some X, x(l, i) = x[l * ls + i * is], `width` words for each step.

#include "gemm_internal.h"

#include "bits.h"
#include "levels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma clang diagnostic ignored "-Wpass-failed" // sanitizers keep some loops from being unrolled

// MARK: Words as they are

/// One group: `width` words for each of `k` steps, those from `used` on zero.
static void pack_group_portable(
    size_t k, size_t used, size_t width, const word *x, size_t ls, size_t is, word *out
) {
    if (is == 1) {
        for (size_t l = 0; l < k; l++, x += ls, out += width) {
            memcpy(out, x, used * sizeof *out);
            for (size_t i = used; i < width; i++) out[i] = 0;
        }
        return;
    }
    for (size_t l0 = 0; l0 < k; l0 += 16) {
        size_t l1 = k - l0 < 16 ? k : l0 + 16;
        for (size_t i = 0; i < used; i++)
            for (size_t l = l0; l < l1; l++) out[l * width + i] = x[l * ls + i * is];
        for (size_t i = used; i < width; i++)
            for (size_t l = l0; l < l1; l++) out[l * width + i] = 0;
    }
}

#if defined(__x86_64__)
/// Columns to rows, 8 × 8: out[l * width + i] = x[i * is + l], rows from `used` on zero.
__attribute__((target("avx2"))) static void transpose8(size_t used, size_t width, const word *x, size_t is, word *out) {
    __m256 r[8], t[8];
    for (size_t i = 0; i < 8; i++) r[i] = i < used ? _mm256_loadu_ps((const float *)(x + i * is)) : _mm256_setzero_ps();
    for (size_t i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (size_t i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    if (width == 6) { // the A panels of this level, as those of 4
        for (size_t l = 0; l < 8; l++) {
            _mm_storeu_ps((float *)(out + l * 6), _mm256_castps256_ps128(t[l]));
            _mm_storel_pi((__m64 *)(out + l * 6 + 4), _mm256_extractf128_ps(t[l], 1));
        }
        return;
    }
    if (width == 4) {
        for (size_t l = 0; l < 8; l++) _mm_storeu_ps((float *)(out + l * 4), _mm256_castps256_ps128(t[l]));
        return;
    }
    for (size_t l = 0; l < 8; l++) _mm256_storeu_ps((float *)(out + l * width), t[l]);
}

static void pack_group_avx2(size_t k, size_t used, size_t width, const word *x, size_t ls, size_t is, word *out) {
    size_t l = 0;
    if (is == 1 && used == 6 && width == 6)
        for (; l < k; l++) {
            memcpy(out + l * 6, x + l * ls, 4 * sizeof *out);
            memcpy(out + l * 6 + 4, x + l * ls + 4, 2 * sizeof *out);
        }
    else if (ls == 1 && is != 1)
        for (; l + 8 <= k; l += 8)
            for (size_t i = 0; i < width; i += 8)
                transpose8(i < used ? used - i : 0, width, x + l + (i < used ? i * is : 0), is, out + l * width + i);
    pack_group_portable(k - l, used, width, x + l * ls, ls, is, out + l * width);
}

/// Columns to rows, 16 × 16, of which 12 or all 16 are stored: out[l * width + i] = x[i * is + l].
__attribute__((target("avx512f,avx512dq"))) static void transpose16(
    size_t steps, size_t used, size_t width, const word *x, size_t is, word *out
) {
    __m512 r[16], t[16];
    __mmask16 mask = (__mmask16)((1u << steps) - 1);
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < 16; i++)
        r[i] = i < used ? _mm512_maskz_loadu_ps(mask, x + i * is) : _mm512_setzero_ps();
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xDD);
    }
    if (width == 12) { // the A panels of this level
        _Pragma("clang loop unroll(full)") for (size_t l = 0; l < 16; l++) {
            if (l >= steps) return;
            _mm256_storeu_ps((float *)(out + l * 12), _mm512_castps512_ps256(r[l]));
            _mm_storeu_ps((float *)(out + l * 12 + 8), _mm512_extractf32x4_ps(r[l], 2));
        }
        return;
    }
    _Pragma("clang loop unroll(full)") for (size_t l = 0; l < 16; l++) {
        if (l >= steps) return;
        _mm512_storeu_ps(out + l * width, r[l]);
    }
}

__attribute__((target("avx512f"))) static void pack_group_avx512(
    size_t k, size_t used, size_t width, const word *x, size_t ls, size_t is, word *out
) {
    if (is == 1 && used == 12 && width == 12) {
        for (size_t l = 0; l < k; l++, x += ls, out += 12) {
            __m256 low = _mm256_loadu_ps((const float *)x);
            __m128 high = _mm_loadu_ps((const float *)(x + 8));
            _mm256_storeu_ps((float *)out, low);
            _mm_storeu_ps((float *)(out + 8), high);
        }
    } else if (ls == 1 && is != 1) {
        for (size_t l = 0; l < k; l += 16) {
            size_t steps = k - l < 16 ? k - l : 16;
            for (size_t i = 0; i < width; i += 16)
                transpose16(
                    steps, i < used ? used - i : 0, width, x + l + (i < used ? i * is : 0), is, out + l * width + i
                );
        }
    } else {
        pack_group_portable(k, used, width, x, ls, is, out);
    }
}
#endif

typedef void pack_group(size_t, size_t, size_t, const word *, size_t, size_t, word *);

/// The fastest that knows groups of this width.
static pack_group *group_packer(size_t width) {
#if defined(__x86_64__)
    if (semblance_cpu() == SEMBLANCE_CPU_AVX512 && (width == 12 || width % 16 == 0)) return pack_group_avx512;
    if (semblance_cpu() >= SEMBLANCE_CPU_AVX2 && (width == 4 || width == 6 || width % 8 == 0)) return pack_group_avx2;
#endif
    return pack_group_portable;
}

/// Packs words: groups of to->rows columns of x(l, i) = x[l * ls + i * is].
static void pack_groups(
    size_t steps, size_t n, const word *x, size_t ls, size_t is, const layout *to, size_t group_steps, word *out
) {
    pack_group *pack = group_packer(to->tiled ? PIECE : to->width);
    for (size_t i = 0; i < n; i += to->rows, x += to->rows * is, out += to->width * group_steps) {
        size_t used = least(to->rows, n - i);
        if (!to->tiled) {
            pack(steps, used, to->width, x, ls, is, out);
        } else { // one piece: columns and steps exchange their roles
            pack(used, steps, PIECE, x, is, ls, out);
            memset(out + used * PIECE, 0, (to->width - used) * PIECE * sizeof *out);
        }
    }
}

// MARK: Elements to words
// A piece of n columns: PIECE words a column, side by side; or, where the columns themselves lie side by side, the words
// of all n columns for each step.

typedef uint16_t half_word __attribute__((may_alias));

BODY void bfloat_rows(const float *x, size_t count, size_t n, size_t ls, size_t is, word *out) {
    for (size_t i = 0; i < n; i++, x += is) {
        half_word *row = (half_word *)(out + i * PIECE);
        if (count == 2 * PIECE)
            for (size_t l = 0; l < 2 * PIECE; l++) row[l] = (half_word)(bfloat_above(x[l * ls]) >> 16);
        else
            for (size_t l = 0; l < 2 * PIECE; l++) row[l] = l < count ? (half_word)(bfloat_above(x[l * ls]) >> 16) : 0;
    }
}

/// Pairs of bfloat16 of the first `count` elements, at most 2 · PIECE, of each column.
BODY void bfloat_piece_by_integers_body(const float *x, size_t count, size_t n, size_t ls, size_t is, word *out) {
    if (ls == 1) {
        bfloat_rows(x, count, n, 1, is, out);
    } else if (is != 1) {
        bfloat_rows(x, count, n, ls, is, out);
    } else {
        for (size_t l = 0; l < 2 * PIECE; l += 2, x += 2 * ls, out += n)
            for (size_t i = 0; i < n; i++)
                out[i] = (l < count ? bfloat_above(x[i]) >> 16 : 0)
                    | (l + 1 < count ? bfloat_above(x[ls + i]) & 0xFFFF0000 : 0);
    }
}

PRIVATE_LEVELS(
    void, bfloat_piece_by_integers, (const float *x, size_t count, size_t n, size_t ls, size_t is, word *out),
    (x, count, n, ls, is, out)
)

#if defined(__x86_64__)
BODY __mmask16 first_lanes(size_t count) { return count < 16 ? (__mmask16)((1u << count) - 1) : (__mmask16)-1; }

/// The same by the CPU's own rounding, which takes subnormal numbers for 0, as its products do. The next piece is fetched
/// meanwhile: its columns lie apart.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static void bfloat_piece_rounded(
    const float *x, size_t count, size_t n, size_t ls, size_t is, word *out
) {
    if (ls == 1) {
        __mmask16 low = first_lanes(count), high = first_lanes(count > 16 ? count - 16 : 0);
        for (size_t i = 0; i < n; i++, x += is, out += PIECE) {
            __builtin_prefetch(x + 2 * PIECE);
            __builtin_prefetch(x + 3 * PIECE);
            __m512 left = _mm512_maskz_loadu_ps(low, x), right = _mm512_maskz_loadu_ps(high, x + 16);
            _mm512_storeu_si512(out, (__m512i)_mm512_cvtne2ps_pbh(right, left));
        }
        return;
    }
    // Word i: half i of the low halves' 16, then half i of the high ones'.
    const int16v lanes_of_words = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const __m512i interleaving = (__m512i)(lanes_of_words * 0x10001 + 0x100000);
    for (size_t l = 0; l < 2 * PIECE; l += 2, x += 2 * ls, out += n)
        for (size_t i = 0; i < n; i += 16) {
            __builtin_prefetch(x + i + 2 * PIECE * ls);
            __builtin_prefetch(x + i + (2 * PIECE + 1) * ls);
            __mmask16 lanes = first_lanes(n - i);
            __m512 even = _mm512_maskz_loadu_ps(l < count ? lanes : 0, x + i);
            __m512 odd = _mm512_maskz_loadu_ps(l + 1 < count ? lanes : 0, x + ls + i);
            __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
            _mm512_mask_storeu_epi32(out + i, lanes, _mm512_permutexvar_epi16(interleaving, halves));
        }
}
#endif

static void bfloat_piece(const float *x, size_t count, size_t n, size_t ls, size_t is, word *out) {
#if defined(__x86_64__)
    if ((ls == 1 || is == 1) && semblance_cpu_features() & SEMBLANCE_CPU_AVX512_BF16)
        return bfloat_piece_rounded(x, count, n, ls, is, out);
#endif
    semblance_bfloat_piece_by_integers(x, count, n, ls, is, out);
}

/// x / scale + zero, rounded, within the range of a byte; what has no scale stays within it too.
BODY int32_t byte_of(float x, const scaling *s, int32_t lowest, int32_t highest) {
    float scaled = x * s->inverse;      // below 2²² in size, or nothing that matters
    float rounded = scaled + 12582912;  // 1.5 · 2²³: to the nearest whole number, ties to even, in the last bits
    int32_t q = (int32_t)bits_of(rounded) - 0x4B400000 + s->zero;
    return q < lowest ? lowest : q > highest ? highest : q;
}

BODY void byte_rows(const operand *o, const float *x, size_t count, size_t n, size_t ls, const scaling *s, word *out) {
    const int32_t lowest = o->is_signed ? -127 : 0, highest = o->is_signed ? 127 : 255;
    for (size_t i = 0; i < n; i++, x += o->is) {
        uint8_t *row = (uint8_t *)(out + i * PIECE);
        const scaling scaling = s[i];
        if (count == 4 * PIECE)
            for (size_t l = 0; l < 4 * PIECE; l++) row[l] = (uint8_t)byte_of(x[l * ls], &scaling, lowest, highest);
        else
            for (size_t l = 0; l < 4 * PIECE; l++)
                row[l] = l < count ? (uint8_t)byte_of(x[l * ls], &scaling, lowest, highest) : 0;
    }
}

/// Four bytes a word of the first `count` elements, at most 4 · PIECE, of each column.
BODY void byte_piece_body(const operand *o, const float *x, size_t count, size_t n, const scaling *s, word *out) {
    if (o->ls == 1) {
        byte_rows(o, x, count, n, 1, s, out);
    } else if (o->is != 1) {
        byte_rows(o, x, count, n, o->ls, s, out);
    } else {
        const int32_t lowest = o->is_signed ? -127 : 0, highest = o->is_signed ? 127 : 255;
        for (size_t l = 0; l < 4 * PIECE; l++, x += o->ls) {
            unsigned place = l % 4 * 8;
            for (size_t i = 0; i < n; i++) {
                word byte = l < count ? (word)byte_of(x[i], &s[i], lowest, highest) & 0xFF : 0;
                out[l / 4 * n + i] = place == 0 ? byte : out[l / 4 * n + i] | byte << place;
            }
        }
    }
}

static void semblance_byte_piece(
    const operand *o, const float *x, size_t count, size_t n, const scaling *s, word *out
);

LEVELS(
    void, byte_piece,
    (const operand *o, const float *x, size_t count, size_t n, const scaling *s, word *out), (o, x, count, n, s, out)
)

void semblance_pack_words(
    const operand *o, size_t l0, size_t steps, size_t n, const layout *to, size_t group_steps, word *out
) {
    if (o->precision == SEMBLANCE_FLOAT32) {
        // A few steps of all groups at a time: a step's columns lie side by side in memory, two steps may lie in
        // different pages.
        size_t run = o->is == 1 ? 8 : steps ? steps : 1;
        for (size_t l = 0; l < steps; l += run)
            pack_groups(
                least(run, steps - l), n, (const word *)o->x + (l0 + l) * o->ls, o->ls, o->is, to, group_steps,
                out + l * to->width
            );
        return;
    }
    enum { COLUMNS = 192 };
    word words[COLUMNS * PIECE];
    int is_by_step = o->is == 1 && o->ls != 1, in_place = to->tiled && !is_by_step; // a tile is such a piece
    size_t columns = in_place ? to->rows : COLUMNS / to->rows * to->rows;
    size_t elements = o->precision == SEMBLANCE_BFLOAT16 ? 2 : 4;
    for (size_t l = 0; l < steps; l += PIECE) {
        size_t first = (l0 + l) * elements;
        size_t count = first < o->k ? least(o->k - first, elements * PIECE) : 0;
        for (size_t i = 0; i < n; i += columns) {
            size_t part = least(columns, n - i);
            const float *x = o->x + (count ? first * o->ls : 0) + i * o->is;
            word *group = out + i / to->rows * to->width * group_steps + l * to->width;
            word *piece = in_place ? group : words;
            if (o->precision == SEMBLANCE_BFLOAT16)
                bfloat_piece(x, count, part, o->ls, o->is, piece);
            else
                semblance_byte_piece(o, x, count, part, o->scalings + i, piece);
            if (in_place)
                memset(group + part * PIECE, 0, (to->width - part) * PIECE * sizeof *group);
            else
                pack_groups(
                    least(PIECE, steps - l), part, words, is_by_step ? part : 1, is_by_step ? 1 : PIECE, to,
                    group_steps, group
                );
        }
    }
}

// MARK: Scalings

/// Floats as whole numbers in the same order.
BODY int32_t key(float x) {
    int32_t bits = (int32_t)bits_of(x);
    return bits ^ (bits >> 31 & 0x7FFFFFFF);
}

BODY scaling scaling_of(int32_t lowest, int32_t highest, int symmetric) {
    if (highest >= key(INFINITY) || lowest <= key(-INFINITY)) return (scaling){.scale = NAN};
    float low = float_from_bits((uint32_t)lowest ^ ((uint32_t)(lowest >> 31) & 0x7FFFFFFF));
    float high = float_from_bits((uint32_t)highest);
    float scale = symmetric ? (high > -low ? high : -low) / 127 : high / 255 - low / 255;
    if (!(scale >= FLT_MIN)) return (scaling){0}; // all of it is 0, or too small for a scale
    float inverse = 1 / scale, below = -low * inverse;
    return (scaling){scale, inverse, symmetric ? 0 : (int32_t)(below + 0.5f)};
}

BODY void scalings_body(const operand *o, size_t n, int symmetric, scaling *out) {
    if (o->is == 1 && o->ls != 1) {
        enum { COLUMNS = 64 };
        for (size_t i = 0; i < n; i += COLUMNS) {
            int32_t lowest[COLUMNS] = {0}, highest[COLUMNS] = {0};
            size_t part = least(COLUMNS, n - i);
            for (size_t l = 0; l < o->k; l++)
                for (size_t j = 0; j < part; j++) {
                    int32_t x = key(o->x[l * o->ls + i + j]);
                    lowest[j] = x < lowest[j] ? x : lowest[j];
                    highest[j] = x > highest[j] ? x : highest[j];
                }
            for (size_t j = 0; j < part; j++) out[i + j] = scaling_of(lowest[j], highest[j], symmetric);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const float *x = o->x + i * o->is;
        int32_t lowest = 0, highest = 0;
        if (o->ls == 1)
            for (size_t l = 0; l < o->k; l++) {
                lowest = key(x[l]) < lowest ? key(x[l]) : lowest;
                highest = key(x[l]) > highest ? key(x[l]) : highest;
            }
        else
            for (size_t l = 0; l < o->k; l++) {
                lowest = key(x[l * o->ls]) < lowest ? key(x[l * o->ls]) : lowest;
                highest = key(x[l * o->ls]) > highest ? key(x[l * o->ls]) : highest;
            }
        out[i] = scaling_of(lowest, highest, symmetric);
    }
}

LEVELS(void, scalings, (const operand *o, size_t n, int symmetric, scaling *out), (o, n, symmetric, out))
