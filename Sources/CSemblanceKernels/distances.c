// A sum runs over blocks of four registers, lane by lane; what is left of a vector goes to the registers in turn, the
// last incomplete register, filled up with zeros, to the fourth. Then (0 + 1) + (2 + 3), then across the lanes.

#include "include/semblance_distances.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

enum { INNER_PRODUCT, SQUARED_L2 };

/// Floats that are asked for ahead of a scan: past the end of a page, where the CPU's own prefetching stops.
enum { AHEAD = 2048 };

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

AVX512 INLINE __m512 add_512(__m512 sum, __m512 x, __m512 y, int metric) {
    if (metric == INNER_PRODUCT) return _mm512_fmadd_ps(x, y, sum);
    __m512 difference = _mm512_sub_ps(x, y);
    return _mm512_fmadd_ps(difference, difference, sum);
}

/// `count` is 1 or 4, a constant: the loops over rows and registers disappear.
AVX512 INLINE void
rows_512(const float *query, const float *const *rows, int count, size_t d, int metric, float *out) {
    __m512 sums[4][4];
    UNROLL for (int r = 0; r < count; r++) UNROLL for (int s = 0; s < 4; s++) sums[r][s] = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 64 <= d; i += 64) {
        UNROLL for (int s = 0; s < 4; s++) {
            __m512 q = _mm512_loadu_ps(query + i + 16 * s);
            UNROLL for (int r = 0; r < count; r++)
                sums[r][s] = add_512(sums[r][s], q, _mm512_loadu_ps(rows[r] + i + 16 * s), metric);
        }
    }
    UNROLL for (int s = 0; s < 3; s++) {
        if (i + 16 > d) break;
        __m512 q = _mm512_loadu_ps(query + i);
        UNROLL for (int r = 0; r < count; r++)
            sums[r][s] = add_512(sums[r][s], q, _mm512_loadu_ps(rows[r] + i), metric);
        i += 16;
    }
    if (i < d) {
        __mmask16 mask = (__mmask16)((1u << (d - i)) - 1);
        __m512 q = _mm512_maskz_loadu_ps(mask, query + i);
        UNROLL for (int r = 0; r < count; r++)
            sums[r][3] = add_512(sums[r][3], q, _mm512_maskz_loadu_ps(mask, rows[r] + i), metric);
    }
    UNROLL for (int r = 0; r < count; r++) {
        __m512 sum = _mm512_add_ps(_mm512_add_ps(sums[r][0], sums[r][1]), _mm512_add_ps(sums[r][2], sums[r][3]));
        out[r] = _mm512_reduce_add_ps(sum);
    }
}

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 INLINE __m256 add_256(__m256 sum, __m256 x, __m256 y, int metric) {
    if (metric == INNER_PRODUCT) return _mm256_fmadd_ps(x, y, sum);
    __m256 difference = _mm256_sub_ps(x, y);
    return _mm256_fmadd_ps(difference, difference, sum);
}

/// Two rows at most: their eight sums and two operands are what sixteen registers hold.
AVX2 INLINE void
pair_256(const float *query, const float *const *rows, int count, size_t d, int metric, float *out) {
    __m256 sums[2][4];
    UNROLL for (int r = 0; r < count; r++) UNROLL for (int s = 0; s < 4; s++) sums[r][s] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= d; i += 32) {
        UNROLL for (int s = 0; s < 4; s++) {
            __m256 q = _mm256_loadu_ps(query + i + 8 * s);
            UNROLL for (int r = 0; r < count; r++)
                sums[r][s] = add_256(sums[r][s], q, _mm256_loadu_ps(rows[r] + i + 8 * s), metric);
        }
    }
    UNROLL for (int s = 0; s < 3; s++) {
        if (i + 8 > d) break;
        __m256 q = _mm256_loadu_ps(query + i);
        UNROLL for (int r = 0; r < count; r++)
            sums[r][s] = add_256(sums[r][s], q, _mm256_loadu_ps(rows[r] + i), metric);
        i += 8;
    }
    if (i < d) {
        __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(d - i)), lanes);
        __m256 q = _mm256_maskload_ps(query + i, mask);
        UNROLL for (int r = 0; r < count; r++)
            sums[r][3] = add_256(sums[r][3], q, _mm256_maskload_ps(rows[r] + i, mask), metric);
    }
    UNROLL for (int r = 0; r < count; r++) {
        __m256 sum = _mm256_add_ps(_mm256_add_ps(sums[r][0], sums[r][1]), _mm256_add_ps(sums[r][2], sums[r][3]));
        __m128 half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
        half = _mm_add_ps(half, _mm_movehl_ps(half, half));
        out[r] = _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
    }
}

AVX2 INLINE void
rows_256(const float *query, const float *const *rows, int count, size_t d, int metric, float *out) {
    if (count == 1) {
        pair_256(query, rows, 1, d, metric, out);
    } else {
        pair_256(query, rows, 2, d, metric, out);
        pair_256(query, rows + 2, 2, d, metric, out + 2);
    }
}
#endif

#define PORTABLE

INLINE float portable(const float *x, const float *y, size_t d, int metric) {
    float sums[16] = {0};
    size_t i = 0;
    for (; i + 16 <= d; i += 16)
        UNROLL for (int s = 0; s < 16; s++) {
            float a = metric == INNER_PRODUCT ? x[i + s] : x[i + s] - y[i + s];
            float b = metric == INNER_PRODUCT ? y[i + s] : a;
            sums[s] += a * b;
        }
    for (int s = 0; i < d; i++, s++) {
        float a = metric == INNER_PRODUCT ? x[i] : x[i] - y[i];
        float b = metric == INNER_PRODUCT ? y[i] : a;
        sums[s] += a * b;
    }
    for (int width = 8; width > 0; width /= 2)
        for (int s = 0; s < width; s++) sums[s] += sums[s + width];
    return sums[0];
}

INLINE void rows_portable(const float *query, const float *const *rows, int count, size_t d, int metric, float *out) {
    for (int r = 0; r < count; r++) out[r] = portable(query, rows[r], d, metric);
}

/// Which of 16 reach their floor, a bit each.
INLINE unsigned
reach_portable(const float *scores, float offset, float weight, const float *slack, const float *floors) {
    int any = 0;
    for (int i = 0; i < 16; i++) any |= scores[i] + (offset + weight * slack[i]) >= floors[i];
    if (!any) return 0; // the usual case, and a loop without branches
    unsigned bits = 0;
    for (int i = 0; i < 16; i++) bits |= (unsigned)(scores[i] + (offset + weight * slack[i]) >= floors[i]) << i;
    return bits;
}

#if defined(__x86_64__)
AVX2 INLINE unsigned
reach_256(const float *scores, float offset, float weight, const float *slack, const float *floors) {
    unsigned bits = 0;
    for (int i = 0; i < 16; i += 8) {
        __m256 more = _mm256_fmadd_ps(_mm256_set1_ps(weight), _mm256_loadu_ps(slack + i), _mm256_set1_ps(offset));
        __m256 score = _mm256_add_ps(_mm256_loadu_ps(scores + i), more);
        bits |= (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(score, _mm256_loadu_ps(floors + i), _CMP_GE_OQ)) << i;
    }
    return bits;
}

AVX512 INLINE unsigned
reach_512(const float *scores, float offset, float weight, const float *slack, const float *floors) {
    __m512 more = _mm512_fmadd_ps(_mm512_set1_ps(weight), _mm512_loadu_ps(slack), _mm512_set1_ps(offset));
    __m512 score = _mm512_add_ps(_mm512_loadu_ps(scores), more);
    return _mm512_cmp_ps_mask(score, _mm512_loadu_ps(floors), _CMP_GE_OQ);
}
#endif

/// The functions of one instruction set, over its `rows_…`.
#define DEFINE_DISTANCES(TARGET, LEVEL)                                                                               \
    TARGET static float inner_product_##LEVEL(const float *x, const float *y, size_t d) {                             \
        float out;                                                                                                    \
        rows_##LEVEL(x, &y, 1, d, INNER_PRODUCT, &out);                                                               \
        return out;                                                                                                   \
    }                                                                                                                 \
    TARGET static float squared_l2_##LEVEL(const float *x, const float *y, size_t d) {                                \
        float out;                                                                                                    \
        rows_##LEVEL(x, &y, 1, d, SQUARED_L2, &out);                                                                  \
        return out;                                                                                                   \
    }                                                                                                                 \
    TARGET static void inner_product_4_##LEVEL(                                                                       \
        const float *query, const float *const *rows, size_t d, float *out                                            \
    ) {                                                                                                               \
        rows_##LEVEL(query, rows, 4, d, INNER_PRODUCT, out);                                                          \
    }                                                                                                                 \
    TARGET static void squared_l2_4_##LEVEL(const float *query, const float *const *rows, size_t d, float *out) {     \
        rows_##LEVEL(query, rows, 4, d, SQUARED_L2, out);                                                             \
    }                                                                                                                 \
    TARGET INLINE void many_##LEVEL(                                                                                  \
        const float *query, const float *rows, size_t d, size_t count, int metric, float *out                         \
    ) {                                                                                                               \
        size_t r = 0;                                                                                                 \
        for (; r + 4 <= count; r += 4) {                                                                              \
            const float *four = rows + r * d;                                                                         \
            for (size_t p = 0; p < 4 * d; p += 16) __builtin_prefetch(four + p + AHEAD);                              \
            const float *const next[4] = {four, four + d, four + 2 * d, four + 3 * d};                                \
            rows_##LEVEL(query, next, 4, d, metric, out + r);                                                         \
        }                                                                                                             \
        for (; r < count; r++) {                                                                                      \
            const float *one = rows + r * d;                                                                          \
            rows_##LEVEL(query, &one, 1, d, metric, out + r);                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    TARGET static void inner_product_ny_##LEVEL(                                                                      \
        const float *query, const float *rows, size_t d, size_t count, float *out                                     \
    ) {                                                                                                               \
        many_##LEVEL(query, rows, d, count, INNER_PRODUCT, out);                                                      \
    }                                                                                                                 \
    TARGET static void squared_l2_ny_##LEVEL(                                                                         \
        const float *query, const float *rows, size_t d, size_t count, float *out                                     \
    ) {                                                                                                               \
        many_##LEVEL(query, rows, d, count, SQUARED_L2, out);                                                         \
    }                                                                                                                 \
    TARGET static size_t reaching_##LEVEL(                                                                            \
        const float *scores, float offset, float weight, const float *slack, const float *floors, size_t count,       \
        uint32_t *places                                                                                              \
    ) {                                                                                                               \
        size_t found = 0, i = 0;                                                                                      \
        for (; i + 16 <= count; i += 16)                                                                              \
            for (unsigned b = reach_##LEVEL(scores + i, offset, weight, slack + i, floors + i); b; b &= b - 1)        \
                places[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(b);                                           \
        for (; i < count; i++)                                                                                        \
            if (scores[i] + (offset + weight * slack[i]) >= floors[i]) places[found++] = (uint32_t)i;                 \
        return found;                                                                                                 \
    }                                                                                                                 \
    static const semblance_distances distances_##LEVEL = {                                                            \
        inner_product_##LEVEL,    squared_l2_##LEVEL,    inner_product_4_##LEVEL, squared_l2_4_##LEVEL,               \
        inner_product_ny_##LEVEL, squared_l2_ny_##LEVEL, reaching_##LEVEL,                                            \
    };

DEFINE_DISTANCES(PORTABLE, portable)
#if defined(__x86_64__)
DEFINE_DISTANCES(AVX2, 256)
DEFINE_DISTANCES(AVX512, 512)
#endif

const semblance_distances *semblance_distances_at(semblance_cpu_level level) {
#if defined(__x86_64__)
    if (level == SEMBLANCE_CPU_AVX512) return &distances_512;
    if (level == SEMBLANCE_CPU_AVX2) return &distances_256;
#endif
    (void)level;
    return &distances_portable;
}

float semblance_inner_product(const float *x, const float *y, size_t d) {
    return semblance_distances_at(semblance_cpu())->inner_product(x, y, d);
}

float semblance_squared_l2(const float *x, const float *y, size_t d) {
    return semblance_distances_at(semblance_cpu())->squared_l2(x, y, d);
}

/// Double precision: no float squared overflows or vanishes.
static double squared_length(const float *x, size_t d) {
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= d; i += 8) UNROLL for (int s = 0; s < 8; s++) sums[s] += (double)x[i + s] * x[i + s];
    for (int s = 0; i < d; i++, s++) sums[s] += (double)x[i] * x[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

size_t semblance_first_unusable_row(const float *rows, size_t count, size_t d) {
    const double longest = SEMBLANCE_LONGEST_VECTOR * SEMBLANCE_LONGEST_VECTOR;
    for (size_t r = 0; r < count; r++)
        if (!(squared_length(rows + r * d, d) <= longest)) return r; // NaN is not below
    return count;
}
