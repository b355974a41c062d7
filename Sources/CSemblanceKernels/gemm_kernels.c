// The tiles of every precision and instruction set, and which one to use.

#include "gemm_internal.h"

#include "include/semblance_cpu.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma clang diagnostic ignored "-Wpass-failed" // sanitizers keep some loops from being unrolled

// MARK: fp32

#define FLOAT_VALUE(sum, i, j) (sum)

#if defined(__aarch64__)
#define PORTABLE_VECTORS 4
#else
#define PORTABLE_VECTORS 2
#endif

#define NAME(x) x##_fp32_portable
#define TARGET
#define LANES 4
#define ROWS 6
#define VECTORS PORTABLE_VECTORS
#define SUM float
#define DOT(a, b, sum) ((floats)(a) * (floats)(b) + (sum))
#define VALUE FLOAT_VALUE
#include "gemm_level.h"

#if defined(__x86_64__)
#define NAME(x) x##_fp32_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 6
#define VECTORS 2
#define SUM float
#define DOT(a, b, sum) __builtin_elementwise_fma((floats)(a), (floats)(b), sum)
#define VALUE FLOAT_VALUE
#include "gemm_level.h"

#define NAME(x) x##_fp32_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define LANES 16
#define ROWS 12
#define VECTORS 2
#define SUM float
#define DOT(a, b, sum) __builtin_elementwise_fma((floats)(a), (floats)(b), sum)
#define VALUE FLOAT_VALUE
#include "gemm_level.h"
#endif

// MARK: bf16
// The product of two bfloat16 is exact in a float, so fused or not, each step is: sum + odd · odd, then + even · even.

#define UPPER(x) ((floats)((x) & (int32_t)0xFFFF0000))
#define LOWER(x) ((floats)((x) << 16))

#define NAME(x) x##_bf16_portable
#define TARGET
#define LANES 4
#define ROWS 6
#define VECTORS PORTABLE_VECTORS
#define SUM float
#define DOT(a, b, sum) (LOWER(a) * LOWER(b) + (UPPER(a) * UPPER(b) + (sum)))
#define VALUE FLOAT_VALUE
#include "gemm_level.h"

#if defined(__x86_64__)
#define NAME(x) x##_bf16_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")))
#define LANES 16
#define ROWS 12
#define VECTORS 2
#define SUM float
#define DOT(a, b, sum) (vector) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))
#define VALUE FLOAT_VALUE
#include "gemm_level.h"
#endif

// MARK: int8
// Unsigned bytes of A by signed bytes of B, summed in 32 bits: exact, for sums of up to 65,536 products fit.

#define INT8_VALUE(sum, i, j)                                                                                          \
    (__builtin_convertvector((sum) - f->row_scalings[i].zero * *(const words *)(f->column_sums + (j)), floats)         \
     * (f->row_scalings[i].scale * *(const floats *)(f->column_scales + (j))))
#define BYTE_PRODUCT(a, b, n) (((a) >> 8 * (n) & 0xFF) * ((b) << (24 - 8 * (n)) >> 24))

#define NAME(x) x##_int8_portable
#define TARGET
#define LANES 4
#define ROWS 6
#define VECTORS PORTABLE_VECTORS
#define SUM int32_t
#define DOT(a, b, sum)                                                                                                 \
    ((sum) + BYTE_PRODUCT(a, b, 0) + BYTE_PRODUCT(a, b, 1) + BYTE_PRODUCT(a, b, 2) + BYTE_PRODUCT(a, b, 3))
#define VALUE INT8_VALUE
#include "gemm_level.h"

#if defined(__x86_64__)
// Without VNNI, as 16-bit numbers: even and odd bytes, whose pairs of products can't overflow as those of
// _mm256_maddubs_epi16 do.
#define EVEN_A(a) _mm256_and_si256((__m256i)(a), _mm256_set1_epi16(0xFF))
#define ODD_A(a) _mm256_srli_epi16((__m256i)(a), 8)
#define EVEN_B(b) _mm256_srai_epi16(_mm256_slli_epi16((__m256i)(b), 8), 8)
#define ODD_B(b) _mm256_srai_epi16((__m256i)(b), 8)

#define NAME(x) x##_int8_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 4
#define VECTORS 2
#define SUM int32_t
#define DOT(a, b, sum)                                                                                                 \
    ((sum) + (vector)_mm256_madd_epi16(EVEN_A(a), EVEN_B(b)) + (vector)_mm256_madd_epi16(ODD_A(a), ODD_B(b)))
#define VALUE INT8_VALUE
#include "gemm_level.h"
#undef EVEN_A
#undef ODD_A
#undef EVEN_B
#undef ODD_B

#define NAME(x) x##_int8_avxvnni
#define TARGET __attribute__((target("avx2,fma,avxvnni")))
#define LANES 8
#define ROWS 6
#define VECTORS 2
#define SUM int32_t
#define DOT(a, b, sum) (vector) _mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(a), (__m256i)(b))
#define VALUE INT8_VALUE
#include "gemm_level.h"

#define EVEN_A(a) _mm512_and_si512((__m512i)(a), _mm512_set1_epi16(0xFF))
#define ODD_A(a) _mm512_srli_epi16((__m512i)(a), 8)
#define EVEN_B(b) _mm512_srai_epi16(_mm512_slli_epi16((__m512i)(b), 8), 8)
#define ODD_B(b) _mm512_srai_epi16((__m512i)(b), 8)

#define NAME(x) x##_int8_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define LANES 16
#define ROWS 12
#define VECTORS 2
#define SUM int32_t
#define DOT(a, b, sum)                                                                                                 \
    ((sum) + (vector)_mm512_madd_epi16(EVEN_A(a), EVEN_B(b)) + (vector)_mm512_madd_epi16(ODD_A(a), ODD_B(b)))
#define VALUE INT8_VALUE
#include "gemm_level.h"

#define NAME(x) x##_int8_avx512vnni
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))
#define LANES 16
#define ROWS 12
#define VECTORS 2
#define SUM int32_t
#define DOT(a, b, sum) (vector) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b))
#define VALUE INT8_VALUE
#include "gemm_level.h"
#endif

// MARK: AMX

#if defined(__x86_64__)
#define TILES
#define TARGET __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, p, bytes) _tile_loadd(t, p, bytes)
#define TILE_STORE(t, p, bytes) _tile_stored(t, p, bytes)

#define NAME(x) x##_bf16_amx
#define TILE_DOT(sums, a, b) _tile_dpbf16ps(sums, a, b)
#define FINISH finish_fp32_avx512
#include "gemm_tiles.h"

#define NAME(x) x##_int8_amx
#define TILE_DOT(sums, a, b) _tile_dpbusd(sums, a, b)
#define FINISH finish_int8_avx512
#include "gemm_tiles.h"

TARGET static void begin_amx(void) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16]; // of a row
        uint8_t rows[16];
    } shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        shapes.bytes[t] = PIECE * sizeof(word);
        shapes.rows[t] = 16;
    }
    _tile_loadconfig(&shapes);
}

TARGET static void end_amx(void) { _tile_release(); }

#undef TILES
#undef TARGET
#undef TILE_ZERO
#undef TILE_LOAD
#undef TILE_STORE
#endif

// The same tiles in plain C, so that all but the instructions themselves is tested on every CPU.

typedef struct emulated_tile {
    word row[16][16];
} emulated_tile;

static void emulated_load(emulated_tile *t, const void *p, size_t bytes) {
    for (size_t i = 0; i < 16; i++) memcpy(t->row[i], (const char *)p + i * bytes, sizeof t->row[i]);
}

static void emulated_store(const emulated_tile *t, void *p, size_t bytes) {
    for (size_t i = 0; i < 16; i++) memcpy((char *)p + i * bytes, t->row[i], sizeof t->row[i]);
}

static float bfloat(word w, int odd) {
    word bits = odd ? w & 0xFFFF0000 : w << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/// As the instruction: even and odd products are summed apart, then added.
static void emulated_dpbf16ps(emulated_tile *sums, const emulated_tile *a, const emulated_tile *b) {
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) {
            float part[2] = {0, 0}, sum;
            for (int l = 0; l < 16; l++)
                for (int odd = 0; odd < 2; odd++)
                    part[odd] += bfloat(a->row[i][l], odd) * bfloat(b->row[l][j], odd);
            memcpy(&sum, &sums->row[i][j], sizeof sum);
            sum += part[0] + part[1];
            memcpy(&sums->row[i][j], &sum, sizeof sum);
        }
}

static void emulated_dpbusd(emulated_tile *sums, const emulated_tile *a, const emulated_tile *b) {
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            for (int l = 0; l < 16; l++)
                for (int byte = 0; byte < 32; byte += 8)
                    sums->row[i][j] += (word)((int32_t)(a->row[i][l] >> byte & 0xFF) * (int8_t)(b->row[l][j] >> byte));
}

#define TILES emulated_tile tiles[8];
#define TARGET
#define TILE_ZERO(t) memset(&tiles[t], 0, sizeof tiles[t])
#define TILE_LOAD(t, p, bytes) emulated_load(&tiles[t], p, bytes)
#define TILE_STORE(t, p, bytes) emulated_store(&tiles[t], p, bytes)

#define NAME(x) x##_bf16_emulated
#define TILE_DOT(sums, a, b) emulated_dpbf16ps(&tiles[sums], &tiles[a], &tiles[b])
#define FINISH finish_fp32_portable
#include "gemm_tiles.h"

#define NAME(x) x##_int8_emulated
#define TILE_DOT(sums, a, b) emulated_dpbusd(&tiles[sums], &tiles[a], &tiles[b])
#define FINISH finish_int8_portable
#include "gemm_tiles.h"

// MARK: Choice

static const kernel fp32_portable = {.rows = 6, .tile = tile_fp32_portable};
static const kernel bf16_portable = {.rows = 6, .tile = tile_bf16_portable};
static const kernel int8_portable = {.rows = 6, .tile = tile_int8_portable};
static const kernel bf16_emulated = {.rows = 32, .tiled = 1, .tile = tile_bf16_emulated};
static const kernel int8_emulated = {.rows = 32, .tiled = 1, .tile = tile_int8_emulated};
#if defined(__x86_64__)
static const kernel fp32_avx2 = {.rows = 6, .tile = tile_fp32_avx2};
static const kernel fp32_avx512 = {.rows = 12, .tile = tile_fp32_avx512};
static const kernel bf16_avx512 = {.rows = 12, .tile = tile_bf16_avx512};
static const kernel bf16_amx = {32, 1, begin_amx, end_amx, tile_bf16_amx};
static const kernel int8_avx2 = {.rows = 4, .tile = tile_int8_avx2};
static const kernel int8_avxvnni = {.rows = 6, .tile = tile_int8_avxvnni};
static const kernel int8_avx512 = {.rows = 12, .tile = tile_int8_avx512};
static const kernel int8_avx512vnni = {.rows = 12, .tile = tile_int8_avx512vnni};
static const kernel int8_amx = {32, 1, begin_amx, end_amx, tile_int8_amx};
#endif

const kernel *semblance_kernel(semblance_precision precision, int *is_fast) {
    unsigned has = semblance_cpu_features();
    *is_fast = 1;
    switch (precision) {
    case SEMBLANCE_FLOAT32:
#if defined(__x86_64__)
        if (semblance_cpu() == SEMBLANCE_CPU_AVX512) return &fp32_avx512;
        if (semblance_cpu() == SEMBLANCE_CPU_AVX2) return &fp32_avx2;
#endif
        return &fp32_portable;
    case SEMBLANCE_BFLOAT16:
        if (has & SEMBLANCE_CPU_EMULATED_AMX) return &bf16_emulated;
#if defined(__x86_64__)
        if (has & SEMBLANCE_CPU_AMX) return &bf16_amx;
        if (has & SEMBLANCE_CPU_AVX512_BF16) return &bf16_avx512;
#endif
        *is_fast = 0;
        return &bf16_portable;
    case SEMBLANCE_INT8:
        if (has & SEMBLANCE_CPU_EMULATED_AMX) return &int8_emulated;
#if defined(__x86_64__)
        if (has & SEMBLANCE_CPU_AMX) return &int8_amx;
        if (has & SEMBLANCE_CPU_AVX512_VNNI) return &int8_avx512vnni;
        if (semblance_cpu() == SEMBLANCE_CPU_AVX512) return &int8_avx512;
        if (has & SEMBLANCE_CPU_AVX_VNNI) return &int8_avxvnni;
        if (semblance_cpu() == SEMBLANCE_CPU_AVX2) return &int8_avx2;
#endif
        *is_fast = 0;
        return &int8_portable;
    }
    __builtin_unreachable();
}
