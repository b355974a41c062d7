// C = A·B in blocks: some rows of A are packed beside each other and stay in the L2 cache while the packed panels of B
// stream past; a tile of registers holds ROWS × PANEL sums. Where k needs several blocks, partial sums wait in `sums`.

#include "include/semblance_gemm.h"

#include "include/semblance_cpu.h"
#include "include/semblance_memory.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma clang diagnostic ignored "-Wpass-failed" // sanitizers keep some loops from being unrolled

// A block of A holds KC × MC floats, or more rows where k is shorter, and with the partial sums of MC × NC elements
// leaves room in an L2 cache of 1 MiB. Of all sizes tried these came closest to the best everywhere.
enum { PANEL = 32, KC = 512, MC = 192, NC = 384, MOST_ROWS = 12 };

size_t semblance_panel_width(void) { return PANEL; }

static size_t panels(size_t n) { return n / PANEL + (n % PANEL != 0); }

size_t semblance_packed_count(size_t k, size_t n) { return panels(n) * PANEL * k; }

/// What becomes of a finished sum.
typedef struct finish {
    float alpha;
    int accumulate;
} finish;

// MARK: Register tiles

#define NAME(x) x##_portable
#define TARGET
#define LANES 4
#define FMA(a, b, c) ((a) * (b) + (c))
#if defined(__aarch64__)
#define ROWS 6
#define VECTORS 4
#else
#define ROWS 6
#define VECTORS 2
#endif
enum { PORTABLE_ROWS = ROWS };
#include "gemm_level.h"
#undef NAME
#undef TARGET
#undef LANES
#undef FMA
#undef ROWS
#undef VECTORS

#if defined(__x86_64__)
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)

#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 6
#define VECTORS 2
enum { AVX2_ROWS = ROWS };
#include "gemm_level.h"
#undef NAME
#undef TARGET
#undef LANES
#undef ROWS
#undef VECTORS

#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define LANES 16
#define ROWS 12
#define VECTORS 2
enum { AVX512_ROWS = ROWS };
#include "gemm_level.h"
#undef NAME
#undef TARGET
#undef LANES
#undef ROWS
#undef VECTORS
#endif

// MARK: Packing
// Both operands are packed as groups of columns of some X: `width` floats for each l, x(l, i) = x[l * ls + i * is].

/// One group: `width` floats for each of `k` steps, those from `used` on zero.
static void pack_group_portable(
    size_t k, size_t used, size_t width, const float *x, size_t ls, size_t is, float *out
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
__attribute__((target("avx2"))) static void transpose8(size_t used, size_t width, const float *x, size_t is, float *out) {
    __m256 r[8], t[8];
    for (size_t i = 0; i < 8; i++) r[i] = i < used ? _mm256_loadu_ps(x + i * is) : _mm256_setzero_ps();
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
    if (width == 6) { // the A panels of this level
        for (size_t l = 0; l < 8; l++) {
            _mm_storeu_ps(out + l * 6, _mm256_castps256_ps128(t[l]));
            _mm_storel_pi((__m64 *)(out + l * 6 + 4), _mm256_extractf128_ps(t[l], 1));
        }
        return;
    }
    for (size_t l = 0; l < 8; l++) _mm256_storeu_ps(out + l * width, t[l]);
}

static void pack_group_avx2(size_t k, size_t used, size_t width, const float *x, size_t ls, size_t is, float *out) {
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
    size_t steps, size_t used, size_t width, const float *x, size_t is, float *out
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
            _mm256_storeu_ps(out + l * 12, _mm512_castps512_ps256(r[l]));
            _mm_storeu_ps(out + l * 12 + 8, _mm512_extractf32x4_ps(r[l], 2));
        }
        return;
    }
    _Pragma("clang loop unroll(full)") for (size_t l = 0; l < 16; l++) {
        if (l >= steps) return;
        _mm512_storeu_ps(out + l * width, r[l]);
    }
}

__attribute__((target("avx512f"))) static void pack_group_avx512(
    size_t k, size_t used, size_t width, const float *x, size_t ls, size_t is, float *out
) {
    if (is == 1 && used == 12 && width == 12) {
        for (size_t l = 0; l < k; l++, x += ls, out += 12) {
            __m256 low = _mm256_loadu_ps(x);
            __m128 high = _mm_loadu_ps(x + 8);
            _mm256_storeu_ps(out, low);
            _mm_storeu_ps(out + 8, high);
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

typedef struct level {
    size_t rows;
    void (*pack_group)(size_t, size_t, size_t, const float *, size_t, size_t, float *);
    void (*tile)(
        size_t, size_t, size_t, const float *, const float *, const char *, size_t, float *, int, int, const finish *,
        const float *, float *, size_t
    );
} level;

static const level levels[] = {
    [SEMBLANCE_CPU_PORTABLE] = {PORTABLE_ROWS, pack_group_portable, tile_portable},
#if defined(__x86_64__)
    [SEMBLANCE_CPU_AVX2] = {AVX2_ROWS, pack_group_avx2, tile_avx2},
    [SEMBLANCE_CPU_AVX512] = {AVX512_ROWS, pack_group_avx512, tile_avx512},
#endif
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// Groups of `width` columns, each `k` steps long. Goes through a few steps of all groups at a time: a step's columns lie
/// side by side in memory, two steps may lie in different pages.
static void pack_groups(
    const level *v, size_t k, size_t n, size_t width, const float *x, size_t ls, size_t is, float *out
) {
    size_t run = is == 1 ? 8 : k ? k : 1;
    for (size_t l = 0; l < k; l += run)
        for (size_t i = 0; i < n; i += width)
            v->pack_group(
                least(run, k - l), least(width, n - i), width, x + l * ls + i * is, ls, is, out + i * k + l * width
            );
}

void semblance_pack(
    size_t k, size_t n, const float *b, size_t row_stride, size_t column_stride, float *packed
) {
    pack_groups(&levels[semblance_cpu()], k, n, PANEL, b, row_stride, column_stride, packed);
}

// MARK: Product

void semblance_product_packed(
    size_t m, size_t n, size_t k, const float *a, size_t a_row_stride, size_t a_column_stride, const float *packed,
    float alpha, int accumulate, const float *bias, float *c, size_t ldc
) {
    if (m == 0 || n == 0) return;
    const level *v = &levels[semblance_cpu()];
    const finish f = {alpha, accumulate};

    // Equal blocks of k, at most KC each; one (empty) block when k is 0.
    size_t k_blocks = k ? (k + KC - 1) / KC : 1;
    size_t kc = (k + k_blocks - 1) / k_blocks;
    size_t tiles = MC * KC / (kc ? kc : 1) / v->rows;
    size_t mc = least(tiles, (m + v->rows - 1) / v->rows) * v->rows;
    size_t nc = k_blocks == 1 ? n : NC;

    float stack[MOST_ROWS * (KC + PANEL)];
    size_t sums_count = k_blocks == 1 ? v->rows * PANEL : mc * least(nc, panels(n) * PANEL);
    size_t bytes = (mc * kc + sums_count) * sizeof(float);
    float *workspace = bytes <= sizeof stack ? stack : semblance_buffer_allocate(bytes);
    if (!workspace) { // the smallest blocks, in the same order of summation
        workspace = stack;
        mc = v->rows;
        if (k_blocks > 1) nc = PANEL;
    }
    float *left = workspace, *sums = workspace + mc * kc;

    for (size_t i0 = 0; i0 < m; i0 += mc) {
        size_t rows = least(mc, m - i0);
        for (size_t j0 = 0; j0 < n; j0 += nc) {
            size_t columns = least(nc, n - j0);
            for (size_t l0 = 0, last = 0; !last; l0 += kc) {
                size_t steps = least(kc, k - l0);
                last = k - l0 <= kc;
                if (k_blocks > 1 || j0 == 0)
                    pack_groups(
                        v, steps, rows, v->rows, a + i0 * a_row_stride + l0 * a_column_stride, a_column_stride,
                        a_row_stride, left
                    );
                float *tile_sums = sums;
                // Bytes of the next panel to fetch for each step, so that all tiles of this one together fetch it.
                size_t share = PANEL * sizeof(float) / ((rows + v->rows - 1) / v->rows) + 1;
                for (size_t j = 0; j < columns; j += PANEL) {
                    const float *panel = packed + (j0 + j) * k + l0 * PANEL;
                    const char *ahead = (const char *)(panel + (j + PANEL < columns ? PANEL * k : 0));
                    for (size_t i = 0; i < rows; i += v->rows) {
                        v->tile(
                            least(v->rows, rows - i), least(PANEL, columns - j), steps, left + i * steps, panel,
                            ahead, share, tile_sums, l0 == 0, (int)last, &f, bias ? bias + j0 + j : NULL,
                            c + (i0 + i) * ldc + j0 + j, ldc
                        );
                        ahead += share * steps;
                        if (k_blocks > 1) tile_sums += v->rows * PANEL;
                    }
                }
            }
        }
    }
    if (workspace != stack) semblance_buffer_release(workspace, bytes);
}
